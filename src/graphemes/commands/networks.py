"""networks: what each network costs, how fast it is here, and what it reached here."""

import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from pydantic import ValidationError

from graphemes.foundation.birth import commit
from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.files import read_json
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import ROOT, Layout, find_layout, numbered
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import NetworksSettings
from graphemes.foundation.settings.groups import Architecture, Learning
from graphemes.foundation.settings.types import TIMM
from graphemes.foundation.settings.words import shown
from graphemes.network.cost import multiply_adds, parameters
from graphemes.network.devices import Engine, choose_engine
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.resnet import TABLE, Bottleneck, ResNet
from graphemes.network.trunks import OPTIONS, TRUNKS
from graphemes.training.epoch import make_learner, train_epoch

SETTINGS = NetworksSettings
# He et al. 2015, table 1: multiply-adds in 1e9 at 224x224, three channels, 1,000 classes.
PAPER = {"resnet18": 1.8, "resnet34": 3.6, "resnet50": 3.8, "resnet101": 7.6, "resnet152": 11.3}
FIELDS = Architecture.model_fields
_STEPS = 3  # of a timing


def run(settings: NetworksSettings) -> None:
    """A line a network, then the paper's table beside ours."""
    engine = choose_engine(settings.device, settings.precision)
    say(
        f"pictures of {settings.image_size}, batch {settings.batch_size}, {engine.describe()},"
        f" {machine_name()}, commit {commit(ROOT) or 'unknown'}"
    )
    asked = [_asked(settings, name) for name in settings.trunk or _supporting(settings)]
    if settings.trunk:  # what can't be is said before minutes are spent on what can
        for one in asked:
            build_network(one, settings.image_size)
    wide = max(14, *(len(one.trunk) + 2 for one in asked))
    say(
        f"{'trunk':<{wide}}{'parameters':>12}{'multiply-adds':>15}{'training':>15}{'inference':>15}"
        "  best score here"
    )
    known = known_scores(find_layout(settings))
    for one in asked:
        network = build_network(one, settings.image_size, 0)
        count = multiply_adds(network, 1, *settings.image_size)
        line = f"{one.trunk:<{wide}}{parameters(network) / 1e6:>10.3f} M{count / 1e9:>13.3f} G"
        for measure in (training_speed, inference_speed):
            speed = f"{measure(network, settings, engine):,.1f}/s" if settings.repeats else "-"
            line += f"{speed:>15}"
        say(f"{line}  {known.get(_bare(one), '-')}")
    if settings.trunk is None:
        for line in paper_lines():
            say(line)


def _supporting(settings: NetworksSettings) -> list[str]:
    """Our trunks that support the options that were given."""
    made = {key for key in OPTIONS if getattr(settings, key) != FIELDS[key].default}
    found = [name for name, kind in TRUNKS.items() if made <= kind.options]
    if not found:
        named = " and ".join(f"{key}={shown(getattr(settings, key))}" for key in sorted(made))
        raise SettingsError(
            f"{named}: none of our own trunks supports that option; name others with"
            f" trunk={TIMM}NAME,..."
        )
    return found


def _bare(one: Architecture) -> Architecture:
    """Without what only training does: the same network."""
    return one.model_copy(update={key: FIELDS[key].default for key in ("dropout", "drop_path")})


def _asked(settings: NetworksSettings, trunk: str) -> Architecture:
    chosen = {key: getattr(settings, key) for key in FIELDS}
    return Architecture.model_validate({**chosen, "trunk": trunk})


def training_speed(network: GraphemeNetwork, settings: NetworksSettings, engine: Engine) -> float:
    """Images a second of the bare training step, on pictures that are already there."""
    learning = Learning(epochs=1, batch_size=settings.batch_size)
    learner = make_learner(network, learning, engine, 10_000)
    ink, labels = _batch(settings)
    return _speed(
        lambda: train_epoch(learner, [(ink, labels)] * _STEPS, (0, 0, 0), _nothing), settings
    )


