"""Tiny worlds for the tests: what the competition's files look like, with few rows."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from sklearn.metrics import recall_score

from graphemes.competition import writing
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS, HEIGHT, PIXELS, WIDTH, PerHead
from graphemes.foundation.layout import FoldPaths

if TYPE_CHECKING:
    from graphemes.evaluation.oof import OofTable
    from graphemes.network.weights import WeightsRecord


def random_pixels(rows: int, seed: int = 0) -> np.ndarray:
    """(rows, PIXELS) uint8, mostly light as scans are."""
    return np.random.default_rng(seed).integers(0, 256, (2, rows, PIXELS), np.uint8).max(axis=0)


def named(rows: int, first: int = 0, part: str = "Train") -> list[str]:
    """Ids as the competition gives them: Train_0, Train_1, .."""
    return [f"{part}_{row}" for row in range(first, first + rows)]


def shard_table(
    ids: Sequence[str | None],
    pixels: np.ndarray,
    *,
    nullable: bool = True,
    index: bool = True,
    columns: Sequence[int] | None = None,
    replaced: dict[str, pa.Array] | None = None,
) -> pa.Table:
    """A shard's table; `columns` is the order of its pixel columns, `replaced` swaps some out."""
    arrays: dict[str, pa.Array] = {"image_id": pa.array(ids, pa.string())}
    turned = np.ascontiguousarray(pixels.T)
    arrays |= {str(pixel): pa.array(turned[pixel]) for pixel in columns or range(PIXELS)}
    if index:
        arrays["__index_level_0__"] = pa.array(np.arange(len(ids)))
    arrays |= replaced or {}
    fields = [pa.field(name, array.type, nullable=nullable) for name, array in arrays.items()]
    return pa.table(list(arrays.values()), pa.schema(fields))


def write_table(path: Path, table: pa.Table, **options: Any) -> Path:
    """Write a table as the path's ending says; options are those of pyarrow's writers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path, **options)
    else:
        pq.write_table(table, path, **options)
    return path


def write_feather_v1(path: Path, table: pa.Table) -> Path:
    """Write a table as the Feather of before 2020."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return write_table(path, table, version=1)


def write_shard(
    path: Path,
    ids: Sequence[str | None],
    pixels: np.ndarray,
    *,
    version: str = "1.0",
    compression: str = "snappy",
    row_group_size: int | None = None,
    **layout: Any,
) -> Path:
    """Write a Parquet shard of the genuine layout, or what differs from it."""
    return write_table(
        path,
        shard_table(ids, pixels, **layout),
        version=version,
        compression=compression,
        row_group_size=row_group_size,
    )


def write_test_images(directory: Path, *rows: int) -> Path:
    """Test shards of so many images each, in a form that is opened sooner than Parquet."""
    for number, count in enumerate(rows):
        table = shard_table(named(count, sum(rows[:number]), "Test"), random_pixels(count))
        path = directory / f"test_image_data_{number}.feather"
        write_table(path, table, compression="uncompressed")
    writing.write_test_csv(directory / "test.csv", sum(rows))
    writing.write_sample_submission(directory / "sample_submission.csv", sum(rows))
    return directory


def write_synthetic(directory: Path, images: int, shards: int = 2) -> Path:
    """A directory of synthetic images: bars, where they stand and how long they are by chance."""
    random = np.random.default_rng(images)
    directory.mkdir(parents=True)
    scans = np.full((images, HEIGHT, WIDTH), 255, np.uint8)
    for scan in scans:
        top, left = random.integers(10, 60, 2)
        scan[top : top + 30, left : left + random.integers(20, 140)] = 0
    chosen = [competition_graphemes()[k] for k in random.integers(0, 1295, images)]
    writing.write_train_csv(directory / "train.csv", chosen)
    for shard, rows in enumerate(np.array_split(np.arange(images), shards)):
        ids = [writing.image_id("train", row) for row in rows]
        writing.write_shard(directory / writing.shard_name("train", shard), ids, scans[rows])
    write_manifest(directory)
    return directory


