"""A list of crops, written and read back; what is no list is refused with the line named."""

import csv
from pathlib import Path

import pytest

from gsdd.data.catalog import Catalog, PhotoClass, PhotoRecord
from gsdd.data.crops import Crop
from gsdd.errors import SourceError
from gsdd.selection.crop_list import ListedCrop, find_crops, listed, read_list, to_csv

CATALOG = Catalog(
    Path("photos"),
    (
        PhotoClass("sky, clear", (PhotoRecord('sky, clear/"a".png', 1, "", 100, 64),)),
        PhotoClass("\\xff", (PhotoRecord("\\xff/b.png", 1, "", 64, 64), PhotoRecord("\\xff/Ü 雪.png", 1, "", 64, 200))),
    ),
    (),
    (),
)
CROPS = (Crop(0, 0, 0, 36), Crop(1, 1, 136, 0), Crop(1, 0, 0, 0))
HEAD = "class,photo,left,top,size\n"


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "list.csv"


def test_a_list_is_one_line_a_crop_for_any_reader_of_csv(file):
    file.write_bytes(to_csv(listed(CATALOG, CROPS, 64)))
    with file.open(newline="", encoding="utf-8") as lines:
        assert list(csv.DictReader(lines)) == [
            {"class": "sky, clear", "photo": 'sky, clear/"a".png', "left": "36", "top": "0", "size": "64"},
            {"class": "\\xff", "photo": "\\xff/Ü 雪.png", "left": "0", "top": "136", "size": "64"},
            {"class": "\\xff", "photo": "\\xff/b.png", "left": "0", "top": "0", "size": "64"},
        ]


def test_a_list_read_back_is_the_same_crops(file):
    rows = listed(CATALOG, CROPS, 64)
    file.write_bytes(to_csv(rows))
    assert read_list(file) == rows
    assert find_crops(read_list(file), CATALOG) == CROPS


def test_a_list_that_a_spreadsheet_saved_is_read_too(file):
    file.write_bytes(b"\xef\xbb\xbf" + to_csv(listed(CATALOG, CROPS, 64)).replace(b"\n", b"\r\n"))
    assert find_crops(read_list(file), CATALOG) == CROPS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "first line is not class,photo,left,top,size"),
        ("a,b\n", "first line is not"),
        (HEAD, "crops of 0 sizes"),
        (HEAD + "a,b,0,0,64\na,b,0,0,32\n", "crops of 2 sizes"),
        (HEAD + "a,b,0,0\n", "line 2: 4 values; wanted 5"),
        (HEAD + "a,b,0,0,64\n\n", "line 3: 0 values"),
        (HEAD + "a,b,-1,0,64\n", "line 2: left is '-1'; wanted a number of pixels"),
        (HEAD + "a,b,0,1.5,64\n", "line 2: top is '1.5'"),
        (HEAD + "a,b,0,0,\u0663\n", "line 2: size is"),
        (HEAD + "a,b,0,0,0\n", "line 2: size is 0"),
        (HEAD + f"a,b,{'9' * 5000},0,64\n", "line 2: left is"),
        (HEAD + 'a,"b,0,0,64\n', "line 2 is not CSV"),
        (HEAD + f"a,{'b' * 200_000},0,0,64\n", "line 2 is not CSV"),
    ],
)
def test_what_is_no_list_is_refused_with_its_line(file, text, told):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=told) as caught:
        read_list(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value)) < 400


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_refused(file, tmp_path):
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="not UTF-8 text"):
        read_list(file)
    with pytest.raises(SourceError, match=r"gone\.csv: cannot be read"):
        read_list(tmp_path / "gone.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        read_list(tmp_path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ListedCrop("sea", "sea/a.png", 0, 0, 64), "no usable photo sea/a.png in class sea"),
        (ListedCrop("\\xff", "../../etc/passwd", 0, 0, 64), "no usable photo ../../etc/passwd"),
        (ListedCrop("\\xff", "\\xff/b.png", 1, 0, 64), "is 64x64, and the list names a crop of 64 pixels at left 1"),
        (ListedCrop("\\xff", "\\xff/b.png", 0, 999_999_999, 64), "top 999999999"),
    ],
)
def test_crops_that_the_photos_do_not_have_are_refused_by_name(row, told):
    with pytest.raises(SourceError, match=told.replace(".", r"\.")) as caught:
        find_crops([row], CATALOG)
    assert "give the folder that the list was made from" in str(caught.value)