def inference_speed(network: GraphemeNetwork, settings: NetworksSettings, engine: Engine) -> float:
    """Images a second of the bare network, on pictures that are already there."""
    network = network.to(engine.device).eval()
    ink = _batch(settings)[0].to(engine.device, memory_format=torch.channels_last)

    def infer() -> None:
        with torch.inference_mode(), engine.autocast():
            for _ in range(_STEPS):
                network(ink).heads.root.cpu()  # waits for the device

    return _speed(infer, settings)


def _batch(settings: NetworksSettings) -> tuple[torch.Tensor, Any]:
    size = settings.batch_size
    ink = torch.rand(size, 1, *settings.image_size)
    return ink, HEADS.map(lambda head: torch.randint(head.classes, (size,)))


def _speed(call: Callable[[], Any], settings: NetworksSettings) -> float:
    """The median over the repeats, after one that doesn't count."""
    call()
    rates = []
    for _ in range(settings.repeats):
        started = time.perf_counter()
        call()
        rates.append(_STEPS * settings.batch_size / (time.perf_counter() - started))
    return statistics.median(rates)


def _nothing(count: int, **facts: str) -> None:
    """No progress is drawn while measuring."""


def known_scores(layout: Layout) -> dict[Architecture, str]:
    """The best finished fold of each network, of any run here: '0.866 (wide/fold0, 64x64)'."""
    best: dict[Architecture, tuple[float, str]] = {}
    root = layout.folds_csv.parent
    runs = [root, *sorted(path for path in root.glob("*") if path.is_dir())]
    for place in (place for run_ in runs for place in numbered(run_)):
        with contextlib.suppress(DataError, ValidationError, KeyError, TypeError, ValueError):
            said = read_json(place.run)
            settings = said["settings"]
            chosen = {key: settings[key] for key in FIELDS if key in settings}
            one, score = _bare(Architecture.model_validate(chosen)), float(said["best_score"])
            where = f"{place.directory.relative_to(root)}, {settings['image_size']}"
            where += "".join(f", {key}" for key in ("pretrained", "init") if settings.get(key))
            where += ", demo" if said["identity"]["demo"] else ""
            if score > best.get(one, (-1.0, ""))[0]:
                best[one] = score, f"{score:.3f} ({where})"
    return {one: text for one, (_, text) in best.items()}


def paper_lines() -> list[str]:
    """The table of He et al. beside these networks, and why they differ."""
    lines = [
        "He et al. 2015, table 1: 1e9 multiply-adds at 224x224, 3 channels, 1,000 classes",
        f"{'':<12}{'here':>8}{'as theirs':>11}{'printed':>9}",
    ]
    for name, printed in PAPER.items():
        here, theirs = paper_counts(name)
        ways = {round(theirs, 1): "rounded", int(theirs * 10) / 10: "cut, not rounded"}
        way = ways.get(printed, "neither rounded nor cut")
        lines.append(f"{name:<12}{here:>8.3f}{theirs:>11.3f}{printed:>9.1f}  {way}")
    lines.append(
        "as theirs: basic blocks with zeros for new channels (shortcut=pad), bottlenecks with the"
        " stride on their first 1x1; ours project, and stride on the 3x3, as torchvision and timm"
    )
    return lines


def paper_counts(name: str) -> tuple[float, float]:
    """1e9 multiply-adds of a network of the table as it is here, and as the paper describes it."""
    block = TABLE[name][0]
    with torch.device("meta"):
        here = ResNet(*TABLE[name], 3, 1000)
        theirs = here if block is Bottleneck else ResNet(*TABLE[name], 3, 1000, shortcut="pad")
        count = multiply_adds(here, 3, 224, 224) / 1e9
        for part in theirs.modules():
            if isinstance(part, Bottleneck):
                part.conv1.stride, part.conv2.stride = part.conv2.stride, part.conv1.stride
        return count, multiply_adds(theirs, 3, 224, 224) / 1e9
