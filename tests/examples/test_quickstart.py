"""The notebook: its cells run in a kernel, with fewer steps, and what is stored is what a whole run left."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"
FEW = {"inversion_steps": 2, "matching_steps": 1, "training_steps": 3}
MODELS = ("bicubic", "random", "herding", "distilled")


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook):
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def with_fewer_steps(notebook):
    """Put new values after the cell that is tagged as parameters, as papermill does."""
    (place,) = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    assigned = {target.id for line in ast.parse(notebook.cells[place].source).body for target in line.targets}
    assert assigned == FEW.keys()
    notebook.cells.insert(place + 1, new_code_cell("\n".join(f"{name} = {value}" for name, value in FEW.items())))
    return notebook


def test_it_runs_from_photos_to_a_comparison(notebook, tmp_path):
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(with_fewer_steps(notebook), timeout=300, kernel_name="python3", resources=place).execute()
    said = printed(notebook)
    assert "6 photos to compress, 6 to test on" in said
    assert re.search(r"photos\.gsdd: 24 latents of 6 photos, [\d,]+ bytes", said)
    assert "3 steps on 24 pairs" in said
    scores = {name: float(re.search(rf"^{name} +([\d.]+) dB", said, re.MULTILINE)[1]) for name in MODELS}
    assert all(10 < score < 50 for score in scores.values())
    assert all((tmp_path / name).is_file() for name in ("report.html", "sheet.png", "photos.gsdd"))


def test_it_is_stored_with_the_outputs_of_a_whole_run(notebook):
    assert NOTEBOOK.stat().st_size < 500_000
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code(notebook)] == [*range(1, len(code(notebook)) + 1)]
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert [output for output in outputs if "image/jpeg" in output.get("data", {})]
    assert all(re.search(rf"^{name} +[\d.]+ dB", printed(notebook), re.MULTILINE) for name in MODELS)