def write_manifest(directory: Path) -> None:
    """Write the manifest that says these are all the files of a synthesis."""
    sizes = {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
    write_json(directory / "synthesis.json", {"files": sizes})


def weights_record(
    settings: dict[str, Any],
    fold: str,
    *,
    demo: bool = False,
    digests: dict[str, str] | None = None,
) -> "WeightsRecord":
    """The record of a fold's weights, of no data in particular."""
    from graphemes.network.weights import WeightsRecord

    return WeightsRecord(
        settings=settings,
        fold=fold,
        epoch=1,
        score=None,
        digests=digests or {"data": "d", "folds": "f"},
        versions={},
        demo=demo,
        classes=[head.classes for head in HEADS],
    )


def identity_of(record: "WeightsRecord") -> dict[str, Any]:
    """What run.json says of the run that weights are of."""
    return {key: getattr(record, key) for key in ("settings", "digests", "classes", "demo")}


def write_fold(
    directory: Path,
    fold: str,
    *,
    seed: int = 0,
    demo: bool = False,
    finished: bool = True,
    digests: dict[str, str] | None = None,
) -> Path:
    """The weights of a fold of a fresh tiny network, with what lies beside them."""
    # Not at the top: many tests that need these worlds need no torch.
    from graphemes.foundation.settings.groups import Learning
    from graphemes.network.model import build_network
    from graphemes.network.weights import save_weights

    learning = Learning(trunk="timm/test_resnet", image_size="32", epochs=1)
    settings = {**learning.model_dump(mode="json"), "seed": seed}
    record = weights_record(settings, fold, demo=demo, digests=digests)
    tensors = build_network(learning, learning.image_size, seed).state_dict()
    save_weights(directory / "weights.safetensors", tensors, record, np.zeros(1, np.int64))
    if finished:
        (directory / "run.json").write_text(json.dumps({"identity": identity_of(record)}))
        for name in ("log.jsonl", "curves.png", "oof.parquet"):
            (directory / name).write_text("{}")
    else:
        (directory / "state").mkdir()
        (directory / "state" / "identity.json").write_text("{}")
    return directory / "weights.safetensors"


def write_run(work: Path, name: str, fold: str = "0", **known: Any) -> FoldPaths:
    """A finished fold of a fresh network with a table of 600 images."""
    from graphemes.evaluation.oof import write_oof
    from graphemes.network.weights import read_record

    place = FoldPaths(work / "folds" / name / f"fold{fold}")
    record = read_record(write_fold(place.directory, fold, **known))
    write_json(place.run, {"identity": identity_of(record), "validation_images": 600})
    write_oof(place.oof, make_table(600)[0], record.digests)
    return place


def make_table(
    images: int, seed: int = 0, *, strength: float = 3.0, skewed: bool = True, noise: bool = False
) -> "tuple[OofTable, np.ndarray]":
    """A table as a calibrated network makes it, and the counts that its frequencies come from.

    Graphemes are few, so that the heads tell of each other. noise: the truth is another's.
    """
    from graphemes.evaluation.decide import SHAPE
    from graphemes.evaluation.oof import OofTable

    random = np.random.default_rng(seed)
    graphemes = np.stack([random.integers(0, head.classes, 400) for head in HEADS], axis=1)
    shares = np.geomspace(1, 200 if skewed else 1, len(graphemes))
    counts = np.zeros(SHAPE, np.int64)
    np.add.at(counts, tuple(graphemes.T), np.ceil(shares * 5).astype(int))
    chosen = random.choice(len(graphemes), images, p=shares / shares.sum())
    truth = PerHead(*graphemes[chosen].T)
    found = []
    for axis, (head, true) in enumerate(zip(HEADS, truth, strict=True)):
        own = counts.sum(tuple({0, 1, 2} - {axis}))
        seen = random.standard_normal((images, head.classes))
        seen[np.arange(images), true] += strength
        worth = np.maximum(own, 0.1) * np.exp(strength * seen)
        found.append((worth / worth.sum(1, keepdims=True)).astype(np.float32))
    if noise:
        truth = PerHead(*graphemes[random.permutation(chosen)].T)
    ids = [f"Train_{row}" for row in range(images)]
    return OofTable(ids, np.zeros(images, np.int64), truth, PerHead(*found)), counts


def macro_recall(truth: np.ndarray, guess: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The judge of ours: scikit-learn's, over the classes that the truth has."""
    return recall_score(
        truth,
        guess,
        labels=np.unique(truth),
        average="macro",
        zero_division=0,
        sample_weight=weights,
    )


def unsealed_record(metadata: dict[str, str]) -> str:
    """What a weights file says of itself, without its checksum, which would tell of any change."""
    return json.dumps({**json.loads(metadata["graphemes"]), "checksum": ""})


def unsealed(path: Path) -> dict[str, Any]:
    """The value of a JSON file without its checksum, which alone would tell of any change."""
    value: dict[str, Any] = json.loads(path.read_text())
    value.pop("checksum", None)
    return value
