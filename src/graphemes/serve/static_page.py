"""The page without a server: a folder for any web host, with the networks in it."""

import base64
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphemes.evaluation.decide import (
    Decision,
    Joint,
    Prior,
    Tuned,
    grapheme_prior,
    prior_weights,
)
from graphemes.foundation.classes import SPELLINGS, around, sign_on_circle
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS
from graphemes.foundation.look import colours
from graphemes.pipeline.export_plan import ExportPlan
from graphemes.pipeline.trained_networks import ReadyNetworks
from graphemes.serve.web_runtime import runtime_files
from graphemes.synthesis.lettering.web_font import bengali_woff

# As the server's, but that WebAssembly may be compiled; this page's own files are all it loads.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self';"
    " connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'"
)
# What backend.js loads to begin; how much of it has come is said.
LOADED = ("reading.json", "graphemes.onnx", "ort-wasm-simd-threaded.wasm")
_HEAD = '<meta charset="utf-8">'
_ROOT = '<html lang="en">'
_README = """This folder is a page that reads handwritten Bengali graphemes in the browser.
Give it to any web host; nothing on it asks another. To look at it here:

    python -m http.server --bind 127.0.0.1 8000

then http://127.0.0.1:8000/. Opened as a file it can't load its parts: browsers forbid that.
onnxruntime-web is Microsoft's, MIT licence; the font is Hind Siliguri, SIL Open Font License.
"""


class StaticPage:
    """What is put beside a graph from scans so that a browser can read with it."""

    def __init__(self, runtime: Path | None, cache: Path) -> None:
        """Every refusal: raises UserError where onnxruntime for the browser can't be had."""
        self._runtime = runtime_files(runtime, cache)

    def add(self, folder: Path, plan: ExportPlan, ready: ReadyNetworks) -> None:
        """Write the files of the page into a folder that has graphemes.onnx."""
        root = resources.files("graphemes.serve")
        # The last one's backend.js takes the place of that which asks a server.
        for part, place in (("page", ""), ("page/samples", "samples"), ("alone", "")):
            (folder / place).mkdir(exist_ok=True)
            for one in root.joinpath(part).iterdir():
                if one.is_file():
                    (folder / place / one.name).write_bytes(one.read_bytes())
        (folder / "colours.css").write_text(colours(), "utf-8")
        (folder / "bengali.woff").write_bytes(bengali_woff())
        (folder / "README.txt").write_text(_README, "utf-8")
        for path in self._runtime:
            shutil.copyfile(path, folder / published_name(path.name))
        write_json(folder / "reading.json", reading(plan.chosen.rule, ready))
        index = folder / "index.html"
        size = sum((folder / name).stat().st_size for name in LOADED)
        index.write_text(_published(index.read_text("utf-8"), size), "utf-8")


def published_name(name: str) -> str:
    """What a file of the runtime is called on the page.

    Many web hosts don't know .mjs (nginx's own list of types hasn't it) and send it as bytes or
    plain text, which no browser takes for a module; .js they all know. The module finds itself by
    the address that it came from, so that it may have any name.
    """
    return name.removesuffix(".mjs") + ".js" if name.endswith(".mjs") else name


def _published(html: str, size: int) -> str:
    """The page with a policy of its own, and the `size` in bytes of what it loads to begin."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    head = f'{_HEAD}\n{policy}\n<script src="loading.js"></script>'
    root = f'<html lang="en" data-bytes="{size}">'
    for place, text in ((_HEAD, head), (_ROOT, root)):
        assert html.count(place) == 1, f"the page has {place} once"
        html = html.replace(place, text)
    return html


def reading(rule: Decision, ready: ReadyNetworks) -> dict[str, Any]:
    """What the page needs to make labels and spellings of probabilities."""
    count = len(ready.networks)
    name = "one network" if count == 1 else f"{count} networks together"
    return {
        "network": {
            "name": name,
            "image_size": str(ready.image_size),
            "rule": rule.name,
            "demo": any(record.demo for record in ready.records),
        },
        "signs": {
            head.name: [sign_on_circle(head.name, label) for label in range(head.classes)]
            for head in HEADS
        },
        "spelling": {
            "roots": SPELLINGS.root,
            "vowels": SPELLINGS.vowel,
            "around": [around(label) for label in range(HEADS.consonant.classes)],
        },
        "rule": packed_rule(rule),
    }


def packed_rule(rule: Decision) -> dict[str, list[str]]:
    """A rule's class weights, and of joint each head's prior of graphemes, as float32."""
    found: dict[str, list[str]] = {}
    if isinstance(rule, Prior | Joint):
        found["weights"] = [_packed(one) for one in prior_weights(rule.counts, rule.powers)]
    elif isinstance(rule, Tuned):
        found["weights"] = [_packed(one) for one in rule.weights]
    if isinstance(rule, Joint):
        each = zip(rule.grapheme_powers, rule.unseen, strict=True)
        found["priors"] = [_packed(grapheme_prior(rule.counts, *prior)) for prior in each]
    return found


def _packed(values: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
