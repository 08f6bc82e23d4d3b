"""docs/cli.md is what the commands say of themselves."""

from pathlib import Path

import click
import pytest

from gsdd.cli.main import cli
from gsdd.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_on_disk_is_the_one_that_the_commands_make():
    assert PAGE.read_text() == reference(), "python -m gsdd.cli.reference > docs/cli.md"


def test_the_page_names_every_command_and_every_option_with_its_default():
    page = reference()
    context = click.Context(cli, info_name="gsdd", **cli.context_settings)
    for name in cli.list_commands(context):
        section = page.partition(f"## gsdd {name}\n")[2].partition("\n## ")[0]
        for option in cli.get_command(context, name).params:
            if isinstance(option, click.Option):
                assert f"`{', '.join(option.opts)}" in section
    assert "- `--preset [quick|standard|paper]`: Supplies every setting that is not given. [default: standard]" in page


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("compress", "| `--codec-step` | give --set storage.step=VALUE |"),
        ("compress", "| `--target-size` | give --target 200KB |"),
        ("train", "| `--gan-iterations` | give --set gan_iterations=VALUE |"),
    ],
)
def test_the_page_maps_options_of_before_to_settings(name, row):
    section = reference().partition(f"## gsdd {name}\n")[2].partition("\n## ")[0]
    assert row in section.splitlines()
