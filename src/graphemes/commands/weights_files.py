"""Weights files that are named or lie in a run's folds, and networks made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import FoldPlace, Layout
from graphemes.foundation.settings import Crop, ImageSize, Learning
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.network.weights import WeightsRecord, load_weights


@dataclass(frozen=True)
class ReadyNetworks:
    """Networks on their device that belong together, and the pictures they want."""

    networks: list[GraphemeNetwork]
    records: list[WeightsRecord]
    image_size: ImageSize
    crop: Crop


def find_weights(named: Sequence[Path]) -> list[Path]:
    """The files named, and those under the folders named. Raises DataError if there are none."""
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = sorted(path.glob("**/weights.safetensors"))
            if not inside:
                raise DataError(f"{path}: holds no weights.safetensors; expected a run's folds")
            found += inside
        else:
            found.append(path)
    return found


def finished_weights(layout: Layout) -> list[Path]:
    """The weights of a run's finished folds; fold=none's only where there is no other."""
    places = [FoldPlace(path) for path in sorted(layout.run_dir.glob("fold[0-9]*"))]
    places = [place for place in places if place.run.is_file() and place.weights.is_file()]
    whole = layout.fold("none")
    if not places and whole.run.is_file() and whole.weights.is_file():
        places = [whole]
    if not places:
        raise DataError(
            f"{layout.run_dir}: no finished fold; train one first (bash run.sh fold=0),"
            " or give weights=PATH"
        )
    return [place.weights for place in places]


def load_networks(paths: Sequence[Path], engine: Engine) -> ReadyNetworks:
    """Networks that must agree in data, folds and pictures; DataError says which does not."""
    loaded = [load_weights(path) for path in paths]
    records = [record for _, record in loaded]
    for path, record in zip(paths, records, strict=True):
        _agree(path, record, paths[0], records[0])
    first = Learning.model_validate(
        {k: records[0].settings[k] for k in ("image_size", "crop") if k in records[0].settings}
    )
    networks = [network.to(engine.device) for network, _ in loaded]
    return ReadyNetworks(networks, records, first.image_size, first.crop)


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
