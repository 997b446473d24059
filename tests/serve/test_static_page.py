"""The page without a server: a folder that asks for nothing outside, and reads as we do."""

import base64
import hashlib
import http.server
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from drawing import dot_on_ink, drop, shown, stroke
from graphemes.evaluation.decide import Argmax, Joint, Prior, Tuned
from graphemes.foundation.classes import spelled
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.inference.onnx_graphs import Session
from graphemes.pipeline.reader import load_reader
from graphemes.serve import web_runtime
from graphemes.serve.static_page import LOADED, packed_rule
from graphemes.serve.web_runtime import runtime_files
from photographing import CHANGED, likeness, photographed, scans_of, seen
from worlds import make_table, write_fold

# What nginx's own list of types has, and what is fetched as bytes, whatever its type. No .mjs: it
# isn't on that list, and a module that comes as bytes or plain text isn't run.
KNOWN_TO_HOSTS = {".css", ".html", ".js", ".json", ".png", ".svg", ".txt", ".woff"}
KNOWN_TO_HOSTS |= {".onnx", ".wasm"}


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
    assert {"index.html", "page.js", "opening.js", "sheet.js", "backend.js"} <= inside
    assert "reading.json" in inside
    assert {"graphemes.onnx", "colours.css", "bengali.woff", "samples/6.png"} <= inside
    assert {"ort.wasm.bundle.min.js", "ort-wasm-simd-threaded.wasm"} <= inside
    assert {Path(name).suffix for name in inside} <= KNOWN_TO_HOSTS
    assert "onnxruntime" in (page / "backend.js").read_text("utf-8")
    html = (page / "index.html").read_text("utf-8")
    assert "'wasm-unsafe-eval'" in html
    loaded = sum((page / name).stat().st_size for name in LOADED)
    assert re.findall(r'data-bytes="(\d+)"', html) == [str(loaded)]
    assert all(name in (page / "backend.js").read_text("utf-8") for name in LOADED)
    assert "web host" not in html, "said where it doesn't begin alone"
    assert re.findall(r'<script [^>]*src="([^"]+)"></script>', html) == ["loading.js", "page.js"]
    assert html.count("<script") == 2, "the policy lets in no inline script"
    assert (page / "loading.js").is_file()
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
    """A plain web host that knows few types, and tells nobody of each file that is asked for."""

    extensions_map: ClassVar = {
        **{"": "application/octet-stream", ".html": "text/html", ".css": "text/css"},
        **{".js": "application/javascript", ".png": "image/png", ".svg": "image/svg+xml"},
        ".json": "application/json",
    }

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        return self.extensions_map.get(Path(path).suffix, self.extensions_map[""])

    def log_message(self, *_told: object) -> None: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page with onnxruntime as npm has it."""
    from graphemes.__main__ import main

    place = tmp_path_factory.mktemp("alone")
    weights = write_fold(place / "fold0", "0").rename(place / "w.safetensors")
    words = [f"weights={weights}", f"work_dir={place / 'work'}", f"out={place / 'page'}"]
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    assert main(["export", "format=page", "images=8", *words]) == 0
    return place / "page"


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    """The folder from a plain web host on this machine."""
    handler = partial(Silent, directory=folder)
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
    stroke(page, (0.15, 0.2), (0.4, 0.4))
    page.wait_for_selector("#said:not(:empty)", state="attached")
    assert page.locator("#root li").count() == 5
    assert page.locator("#looks figure").count() == 1
    assert not page.is_visible("#explain-label")
    for key in ("1", "2"):  # which were shown before
        before = page.get_attribute("#looks img", "src")
        page.keyboard.press(key)
        page.wait_for_selector(f"#looks img:not([src='{before}'])")
        assert not page.is_visible("#trouble")
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
        drop(page, picture)
        ink = shown(page)
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


@pytest.mark.browser
def test_a_dot_on_a_photograph_leaves_it_one(browser, address, demo):
    photograph = photographed(scans_of(demo / "train_image_data_0.parquet")[0], 1)
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    drop(page, photograph)
    before = shown(page)
    dot_on_ink(page, photograph)
    after = shown(page)
    drop(page, np.full((400, 600), 255, np.uint8))
    page.wait_for_selector("#said:text('No ink')", state="attached")
    page.close()
    assert likeness(before, after) > 0.9


@pytest.mark.browser
def test_it_says_that_it_loads_and_reads_what_was_drawn_meanwhile(browser, address):
    page = browser.new_page()
    held = []
    page.route("**/graphemes.onnx", lambda one, _: held.append(one))
    page.goto(address)
    stroke(page, (0.3, 0.3), (0.7, 0.3), (0.6, 0.8))
    page.wait_for_selector("#reading[aria-busy=true]")
    # All but the network, whose size here is most.
    page.wait_for_selector("#sure:text('Loading: 14 of ')")
    said = re.fullmatch(
        r"Loading: 14 of (\d+) MB \((\d+)\u202f%\); what is drawn meanwhile is read then\.",
        page.inner_text("#sure"),
    )
    assert said
    assert int(said[2]) == pytest.approx(1400 / int(said[1]), abs=2)
    assert "web host" not in page.inner_text("body")
    held[0].continue_()
    page.wait_for_selector("#said:text('Read as')", state="attached")
    page.close()


@pytest.mark.browser
def test_before_any_module_is_there_it_says_that_it_loads(browser, address):
    page = browser.new_page()
    held = []
    page.route("**/photographs.js", lambda one, _: held.append(one))
    page.goto(address, wait_until="commit")
    page.wait_for_selector("#sure:text('; what is drawn meanwhile is read then.')")
    assert re.match(r"Loading \d+ MB;", page.inner_text("#sure"))
    assert not page.is_visible("#samples-part")
    held[0].continue_()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#sure") == "Nothing is drawn yet."
    page.close()


@pytest.mark.browser
def test_without_scripts_it_does_not_say_that_it_loads(browser, address):
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    assert "which this browser doesn't run" in page.inner_text(".trouble >> nth=0")
    assert "Loading" not in page.inner_text("body")
    assert not page.is_visible("#samples-part")
    page.close()


def trouble_of(page) -> str:
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.inner_text("#sure") == ""
    return page.inner_text("#trouble")


@pytest.mark.browser
@pytest.mark.parametrize("name", ["page.js", "photographs.js", "ort.wasm.bundle.min.js"])
def test_a_module_that_is_not_there_is_said(name, browser, address):
    page = browser.new_page()
    page.route(f"**/{name}", lambda one: one.fulfill(status=404))
    page.goto(address)
    assert "page.js or a module that it names couldn't be loaded" in trouble_of(page)
    page.close()


@pytest.mark.browser
def test_opened_as_a_file_it_says_what_to_do(browser, folder):
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    assert "README.txt beside it says how to look at it" in trouble_of(page)
    assert not page.is_visible("#samples-part")
    assert not page.is_visible("#sight")
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["graphemes.onnx", "ort-wasm-simd-threaded.wasm"])
def test_a_network_that_is_not_there_is_said_as_often_as_one_draws(name, browser, address):
    page = browser.new_page()
    page.route(f"**/{name}", lambda one: one.fulfill(status=404))
    page.goto(address)
    sentence = f"{name} couldn't be loaded: the web host answers with status 404"
    assert sentence in trouble_of(page)
    stroke(page, (0.3, 0.3), (0.7, 0.3), (0.6, 0.8))
    page.wait_for_selector("#trouble:text('It could')")
    assert sentence in trouble_of(page)
    page.unroute(f"**/{name}")
    page.click("#again")
    page.wait_for_selector("#said:text('Read as')", state="attached")
    page.close()
