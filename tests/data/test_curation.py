"""Photos that somebody chose to do without: low scores of anybody's list, and photos that look like another one."""

from pathlib import Path

import pytest
from strange_photos import picture, put

from gsdd.data.catalog import Catalog, scan
from gsdd.data.curation import curated
from gsdd.data.decisions import decisions, dropped_counts
from gsdd.data.scores import read_scores
from gsdd.errors import RecipeError, SourceError
from gsdd.recipe import Crops

SCORES = {"sea/a.png": 0.25, "sea/b.png": 0.5, "sky/c.png": 0.75}


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    for number, name in enumerate(SCORES):
        put(tmp_path / "photos" / name, number)
    return scan(tmp_path / "photos", min_size=32)


def listed(tmp_path: Path, text: str) -> Path:
    (tmp_path / "scores.csv").write_text(text)
    return tmp_path / "scores.csv"


@pytest.mark.parametrize(
    "text",
    [
        "sea/a.png,0.25\nsea/b.png,0.5\nsky/c.png,0.75\n",
        "photo,score\nsky/c.png,.75\nsea/b.png,5e-1\nsea/a.png,0.25\nelsewhere/d.png,9\n",
        "name,width,Score,by\na.png,40,0.25,me\nb.png,40,0.5,me\nc.png,40,0.75,you\n",
        '\ufeffimg_name,hyperiqa\r\n"a.png",0.25\r\nb.png,0.5\r\n\r\nsky\\c.png,0.75\r\n',
        "./sea/a.png, 0.25\nsea/b.png , 0.5\nc.png,0.75",
    ],
    ids=["paths", "head", "columns", "spreadsheet", "spaces"],
)
def test_scores_are_read_as_people_write_them(tmp_path, catalog, text):
    assert read_scores(listed(tmp_path, text), catalog) == SCORES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "sea/a.png,0.25\n",
            "has no score of sea/b.png and 1 other photos of .*; score them too, by path or file name",
        ),
        ("", "has no score of sea/a.png and 2 other photos"),
        ("sea/a.png,0.25\nsea/b.png,good\n", r"row 2: got 'sea/b\.png,good', wanted a photo and its score"),
        ("sea/a.png,nan\n", "has no score"),
        ("sea/a.png,1\nsea/b.png,nan\n", r"row 2: got 'sea/b\.png,nan'"),
        ("sea/a.png,1\nsea/b.png\n", r"row 2: got 'sea/b\.png'"),
        ("sea/a.png,1\nsea/a.png,2\n", "row 2: sea/a.png has another score before; give one a photo"),
        ('sea/a.png,"1\n', "is not CSV in UTF-8"),
    ],
)
def test_what_is_no_list_of_scores_is_refused_by_row(tmp_path, catalog, text, told):
    with pytest.raises(SourceError, match=rf"scores\.csv: .*{told}"):
        read_scores(listed(tmp_path, text), catalog)


def test_a_file_name_of_two_photos_needs_its_path(tmp_path):
    put(tmp_path / "photos" / "sea" / "a.png", 1)
    put(tmp_path / "photos" / "sky" / "a.png", 2)
    catalog = scan(tmp_path / "photos", min_size=32)
    with pytest.raises(SourceError, match=r"a\.png is the name of 2 photos, such as sea/a\.png; give paths"):
        read_scores(listed(tmp_path, "a.png,1\n"), catalog)
    assert read_scores(listed(tmp_path, "sea/a.png,1\nsky/a.png,2\n"), catalog) == {"sea/a.png": 1, "sky/a.png": 2}


def test_a_file_of_scores_that_is_not_there_is_told(tmp_path, catalog):
    with pytest.raises(SourceError, match=r"none\.csv: cannot be read: No such file"):
        read_scores(tmp_path / "none.csv", catalog)


def test_photos_are_kept_above_a_score_and_what_was_dropped_is_counted(tmp_path, catalog):
    path = listed(tmp_path, "".join(f"{name},{score}\n" for name, score in SCORES.items()))
    kept = curated(catalog, Crops(scores=str(path), keep_above=0.25))
    assert [record.path for record in kept.records] == ["sea/b.png", "sky/c.png"]
    assert [(photo.path, photo.reason) for photo in kept.dropped] == [("sea/a.png", "score 0.25, wanted above 0.25")]
    assert dropped_counts(kept) == {"score": 1}
    assert decisions(kept) == ("dropped 1 for score",)
    assert kept.skipped == catalog.skipped
    with pytest.raises(SourceError, match=r"class sea in .*: all its photos are dropped, the first for: score 0\.25"):
        curated(catalog, Crops(scores=str(path), keep_above=0.5))


@pytest.mark.parametrize("values", [{"scores": "a.csv"}, {"keep_above": 0.0}])
def test_scores_and_what_to_keep_come_together(values):
    with pytest.raises(RecipeError, match="got none beside"):
        Crops(**values)


def test_of_photos_that_look_alike_one_is_kept_whatever_class_it_is_of(tmp_path, catalog):
    smooth = picture(9, 12, 16).resize((96, 72), 3)
    smooth.save(tmp_path / "photos" / "sea" / "large.png")
    smooth.resize((48, 36), 3).save(tmp_path / "photos" / "sky" / "small.png")
    whole = scan(tmp_path / "photos", min_size=32)
    assert curated(whole, Crops()) == whole
    kept = curated(whole, Crops(drop_duplicates=True))
    assert [(photo.class_name, photo.path, photo.reason) for photo in kept.dropped] == [
        ("sky", "sky/small.png", "duplicate of sea/large.png")
    ]
    assert dropped_counts(kept) == {"duplicate": 1}
    assert kept.images == whole.images - 1
