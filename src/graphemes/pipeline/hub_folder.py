"""A folder in Hugging Face's layout: model card, config.json, weights; and timm's trunk beside."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import write_json, write_text
from graphemes.foundation.layout import FoldPaths
from graphemes.network.model import INK_MEAN, INK_STD, GraphemeNetwork
from graphemes.network.timm_trunks import TimmTrunk
from graphemes.network.weights import copy_weights
from graphemes.pipeline.trained_networks import ReadyNetworks

DATASET = "bengaliai-cv19"
TIMM_FOLDER = "timm"  # of a trunk of timm's, as its own loader reads it


def write_weights(
    folder: Path, ready: ReadyNetworks, weights: Sequence[Path], *, half: bool
) -> list[Path]:
    """weights.safetensors in `folder`, or of several folds in fold0, fold1, ..."""
    written = [place.weights for place in _places(folder, ready)]
    for source, target in zip(weights, written, strict=True):
        copy_weights(source, target, half=half)
    return written


def write_hub(
    folder: Path,
    ready: ReadyNetworks,
    weights: Sequence[Path],
    about: dict[str, Any],
    *,
    half: bool,
) -> list[Path]:
    """README.md, config.json, and model.safetensors there or, of several folds, in fold0, ...

    Where the trunk is timm's as timm pools it, `timm/` beside the weights holds it alone.
    """
    places = _places(folder, ready)
    for place, source, network in zip(places, weights, ready.networks, strict=True):
        copy_weights(source, place.hub_weights, half=half)
        if _is_timms(network):
            _write_trunk(place.directory / TIMM_FOLDER, network, ready)
    files = [place.hub_weights.relative_to(folder).as_posix() for place in places]
    write_json(
        folder / "config.json",
        {
            "model_type": "graphemes",
            "architectures": [GraphemeNetwork.__name__],
            **about,
            "weights": files,
            "normalisation": {"mean": INK_MEAN, "std": INK_STD, "inside": True},
        },
    )
    write_text(folder / "README.md", model_card(ready, about, files))
    return [place.hub_weights for place in places]


def _places(folder: Path, ready: ReadyNetworks) -> list[FoldPaths]:
    """Where each network goes. Raises DataError where two are of one fold."""
    folds = [record.fold for record in ready.records]
    if len(folds) == 1:
        return [FoldPaths(folder)]
    twice = next((fold for fold in folds if folds.count(fold) > 1 or fold == "none"), None)
    if twice is not None:
        raise DataError(
            f"fold {twice}: can't stand beside another network of it in one folder; name the"
            " weights of one run's folds, each once"
        )
    return [FoldPaths(folder / f"fold{fold}") for fold in folds]


def _is_timms(network: GraphemeNetwork) -> bool:
    return isinstance(network.trunk, TimmTrunk) and network.trunk.pool == "avg"


def _write_trunk(folder: Path, network: GraphemeNetwork, ready: ReadyNetworks) -> None:
    """What timm.create_model("local-dir:FOLDER", pretrained=True) reads: features of pictures."""
    trunk = network.trunk
    assert isinstance(trunk, TimmTrunk)
    name = trunk.name.split(".", maxsplit=1)[0]
    size = ready.image_size
    fixed = "img_size" in trunk.arguments
    folder.mkdir(parents=True)
    write_json(
        folder / "config.json",
        {
            "architecture": name,
            "num_classes": 0,
            "num_features": trunk.width,
            "pretrained_cfg": {
                "tag": "graphemes",
                "input_size": [1, size.height, size.width],
                "fixed_input_size": fixed,
                "interpolation": "area",
                "crop_pct": 1.0,
                "mean": [INK_MEAN],
                "std": [INK_STD],
                "num_classes": 0,
                "license": "mit",
            },
            "model_args": {
                key: value for key, value in trunk.arguments.items() if key != "num_classes"
            },
        },
    )
    tensors = {
        key: value.detach().clone(memory_format=torch.contiguous_format)
        for key, value in trunk.model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def model_card(ready: ReadyNetworks, about: dict[str, Any], files: Sequence[str]) -> str:
    """README.md of a model on a hub: what it is, what it reached, how it is used."""
    settings = ready.records[0].settings
    trunk = str(settings.get("trunk"))
    timms = _is_timms(ready.networks[0])
    header: dict[str, Any] = {
        "license": "mit",
        "language": ["bn"],
        "library_name": "timm" if timms else "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "handwriting", "ocr", "bengali", "graphemes", DATASET],
    }
    if results := _results(about, trunk):
        header["model-index"] = results
    # A value of JSON is one of YAML, so nothing needs another library or a rule for quoting.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in header.items()]
    return "\n".join(["---", *lines, "---", "", *_body(ready, about, files), ""])


def _results(about: dict[str, Any], trunk: str) -> list[dict[str, Any]]:
    metrics = [
        {
            "type": "recall",
            "name": f"macro recall weighted 2:1:1, fold {network['fold']}",
            "value": network.get("best_score", network["score"]),
        }
        for network in about["networks"]
        if network.get("best_score", network["score"]) is not None
    ]
    dataset = {"type": DATASET, "name": "Bengali.AI Handwritten Grapheme Classification"}
    if about["demo"]:
        dataset["name"] += " (drawings in its layout, no handwriting)"
    result = {"task": {"type": "image-classification"}, "dataset": dataset, "metrics": metrics}
    return [{"name": f"graphemes {trunk}", "results": [result]}] if metrics else []


def _body(ready: ReadyNetworks, about: dict[str, Any], files: Sequence[str]) -> list[str]:
    settings = ready.records[0].settings
    counts = ", ".join(str(head["classes"]) for head in about["heads"].values())
    lines = [
        f"# Handwritten Bengali graphemes: {settings.get('trunk')} at {ready.image_size}",
        "",
        "Names the three parts of a handwritten Bengali grapheme: its root, vowel sign and"
        f" consonant sign ({counts} classes). Trained on the images of Kaggle's {DATASET}"
        + (
            ", or rather on drawings in their layout: it hasn't seen handwriting."
            if about["demo"]
            else "."
        ),
        "",
        "| weights | fold | epoch | training images | score |",
        "|---|---|---|---|---|",
    ]
    for file, network in zip(files, about["networks"], strict=True):
        reached = network.get("best_score", network["score"])
        images = network.get("training_images")
        lines.append(
            f"| `{file}` | {network['fold']} | {network['epoch']} |"
            f" {'unknown' if images is None else f'{images:,}'} |"
            f" {'none' if reached is None else f'{reached:.4f}'} |"
        )
    lines += [
        "",
        "Score: the competition's, macro recalls of root, vowel sign and consonant sign weighted"
        " 2 : 1 : 1, on the fold that the network didn't train on; the epoch was chosen by it.",
        "",
        f"Input: {about['input']['meaning']}; {ready.image_size}, one channel. `config.json` has"
        " the classes with their spellings, all settings, digests of the data and versions.",
        "",
        _decision_line(about["decision"]["rule"]),
        "",
        "## Use",
        "",
        "```python",
        "from graphemes.api import load",
        "",
        'reader = load("PATH_OF_THIS_FOLDER")',
        'table = reader.predict(["scan.png"])  # root, vowel, consonant, the spelled grapheme',
        "```",
        "",
        "The weights are plain safetensors: the trunk's tensors begin with `trunk.`, the heads'"
        " with `heads.root.`, `heads.vowel.`, `heads.consonant.`; `trained_on` holds fingerprints"
        " of the training images.",
    ]
    if _is_timms(ready.networks[0]):
        place = f"{files[0].rpartition('/')[0]}/{TIMM_FOLDER}".lstrip("/")
        lines += [
            "",
            "timm reads the trunk alone, its features for"
            f" pictures minus {INK_MEAN}, divided by {INK_STD}:",
            "",
            "```python",
            "import timm",
            "",
            f'trunk = timm.create_model("local-dir:PATH_OF_THIS_FOLDER/{place}", pretrained=True)',
            "```",
        ]
    return lines


def _decision_line(rule: str) -> str:
    """How probabilities become labels."""
    if rule == "argmax":
        return "Labels: the likeliest class of each head."
    return (
        f"Labels: by the rule `{rule}`, fitted on out-of-fold probabilities (`decisions.json`; its"
        " parameters: `decision` in `config.json`), which `load` takes unless decide=argmax."
    )
