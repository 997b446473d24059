"""What goes into a pack: weights of one run or of several, and the rule and shares they go by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import CALL, FoldPaths, Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.release import PackSettings
from graphemes.foundation.settings.types import NAMELESS
from graphemes.network.devices import Engine
from graphemes.pipeline.decisions import choose_rule, identities_of
from graphemes.pipeline.ensemble_decisions import choose_for_runs
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_shares import run_shares
from graphemes.pipeline.trained_networks import (
    asked_weights,
    check_one_run,
    find_weights,
    load_networks,
)


@dataclass(frozen=True)
class PackedWeights:
    """Weights that are averaged, and by which shares and rules."""

    weights: dict[str, list[Path]]  # by run; by "" where they are of one
    decisions: Path | None
    shares: dict[str, float]  # {} of one run

    @property
    def folders(self) -> dict[str, list[Path]]:
        """The files of each folder of the pack, by its path: weights first, then their records."""
        return {
            str(Path(run, name)): files
            for run, weights in self.weights.items()
            for name, files in _folders(weights).items()
        }


def packed_weights(settings: PackSettings, layout: Layout) -> PackedWeights:
    """What is to be packed; DataError for what Kaggle's notebook would refuse."""
    if settings.runs is not None:
        return _chosen_runs(PredictSettings(runs=settings.runs, shares=settings.shares), layout)
    weights = _chosen_weights(settings, layout)
    return _of_one_run(weights) if weights else PackedWeights({}, None, {})


def _chosen_runs(settings: PredictSettings, layout: Layout) -> PackedWeights:
    runs = run_shares(layout, settings)
    if len(runs) == 1:
        say(f"run {runs[0].name} has the whole share: packed alone")
        return _of_one_run(runs[0].weights)
    shares = {run.name: run.share for run in runs}
    identities = {run.name: _checked(run.weights) for run in runs}
    rule = choose_for_runs(settings, layout, shares, identities)
    say(rule.why)
    weights = {"" if run.name == NAMELESS else run.name: run.weights for run in runs}
    return PackedWeights(weights, rule.file, shares)


def _of_one_run(weights: list[Path]) -> PackedWeights:
    rule = choose_rule("auto", weights, _checked(weights))
    say(rule.why)
    return PackedWeights({"": weights}, rule.file, {})


def _chosen_weights(settings: PackSettings, layout: Layout) -> list[Path]:
    """The weights files to pack of one run."""
    if settings.weights == "none":
        return []
    if settings.weights is not None:
        return find_weights(settings.weights, say)
    return asked_weights(
        layout,
        settings.fold,
        left_out="isn't finished, so it isn't packed",
        refusal=_refusal,
        out=say,
    )


def _refusal(place: FoldPaths) -> str:
    state = "isn't finished" if place.begun else "isn't there"
    return (
        f"fold {state}, so it can't be packed; train it"
        f" ({CALL} fold={place.directory.name.removeprefix('fold')}) or leave it out"
    )


def _checked(weights: Sequence[Path]) -> list[RunIdentity]:
    """What the weights of one run's folds are of; DataError where the notebook would refuse."""
    for path in weights:
        place = FoldPaths(path.parent)
        if path == place.weights and place.checkpoint.is_file() and not place.run.is_file():
            raise DataError(f"{path}: its fold isn't finished; train on, or leave it out")
    check_one_run(weights)
    ready = load_networks(weights, Engine(torch.device("cpu"), "fp32"))
    if ready.records[0].demo:
        say("these weights have learned the demo's drawings: the submit notebook refuses them")
    return identities_of(ready.records)


def _folders(weights: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each folder: weights with what their fold tells of them, named apart."""
    folders: dict[str, list[Path]] = {}
    for number, path in enumerate(weights):
        place = FoldPaths(path.parent)
        whole = path == place.weights and place.run.is_file()
        records = [place.run, place.log, place.curves, place.oof] if whole else []
        name = place.directory.name if whole else f"weights{number}"
        if name in folders:  # of two runs
            name = f"{name}-{number}"
        folders[name] = [path, *(record for record in records if record.is_file())]
    return folders
