"""The page without a server: a folder that asks for nothing outside, and reads as we do."""

import base64
import hashlib
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from graphemes.evaluation.decide import Argmax, Joint, Prior, Tuned
from graphemes.foundation.classes import spelled
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.inference.onnx_graphs import Session
from graphemes.pipeline.reader import load_reader
from graphemes.serve import web_runtime
from graphemes.serve.static_page import packed_rule
from graphemes.serve.web_runtime import runtime_files
from photographing import CHANGED, likeness, scans_of, seen
from worlds import make_table, write_fold


@pytest.fixture
def runtime(tmp_path, monkeypatch) -> Path:
    """A folder of files that stand for onnxruntime's."""
    place = tmp_path / "runtime"
    place.mkdir()
    known = {}
    for name in web_runtime.FILES:
        (place / name).write_text(f"this stands for {name}")
        known[name] = hashlib.sha256((place / name).read_bytes()).hexdigest()
    monkeypatch.setattr(web_runtime, "FILES", known)
    return place


@pytest.fixture
def export(run, tmp_path, runtime):
    weights = write_fold(tmp_path / "fold0", "0").rename(tmp_path / "w.safetensors")
    words = {"weights": weights, "work_dir": tmp_path / "work", "images": 8, "format": "page"}
    words |= {"runtime": runtime, "out": tmp_path / "page"}
    return lambda **more: run("export", **{**words, **more})


def test_the_folder_holds_all_that_the_page_names(export, tmp_path, untested):
    said = export(data_dir=untested)
    assert said.code == 0, said.err
    page = tmp_path / "page"
    inside = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert {"index.html", "page.js", "sheet.js", "backend.js", "reading.json"} <= inside
    assert {"graphemes.onnx", "colours.css", "bengali.woff", "samples/6.png"} <= inside
    assert set(web_runtime.FILES) <= inside
    assert "onnxruntime" in (page / "backend.js").read_text("utf-8")
    assert "'wasm-unsafe-eval'" in (page / "index.html").read_text("utf-8")
    told = json.loads((page / "reading.json").read_text())
    assert told["network"]["name"] == "one network"
    around = told["spelling"]["around"]
    for triple in (PerHead(13, 1, 2), PerHead(64, 0, 0), PerHead(71, 7, 6)):
        before, after, last = around[triple.consonant]
        root, vowel = told["spelling"]["roots"], told["spelling"]["vowels"]
        assert before + root[triple.root] + after + vowel[triple.vowel] + last == spelled(triple)
    # The graph gives the pictures too, and what the networks read.
    session = Session(page / "graphemes.onnx")
    scan = np.full((1, 137, 236), 255, np.uint8)
    scan[0, 40:90, 80:150] = 10
    ink, *found = session.session.run(
        ["ink", *(f"probability_{head.name}" for head in HEADS)], {session.source: scan}
    )
    reader = load_reader(tmp_path / "w.safetensors", device="cpu", tta="none")
    for got, expected in zip(found, reader.probabilities(scan), strict=True):
        np.testing.assert_allclose(got, expected, atol=0.01)
    assert ink.shape == (1, 1, 32, 32)
    again = export(data_dir=untested)
    assert again.code == 0
    assert "made of these weights in this form: kept" in again.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"format": "onnx"}, "format=onnx runs in no browser"),
        ({"dtype": "fp16"}, "format=page holds fp32 or int8"),
        ({"runtime": "nowhere"}, "has no ort.wasm.bundle.min.mjs; expected the files of onnx"),
    ],
)
def test_what_cannot_be_a_page_is_one_sentence(words, sentence, export, tmp_path):
    said = export(**words)
    assert said.code == 2
    assert sentence in said.err
    assert not (tmp_path / "page").exists()


def test_files_of_another_version_are_refused(runtime, tmp_path):
    assert [path.name for path in runtime_files(runtime, tmp_path)] == list(web_runtime.FILES)
    name = next(iter(web_runtime.FILES))
    (runtime / name).write_text("another")
    with pytest.raises(DataError, match="another checksum"):
        runtime_files(runtime, tmp_path)


