"""What settings make a study, and the paper's own figures beside it."""

from pathlib import Path

import pytest

from gsdd.errors import RecipeError
from gsdd.study import paper
from gsdd.study.scales import settings_of
from gsdd.study.study import EXPERIMENTS

PAPER_TEXT = Path(__file__).parents[3] / "shared" / "reference" / "gsdd_paper.txt"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": 3}, "StudySettings: has no 'sources'"),
        ({"seeds": []}, "seeds"),
        ({"hr_size": "big"}, "hr_size.*'big'"),
        ({"students": ["nobody"]}, "nobody"),
        ({"training": {"seed": 1}}, "seed.*sets itself"),
        ({"distillation": {"iteration": 1}}, "did you mean 'matching.iterations'"),
        ({"metrics": ["beauty"]}, "beauty"),
        ({"distillation": {"seed": 1}}, "seed.*sets itself"),
        ({"baselines": ["magic"]}, "baselines.*magic"),
        ({"avif_qualities": [120]}, "avif_qualities.*120"),
    ],
)
def test_settings_that_make_no_study_are_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        settings_of("compare", "small", options)


def test_a_metric_of_several_conventions_is_all_of_them():
    assert settings_of("compare", "small", {"metrics": ["psnr"]}).metrics == ("psnr-y", "psnr-rgb")


def test_every_scale_of_every_experiment_makes_settings():
    for name in EXPERIMENTS:
        assert settings_of(name, "small", {}).hr_size == 128
        assert settings_of(name, "paper", {}).preset == "paper"


def test_the_papers_figures_are_those_of_its_text():
    if not PAPER_TEXT.is_file():
        assert paper.table3()["GSDD"] == {"SSIM": 0.7986, "LPIPS": 0.1351}
        return
    lines = [line.replace("*", "").replace("$", "").split() for line in PAPER_TEXT.read_text().splitlines()]
    plain = [" ".join(word for word in line if not word.startswith("\\")) for line in lines]
    name, found = "", set()
    for line in plain:
        words = line.split()
        if "SSIM" in words and words[0] != "SSIM":
            name = words[0]
        found.add(f"{name} {line}" if words[:1] == ["LPIPS"] else line)
    for row in [*paper.TABLE1_TEXT.split("\n"), *paper.TABLE2_TEXT.split("\n"), *paper.TABLE3_TEXT.split("\n")]:
        assert row in found, row
    assert f"Ratio {paper.TABLE1_RATIO}" in plain
    text = " ".join(PAPER_TEXT.read_text().split())
    for sentence in (paper.FIG7_TEXT, *paper.FIG8_TEXT):
        assert sentence in text
    assert len(paper.table1()) == 12 and len(paper.table2()) == 8 and len(paper.table3()) == 8
