"""Weights files that are named or lie in a run's folds, and networks made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.layout import CALL, FoldPaths, Layout, numbered
from graphemes.foundation.progress import Say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import Crop, FoldChoice, GraphemePool, ImageSize, Tta
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.network.weights import (
    NO_FILE,
    WeightsRecord,
    load_weights,
    network_settings,
    read_record,
)
from graphemes.pipeline.belonging import check_table, check_weights_belong
from graphemes.pipeline.identity import RunIdentity


@dataclass(frozen=True)
class ReadyNetworks:
    """Networks on their device that belong together, and the pictures they want."""

    networks: list[GraphemeNetwork]
    records: list[WeightsRecord]
    image_size: ImageSize
    crop: Crop
    tta: Tta
    otherwise: dict[str, str]  # settings that were asked to differ from their training


def find_weights(named: Sequence[Path], out: Say | None = None) -> list[Path]:
    """The files named, and those of the folds in the folders named.

    A folder may be a fold's or a run's, not one of several runs. A run's folds that aren't finished
    are left out where `out` can say so. Raises DataError for them where it can't, for a folder that
    has no weights, and for a file that is named twice.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            places = [FoldPaths(path), *_finished(path, out)]
            files = [file for place in places for file in (place.weights, place.hub_weights)]
            inside = [file for file in files if file.is_file()]
            if not inside:
                raise DataError(
                    f"{path}: no weights.safetensors there, nor in its fold0, fold1, ...;"
                    " expected a fold's folder, a run's, or one that export made of weights"
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: {NO_FILE}")
    for number, path in enumerate(found):
        if path.resolve() in [before.resolve() for before in found[:number]]:
            raise DataError(f"{path}: is named twice; name each file, or the folder of it, once")
    return found


def _finished(run_dir: Path, out: Say | None) -> list[FoldPaths]:
    """The folds in a run's folder without those that a training is still to finish."""
    places = numbered(run_dir)
    for place in places:
        if place.unfinished and place.weights.is_file():
            if out is None:
                raise DataError(
                    f"{place.directory}: isn't finished; train on, or name the finished folds alone"
                )
            out(f"{place.directory}: isn't finished, so it is left out")
    return [place for place in places if not place.unfinished]


def finished_weights(layout: Layout) -> list[Path]:
    """The weights of a run's finished folds; fold=none's only where there is no other."""
    places = [place for place in layout.folds() if place.finished]
    whole = layout.fold("none")
    if not places and whole.finished:
        places = [whole]
    if not places:
        raise DataError(
            f"{layout.run_dir}: no finished fold; train one first ({CALL} fold=0),"
            " or give weights=PATH"
        )
    for place in places:
        check_weights_belong(place)
    return [place.weights for place in places]


def finished_tables(layout: Layout) -> list[FoldPaths]:
    """The places of a run's finished folds that have out-of-fold tables. Raises DataError."""
    found = [place for place in layout.folds() if place.finished and place.oof.is_file()]
    if not found:
        raise DataError(
            f"{layout.run_dir}: no finished fold with an out-of-fold table; train one first"
        )
    for place in found:
        check_table(place)
    return found


def asked_weights(
    layout: Layout,
    fold: FoldChoice | None,
    *,
    left_out: str,
    refusal: Callable[[FoldPaths], str],
    out: Say,
) -> list[Path]:
    """The weights of a run's folds that are asked for; of all that are finished where none is.

    left_out: what `out` says of a fold that isn't finished and wasn't asked for. refusal: what the
    DataError says of one that was. Raises DataError where no fold is finished.
    """
    if fold is None:
        for place in layout.folds():
            if place.begun and not place.finished:
                out(f"{place.directory}: {left_out}")
        return finished_weights(layout)
    if fold == "all":
        places = layout.folds()
    else:
        places = [layout.fold(one) for one in (("none",) if fold == "none" else fold)]
    for place in places:
        if not place.finished:
            raise DataError(f"{place.directory}: {refusal(place)}")
    return [place.weights for place in places] or finished_weights(layout)


def load_networks(
    paths: Sequence[Path],
    engine: Engine,
    grapheme_pool: GraphemePool | Literal["none"] | None = None,
    tta: Tta | None = None,
) -> ReadyNetworks:
    """Networks that must agree in data, folds and pictures; DataError says which does not.

    grapheme_pool: another than they were trained with, or none; SettingsError if one has no
    grapheme head. tta: another than that of their tables.
    """
    loaded = [load_weights(path) for path in paths]
    records = [record for _, record in loaded]
    for path, record in zip(paths, records, strict=True):
        _agree(path, record, paths[0], records[0])
        if tta is None:
            _agree_in_views(path, record, paths[0], records[0])
    _refuse_fold_twice(paths, records)
    first = network_settings(paths[0], records[0])
    networks = [network.to(engine.device) for network, _ in loaded]
    otherwise = {}
    for path, network in zip(paths, networks, strict=True):
        if grapheme_pool in (None, network.grapheme_pool or "none"):
            continue
        if network.graphemes is None:
            raise SettingsError(
                f"grapheme_pool={grapheme_pool}: {path} has no grapheme head; leave it out"
            )
        network.grapheme_pool = None if grapheme_pool == "none" else grapheme_pool
        otherwise["grapheme_pool"] = str(grapheme_pool)
    if tta not in (None, first.tta):
        otherwise["tta"] = str(tta)
    return ReadyNetworks(
        networks, records, first.image_size, first.crop, tta or first.tta, otherwise
    )


def trained_settings(path: Path) -> Learning:
    """The settings that a weights file says it was trained with. DataError says what's off."""
    return network_settings(path, read_record(path))


def check_one_run(paths: Sequence[Path]) -> WeightsRecord | None:
    """The first record of weights that are folds of one run, each once; None of no weights.

    Raises DataError that names two files for other settings, seeds or data of theirs, or one fold.
    """
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        first = RunIdentity.of_weights(records[0])
        found = RunIdentity.of_weights(record).differences(first, "there")
        if found:
            raise DataError(
                f"{path}: isn't of the run of {paths[0]} ({'; '.join(found[:4])});"
                " leave the folds of one run alone"
            )
    _refuse_fold_twice(paths, records)
    return records[0] if records else None


def _refuse_fold_twice(paths: Sequence[Path], records: Sequence[WeightsRecord]) -> None:
    """Raise DataError for two files of one fold: of two runs, or one counted double."""
    first: dict[str, Path] = {}
    for path, record in zip(paths, records, strict=True):
        before = first.setdefault(record.fold, path)
        if before != path:
            raise DataError(
                f"{path}: is fold {record.fold}, as {before} is; average each fold of one run once,"
                " so leave one of them out"
            )


def _agree(path: Path, record: WeightsRecord, first_path: Path, first: WeightsRecord) -> None:
    # fold=none knows no folds: beside itself it stands alone.
    pairs = [
        (f"the digest of {k}", record.digests.get(k), first.digests.get(k))
        for k in ("data", "folds")
    ]
    pairs += [(k, record.settings.get(k), first.settings.get(k)) for k in ("image_size", "crop")]
    for what, got, expected in pairs:
        if got != expected:
            raise DataError(
                f"{path}: {what} is {got}, expected {expected} as in {first_path};"
                " average only the folds of one run, or clear the odd one away"
            )


def _agree_in_views(
    path: Path, record: WeightsRecord, first_path: Path, first: WeightsRecord
) -> None:
    got, expected = (one.settings.get("tta", "none") for one in (record, first))
    if got != expected:
        raise DataError(
            f"{path}: tta is {got}, expected {expected} as in {first_path}; give tta={expected} or"
            f" tta={got}, for all of them"
        )
