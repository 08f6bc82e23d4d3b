"""The report of a file, read by html.parser and checked against the file's own JSON, the photos and skimage."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from heard import Heard
from pairs.small_file import COMPACT, write_small_file
from PIL import Image
from recipes import SMALL, run
from sample_file import edited, named, take_apart
from skimage.metrics import peak_signal_noise_ratio

import gsdd
from gsdd.data.crops import read_crops
from gsdd.distill.curves import Curve, Curves
from gsdd.distilled.embed import embed_generator
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import Interrupted, OutputError, RecipeError, SourceError
from gsdd.formats.text import shown
from gsdd.inspect.chart import chart
from gsdd.inspect.page import PICTURE_BYTES
from gsdd.inspect.planned import planned_crops
from gsdd.inspect.report import report
from gsdd.inspect.thumbnails import data_addresses

BLOCKS = {"p", "td", "th", "dd", "dt", "h1", "h2", "h3", "code", "small", "span", "summary", "text", "div", "button"}


class Page(HTMLParser):
    """What a browser would find: elements with attributes, the text that is seen, the style and the script."""

    def __init__(self, path):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text, self.parts, self._inside = "", {"style": "", "script": ""}, ""
        self.code: list[str] = []
        self.source = path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        self.code += [""] if tag == "code" else []
        self.text += "\n" if tag in BLOCKS else ""

    def handle_endtag(self, tag):
        self._inside = ""
        self.text += "\n" if tag in BLOCKS else ""

    def handle_data(self, data):
        if self._inside in self.parts:
            self.parts[self._inside] += data
        else:
            self.text += data
            if self._inside == "code":
                self.code[-1] += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def pictures(self):
        for each in self.of("img"):
            data = base64.b64decode(each["src"].removeprefix("data:image/webp;base64,"), validate=True)
            yield each["alt"], np.asarray(Image.open(io.BytesIO(data)))


def numbers(value):
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    """A run's file and report, with what `compress` gave back."""
    folder = tmp_path_factory.mktemp("made")
    return folder, run(source, folder / "o.gsdd", **SMALL | {"ipc": 2})


