"""The networks that the page can ask: a run's folds together, and each fold alone."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.serving import ServeSettings
from graphemes.pipeline.reader import Reader, load_reader
from graphemes.pipeline.run_shares import layout_of
from graphemes.pipeline.trained_networks import find_weights, finished_weights
from graphemes.pipeline.workspace import find_layout


def named_readers(settings: ServeSettings) -> dict[str, Reader]:
    """Readers by the names that the page shows; the first is asked where none is named.

    Raises DataError where there is no finished fold.
    """
    if settings.weights:
        return _readers("", find_weights(settings.weights), settings)
    layout = find_layout(Places(work_dir=settings.work_dir, name=settings.name))
    if not settings.runs:
        return _readers(settings.name or "", finished_weights(layout), settings)
    found: dict[str, Reader] = {}
    for name in settings.runs:
        found |= _readers(name, finished_weights(layout_of(layout, name)), settings)
    return found


def _readers(run: str, paths: Sequence[Path], settings: ServeSettings) -> dict[str, Reader]:
    """All of a run's networks as one and, where there are several, each alone."""
    whole = load_reader(
        paths,
        device=settings.device,
        precision=settings.precision,
        tta=settings.tta,
        decide=settings.decide,
    )
    before = f"{run} " if run else ""
    titles = [before + _title(path, number) for number, path in enumerate(paths)]
    if len(paths) == 1:
        return {titles[0]: whole}
    found = {f"{before}all {len(paths)} together": whole}
    for place, title in enumerate(titles):
        one = slice(place, place + 1)
        ready = dataclasses.replace(
            whole.ready, networks=whole.ready.networks[one], records=whole.ready.records[one]
        )
        found[title] = dataclasses.replace(whole, ready=ready)
    return found


def _title(path: Path, number: int) -> str:
    """'fold 0' of a fold's folder; of other files their place in the list, and no path."""
    fold = FoldPaths(path.parent).number
    return f"network {number + 1}" if fold is None else f"fold {fold}"
