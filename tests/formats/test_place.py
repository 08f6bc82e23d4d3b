"""A URL is told from a path, has a name, and shows no secrets."""

import os
import pickle
from pathlib import Path

import pytest

from gsdd.formats.place import Url, place_of, without_secrets


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("https://host/sets/ost.gsdd", "https://host/sets/ost.gsdd", "ost.gsdd"),
        ("https://host/ost.gsdd?token=s3cret#part", "https://host/ost.gsdd?...", "ost.gsdd"),
        ("http://me:s3cret@host:80/ost.gsdd", "http://...@host:80/ost.gsdd", "ost.gsdd"),
        ("http://me:s3@cret@host/a@b/ost.gsdd", "http://...@host/a@b/ost.gsdd", "ost.gsdd"),
        ("http://[::1]:80/ost.gsdd", "http://[::1]:80/ost.gsdd", "ost.gsdd"),
        ("https://me:s3cret@host", "https://...@host", "host"),
        ("hf://datasets/me/sets@main/ost.gsdd", "hf://datasets/me/sets@main/ost.gsdd", "ost.gsdd"),
        ("zip://a/ost.gsdd::https://me:s3cret@host/x.zip?s3cret", "zip://a/ost.gsdd::https://...@host/x.zip?...",
         "ost.gsdd"),
        ("simplecache::s3://bucket/ost.gsdd", "simplecache::s3://bucket/ost.gsdd", "ost.gsdd"),
        ("memory://", "memory://", "memory"),
    ],
)  # fmt: skip
def test_a_url_keeps_its_text_and_shows_no_secret(text, shown, name):
    url = place_of(text)
    assert isinstance(url, Url)
    assert (os.fspath(url), str(url), f"{url}", repr(url)) == (text, shown, shown, f"Url({shown!r})")
    assert (url.name, url.stem) == (name, name.removesuffix(".gsdd"))
    assert place_of(url) == url == pickle.loads(pickle.dumps(url))


@pytest.mark.parametrize("text", ["ost.gsdd", "/a/b.gsdd", "C://ost.gsdd", "http:/host/ost.gsdd", "a b://c", "://", ""])
def test_all_else_is_a_path(text):
    assert place_of(text) == place_of(Path(text)) == Path(text)


def test_the_words_of_others_lose_the_secrets_of_their_urls():
    text = "403, url='https://me:s3cret@host/ost.gsdd?token=s3cret', sorry"
    assert without_secrets(text) == "403, url='https://...@host/ost.gsdd?... sorry"