@pytest.fixture(scope="module")
def with_photos(small_file, source, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "r.html"
    report(small_file, path, source=source, per_class=3)
    return Page(path)


def test_every_number_and_name_of_the_manifest_is_there(made, tmp_path):
    report(made[0] / "o.gsdd", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    manifest, _ = take_apart((made[0] / "o.gsdd").read_bytes())
    found = {word.rstrip(".,;:") for word in re.split(r"[\s\[\](){}\u00d7]+", page.text)}
    del manifest["tensors"]
    for number in numbers(manifest):
        assert {f"{number}", f"{number:,}", json.dumps(number)} & found, number
    names = [each["name"] for each in manifest["classes"]]
    for text in (*names, *manifest["generator"].values(), manifest["privacy"], manifest["digest"]):
        assert str(text) in page.text or f"{text:,}" in page.text
    assert manifest["source"]["sha256"] in page.text


@pytest.mark.parametrize("source_given", [False, True])
def test_it_asks_nothing_of_anybody(small_file, source, tmp_path, source_given):
    report(small_file, tmp_path / "r.html", source=source if source_given else None)
    page = Page(tmp_path / "r.html")
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "a", "video", "audio"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")]
        for name in ("src", "href", "data", "poster"):
            assert attributes.get(name, "data:").startswith("data:")
    assert page.of("script") == [{}]
    assert not re.search(r"url\(|@import|https?:", page.parts["style"] + page.parts["script"])
    (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    for kind, part in page.parts.items():
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_what_a_stranger_calls_things_is_text(small_file, tmp_path):
    names = ("<script>alert(1)<", "\"'><img src=x onerror=alert(1)>", "{{ 7*7 }}\u202egpj&amp;")
    licence, architecture = "</style></script><script>x\x1b[2J\n\u202e", "<b onclick='x'>"
    file = edited(
        small_file, tmp_path / "h.gsdd", classes=named(*names), source=lambda it: replace(it, licence=licence),
        generator=lambda it: replace(it, name='<i>"G"', architecture=architecture),
        recipe=lambda it: {**it, "<u>": "</pre>\u2066"},
        run=lambda it: {"psnr_start": {names[0]: "<s>"}, "psnr_inverted": 3, "</td>": ["<s>"]},
    )  # fmt: skip
    report(file, tmp_path / "r.html", generator=COMPACT)
    page, tags = Page(tmp_path / "r.html"), [tag for tag, _ in Page(tmp_path / "r.html").elements]
    assert (tags.count("script"), tags.count("style")) == (1, 1)
    assert not set(tags) & {"s", "u", "i", "b"}
    assert all(each["src"].startswith("data:image/webp;base64,") and len(each) == 4 for each in page.of("img"))
    for text in (*names, licence, architecture, '<i>"G"', "<u>", "</td>"):
        assert shown(text) in page.text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page.source)


def test_pictures_are_of_the_real_the_inverted_and_the_distilled_image(with_photos, small_file, source):
    distilled = read_latents(small_file)
    catalog, crops = planned_crops(distilled, source)
    numbers = [0, 1, 2, 5, 6, 7, 8, 9, 10]
    real = read_crops(catalog, [crops[number] for number in numbers], 64).transpose(0, 2, 3, 1)
    back = gsdd.open(small_file).images()[numbers].permute(0, 2, 3, 1).numpy()
    pictures = list(with_photos.pictures())
    assert [alt for alt, _ in pictures] == [
        f"{what} of latent {number}" for number in numbers for what in ("real crop", "inverted", "distilled")
    ]
    for wanted, offset in ((real, 0), (back, 2)):
        for image, (_, picture) in zip(wanted, pictures[offset::3], strict=True):
            assert peak_signal_noise_ratio(image, picture) > 28
    decibels = [peak_signal_noise_ratio(a, b) for a, b in zip(real, back, strict=True)]
    assert all(f"\n{value:.1f} dB\n" in with_photos.text for value in decibels)
    for first in (0, 3, 6):
        assert f"\n{np.mean(decibels[first : first + 3]):.2f}\n" in with_photos.text


def test_with_the_photos_it_tells_what_gsdd_savings_tells(with_photos, small_file, source):
    told = gsdd.open(small_file).savings(source)
    for each in (*told.whole_source, *told.random_crops):
        more = f"{1 - each.saved:,.1f} times as large"
        assert f"{each.saved:.1%}" in with_photos.text or more in with_photos.text
    for place in told.in_its_place:
        assert f"about {place.crops:,} herded crops at quality {place.quality}" in with_photos.text
    assert "all 7 photos, AVIF q75" in with_photos.text


def test_a_generator_in_the_file_is_told_apart_without_the_photos_too(made, source, tmp_path):
    file = tmp_path / "whole.gsdd"
    embed_generator(made[0] / "o.gsdd", file)
    report(file, tmp_path / "r.html")
    told, text = gsdd.open(file).savings(source), Page(tmp_path / "r.html").text
    found = told.whole_source[0]
    for saved in (found.saved, found.saved_with_generator):
        assert (f"{saved:.1%}" if saved >= 0 else f"{1 - saved:,.1f} times as large") in text
    assert f"{told.bits_per_hr_pixel:.2f}" in text


def test_a_file_of_35_latents_takes_less_than_3_MB(source, tmp_path):
    file = write_small_file(tmp_path / "f.gsdd", source, counts=(12, 11, 12), hr_size=32)
    written = report(file, tmp_path / "r.html", per_class=12)
    assert written.pictures == 35
    assert written.bytes == (tmp_path / "r.html").stat().st_size
    page = Page(tmp_path / "r.html")
    pictures = sum(len(each["src"]) for each in page.of("img"))
    assert written.bytes - pictures < 1e5
    noise = np.random.default_rng(0).integers(0, 256, (35, 3, 256, 256), np.uint8)
    addresses = data_addresses([noise] * 3, PICTURE_BYTES)
    assert [len(column) for column in addresses] == [35] * 3
    assert addresses[0] == addresses[2]
    assert sum(len(address) for column in addresses for address in column) < PICTURE_BYTES < 2.9e6


def test_a_report_of_many_classes_shows_the_first_of_them_and_says_so(source, tmp_path):
    file = write_small_file(tmp_path / "f.gsdd", source, class_names=[f"c{number:02}" for number in range(12)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gsdd.inspect.report.MOST_SHOWN", 8)
        assert report(file, tmp_path / "r.html").pictures == 2
    page = Page(tmp_path / "r.html")
    assert "The first 2 of 12 classes are shown." in page.text
    assert "c11" in page.text


def test_code_to_copy_loads_the_file_and_the_recipe_is_that_of_the_file(made, tmp_path, monkeypatch):
    report(made[0] / "o.gsdd", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    (code,) = (each for each in page.code if each.startswith("import gsdd"))
    assert page.text.count("\nCopy\n") == len(page.of("pre")) == 6
    monkeypatch.chdir(made[0])
    names: dict = {}
    exec(code.replace("batch_size=8", "batch_size=2").replace("gt_size=24", "gt_size=16"), names)
    assert names["gt"].shape[0] == 2
    (toml,) = (each for each in page.code if "[storage]" in each)
    (tmp_path / "recipe.toml").write_text(toml)
    again = gsdd.Recipe.from_toml(tmp_path / "recipe.toml")
    ours = gsdd.open(made[0] / "o.gsdd").recipe
    assert (again.crops.ipc, again.generator) == (2, COMPACT)
    assert again.changed({"crops.ipc": ours.crops.ipc, "generator": ours.generator}) == ours


def test_a_merged_file_has_a_report(tmp_path):
    golden = __file__.replace("inspect/test_report.py", "golden/merged.gsdd")
    report(golden, tmp_path / "r.html", generator=COMPACT, force_generator=True)
    assert "The file comes from several runs" in Page(tmp_path / "r.html").text


def test_equal_calls_give_equal_bytes_and_what_is_there_stays(small_file, tmp_path):
    for name in ("a.html", "b.html"):
        report(small_file, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        report(small_file, tmp_path / "a.html")
    report(small_file, tmp_path / "a.html", force=True)


def test_what_makes_no_report_is_refused(small_file, tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.html"):
        report(small_file, tmp_path / "r.pdf")
    with pytest.raises(RecipeError):
        report(small_file, tmp_path / "r.html", per_class=0)
    with pytest.raises(SourceError):
        report(small_file, tmp_path / "r.html", source=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_curve_keeps_the_mean_of_the_chunks_some_hundred_points_and_the_last_one():
    curves = Curves()
    for chunk in (1.0, 3.0):
        for step in range(1, 1201):
            curves.add("inversion", step, 1200, chunk / step)
    curves.add("inversion", 4, 1200, float("nan"))
    points = curves.stages["inversion"].points
    assert points[:3] == [(1, 2.0), (4, 0.5), (8, 0.25)]
    assert points[-1] == (1200, 2 / 1200)
    assert len(points) == 301
    again = Curves()
    again.begin(json.loads(json.dumps(curves.to_json())))
    assert again.to_json() == curves.to_json()


@pytest.mark.parametrize(
    "said",
    [[], {"a": []}, {"a": {}}, {"a": {"every": 0, "total": 1, "seconds": 0.0, "sums": []}},
     {"a": {"every": 1, "total": 1, "seconds": 0.0, "sums": [[1, 0.5]]}},
     {"a": {"every": 1, "total": 1, "seconds": 0.0, "sums": [[1, "x", 1]]}}],
)  # fmt: skip
def test_what_is_no_curve_is_refused(said):
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        Curves().begin(said)


def test_a_chart_lies_within_its_frame_and_tells_where_its_curve_begins():
    curve = Curve(1, 90, sums={step: (100 / step, 1) for step in range(40, 91)})
    drawn = chart("Loss", curve)
    assert "it begins at step 40, where the run was continued" in drawn.about
    places = [tuple(map(float, pair.split(","))) for pair in drawn.path[1:].split("L")]
    assert places[0] == (drawn.left, drawn.top)
    assert places[-1] == (drawn.right, drawn.bottom)
    assert [tick.label for tick in drawn.across] == ["40", "50", "60", "70", "80", "90"]
    steep = chart("Loss", Curve(1, 90, sums={step: (0.1**step, 1) for step in range(1, 5)}))
    assert [tick.label for tick in steep.up] == ["0.0001", "0.001", "0.01", "0.1"]
    assert chart("Loss", Curve(1, 1, sums={1: (1.0, 1)})) is None


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_run_that_goes_on_has_its_whole_curves(made, source, target, after):
    with pytest.raises(Interrupted):
        run(source, target, monitor=Heard(lambda asked: asked == after), **SMALL | {"ipc": 2})
    again = run(source, target, **SMALL | {"ipc": 2})
    for stage, curve in made[1].trace.curves.stages.items():
        assert again.trace.curves.stages[stage].points == curve.points
    assert target.read_bytes() == made[1].path.read_bytes()


def test_a_run_hands_on_what_a_report_needs(made):
    trace, told = made[1].trace, made[1].to_dict()
    assert "trace" not in told
    assert [len(trace.curves.stages[stage].points) for stage in ("inversion", "matching")] == [4, 2]
    assert len(trace.crops) == len(trace.inverted.latents) == told["latents"]
