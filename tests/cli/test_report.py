"""`gsdd report`, and the drawings of `gsdd compress`, as a user types them."""

import json
import re
from pathlib import Path

import pytest
from recipes import SMALL, quick

from gsdd.distill.chunk_inversion import ChunkInversion

pytestmark = pytest.mark.usefixtures("desk")
COMPRESS = ["compress", "photos", *quick(**SMALL | {"ipc": 2})]
DRAWN = ["--report", "r.html", "--contact-sheet", "s.png"]


@pytest.fixture
def steps(monkeypatch) -> list[int]:
    """The steps that inversions make, as they are made."""
    made, step = list[int](), ChunkInversion.step

    def counted(self, bf16, number):
        made.append(number)
        return step(self, bf16, number)

    monkeypatch.setattr(ChunkInversion, "step", counted)
    return made


def test_it_writes_a_page(gsdd):
    out, err = gsdd("report", "small.gsdd", "-o", "r.html")
    assert re.fullmatch(r"r\.html, [\d,]+ bytes with pictures of 11 latents\n", out)
    assert "inverted again" not in err
    assert Path("r.html").read_text().startswith("<!doctype html>")
    document = json.loads(gsdd("report", "small.gsdd", "--per-class", 1, "--json").out)
    assert document == {"path": "report.html", "bytes": Path("report.html").stat().st_size, "pictures": 3}
    assert gsdd("report", "small.gsdd", "-o", "q.html", "-q") == ("q.html\n", "")


def test_with_photos_it_says_what_the_inversion_will_take_before_that_begins(gsdd):
    for words in (["report", "small.gsdd"], ["info", "small.gsdd", "--contact-sheet", "s.png"]):
        lines = gsdd(*words, "--source", "photos").err.splitlines()
        told = next(
            k for k, line in enumerate(lines) if "crops are inverted again in 2 steps, which takes about" in line
        )
        assert all("inversion:" not in line for line in lines[:told])
        assert any("inversion:" in line for line in lines[told:])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["small.gsdd", "-o", "there.html"], 1, "there.html: exists already; --force replaces it"),
        (["small.gsdd", "-o", "r.pdf"], 1, "give a name that ends in .html"),
        (["small.gsdd", "-o", "gone/r.html"], 1, "there is no folder gone"),
        (["small.gsdd", "-o", "-"], 2, "give a name"),
        (["cut.gsdd", "-o", "r.html"], 3, "cut.gsdd: "),
        (["gone.gsdd", "-o", "r.html"], 1, "gone.gsdd: "),
        (["small.gsdd", "--source", "photos/animal"], 1, "not the folder that small.gsdd was made from"),
        (["small.gsdd", "--source", "gone"], 2, "'gone' does not exist"),
        (["small.gsdd", "--per-class", "0"], 2, "--per-class"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(gsdd, words, code, told):
    Path("there.html").write_text("mine")
    Path("cut.gsdd").write_bytes(Path("small.gsdd").read_bytes()[:-1])
    err = gsdd("report", *words, code=code).err.splitlines()
    assert told in err[-1]
    assert Path("there.html").read_text() == "mine"
    assert not Path("r.html").exists()


def test_compress_draws_with_no_second_inversion_and_makes_the_same_file(gsdd, steps):
    gsdd(*COMPRESS, "-o", "plain.gsdd")
    alone = len(steps)
    err = gsdd(*COMPRESS, "-o", "o.gsdd", *DRAWN).err
    assert len(steps) == 2 * alone > 0
    assert Path("o.gsdd").read_bytes() == Path("plain.gsdd").read_bytes()
    assert err.splitlines()[-2:] == ["report: r.html", "contact sheet: s.png"]
    page = Path("r.html").read_text()
    assert page.count('<svg viewBox="0 0 380 210"') == 2
    assert re.search(r"<dd>4 steps, \d+ s</dd>", page)
    gsdd("info", "o.gsdd", "--contact-sheet", "t.png", "--source", "photos")
    assert Path("t.png").read_bytes() == Path("s.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--report", "there.html"], "there.html: exists already; --force replaces it"),
        (["--contact-sheet", "there.png"], "there.png: exists already; --force replaces it"),
        (["--report", "r.txt"], "give a name that ends in .html"),
        (["--contact-sheet", "s.jpg"], "give a name that ends in .png"),
        (["--report", "photos/r.html"], "photos/r.html: lies in photos"),
        (["--report", "r.html", "-o", "r.html"], "r.html: is the output of the run itself"),
    ],
)
def test_drawings_that_cannot_be_written_are_refused_before_the_run(refused, words, told, desk):
    for name in ("there.html", "there.png"):
        Path(name).write_text("mine")
    before = sorted(desk.iterdir())
    for dry in ([], ["--dry-run"]):
        assert told in refused(*COMPRESS, "-o", "o.gsdd", *words, *dry)
    assert sorted(desk.iterdir()) == before


def test_a_dry_run_draws_nothing(gsdd, desk):
    before = sorted(desk.iterdir())
    gsdd(*COMPRESS, "-o", "o.gsdd", *DRAWN, "--dry-run")
    assert sorted(desk.iterdir()) == before


def test_json_names_the_drawings(gsdd):
    document = json.loads(gsdd(*COMPRESS, "-o", "o.gsdd", *DRAWN, "--json").out)
    assert (document["report"], document["contact_sheet"]) == ("r.html", "s.png")
