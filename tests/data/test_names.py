import re

import pytest

from gsdd.data.names import class_folders, image_stems, slug


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("sky", "sky"),
        ("Old town-2.1", "Old_town-2.1"),
        ("../x", "_x"),
        ("..", "_"),
        ("", "_"),
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("small.", "small"),
        ("con", "_con"),
        ("NUL", "_NUL"),
        ("com1.txt", "_com1.txt"),
        ("..con", "_con"),
        ("console", "console"),
        ("небо", "____"),
        ("line\nbreak\0", "line_break_"),
        ("x" * 300, "x" * 64),
        ("con." + "y" * 300, "_con." + "y" * 59),
    ],
)
def test_a_class_name_becomes_one_safe_folder_name(class_name, expected):
    assert slug(class_name) == expected


def test_every_slug_is_safe_whatever_the_text():
    for code in range(0x500):
        for text in (chr(code), chr(code) * 3, f"a{chr(code)}b", f"{chr(code)}con", f"con{chr(code)}"):
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", slug(text))
            assert not slug(text).endswith(".")
            assert slug(text).split(".")[0].lower() not in {"con", "nul", "aux", "prn"}


def test_classes_that_would_share_a_folder_get_numbers():
    assert class_folders(["a/b", "a_b", "a:b", "a_b_2"]) == ("a_b", "a_b_2", "a_b_3", "a_b_2_2")


def test_folders_differ_also_where_the_file_system_ignores_case():
    assert class_folders(["Sky", "sky", "SKY"]) == ("Sky", "sky_2", "SKY_3")


def test_a_number_keeps_long_names_within_64_characters():
    assert class_folders(["x" * 300, "x" * 301]) == ("x" * 64, "x" * 62 + "_2")


def test_stems_count_through_all_latents_of_the_file():
    assert image_stems(("sky", "water"), [0, 0, 1], by_class=False) == ("sky_000000", "sky_000001", "water_000002")


def test_by_class_adds_the_folder_of_the_class():
    assert image_stems(("sky", "water"), [0, 1], by_class=True) == ("sky/sky_000000", "water/water_000001")