def test_without_npm_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"npm isn't here, .*give runtime=DIR"):
        runtime_files(None, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def rules() -> list:
    _, counts = make_table(50)
    random = np.random.default_rng(0)
    weights = HEADS.map(lambda head: random.uniform(0.5, 2, head.classes).astype(np.float32))
    joint = Joint(PerHead(1, 0.5, 0.8), PerHead(0.5, 0.5, 0), PerHead(0.1, 0.2, 1), counts)
    return [Argmax(), Prior(PerHead(1, 0.5, 0), counts), Tuned(weights), joint]


def test_rules_are_packed_as_float32():
    argmax, prior, tuned, joint = map(packed_rule, rules())
    assert argmax == {}
    assert list(prior) == list(tuned) == ["weights"]
    assert [len(base64.b64decode(one)) for one in tuned["weights"]] == [4 * 168, 4 * 11, 4 * 7]
    assert len(base64.b64decode(joint["priors"][2])) == 4 * 168 * 11 * 7


# In a browser.


class Silent(http.server.SimpleHTTPRequestHandler):
    """Which tells nobody of each file that is asked for."""

    def log_message(self, *_told: object) -> None: ...


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """The folder from a plain web host on this machine, with onnxruntime as npm has it."""
    from graphemes.__main__ import main

    place = tmp_path_factory.mktemp("alone")
    weights = write_fold(place / "fold0", "0").rename(place / "w.safetensors")
    words = [f"weights={weights}", f"work_dir={place / 'work'}", f"out={place / 'page'}"]
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    assert main(["export", "format=page", "images=8", *words]) == 0
    handler = partial(Silent, directory=place / "page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_it_reads_with_the_network_cut(browser, address):
    context = browser.new_context()
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    context.set_offline(True)
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=5)
    page.mouse.up()
    page.wait_for_function("document.getElementById('said').textContent !== ''")
    assert page.locator("#root li").count() == 5
    assert page.locator("#looks figure").count() == 1
    assert not page.is_visible("#explain-label")
    context.close()
    assert complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("kind", [*CHANGED, "a scan"])
def test_a_photograph_shows_its_writing_to_the_network(kind, browser, address, demo):
    scans = scans_of(demo / "train_image_data_0.parquet")[:8]
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    found, others = [], []
    for number, scan in enumerate(scans):
        picture = CHANGED[kind](scan, number) if kind in CHANGED else scan
        colours = picture[..., ::-1] if picture.ndim == 3 else picture
        body = cv2.imencode(".png", colours)[1].tobytes()
        page.evaluate("document.getElementById('looks').replaceChildren()")
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": body})
        shown = page.wait_for_selector("#looks img").get_attribute("src")
        png = base64.b64decode(shown.partition(",")[2])
        ink = 1 - cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) / 255
        found.append(likeness(seen(scan), ink))
        others.append(likeness(seen(scans[(number + 1) % len(scans)]), ink))
    page.close()
    assert np.median(found) > (0.95 if kind == "a scan" else 0.8)
    assert min(found) > max(0.5, np.median(others) + 0.2)


@pytest.mark.browser
@pytest.mark.parametrize("which", range(4))
def test_rules_weigh_as_in_python(which, browser, address):
    rule = rules()[which]
    table, _ = make_table(6, seed=3)
    page = browser.new_page()
    page.goto(address)
    for row in range(6):
        chances = [values[row].tolist() for values in table.probabilities]
        found = page.evaluate(
            """async ([chances, rule]) => {
                const { weighed, unpacked } = await import("./backend.js");
                return weighed(chances, unpacked(rule)).map((one) => Array.from(one));
            }""",
            [chances, packed_rule(rule)],
        )
        expected = rule.weighed(table.probabilities)
        for got, values in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, values[row], rtol=1e-4, atol=1e-7)
    page.close()
