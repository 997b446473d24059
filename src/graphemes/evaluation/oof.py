"""The out-of-fold table: what a fold's network predicts for images that it was not trained on.

N images, C classes of one head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from graphemes.competition.csv_columns import some
from graphemes.competition.text_columns import is_text
from graphemes.evaluation.probability_files import (
    AGAIN,
    probability_columns,
    read_columns,
    read_probabilities,
    write_columns,
)
from graphemes.foundation.arrays import Booleans, Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead, Probabilities

SEEN = "seen_in_training"  # a column that a table may lack; `evaluation.unseen` says what it means
MADE_BY = "settings"  # the digest by which a table says what its network was trained with
MUST_AGREE = ("data", "folds")  # digests without which tables can't be judged together


@dataclass(frozen=True)
class OofTable:
    """N images, each once."""

    image_ids: list[str]
    folds: Integers  # (N,) 0 or more
    truth: PerHead[Integers]  # (N,)
    probabilities: Probabilities
    digests: Mapping[str, str] = field(default_factory=dict)  # of data, folds, ...: by name
    seen: Booleans | None = None  # (N,) whether its fold trained on its grapheme; None: unknown
    source: str = "a table in memory"  # the file it was read from, for sentences

    @property
    def tta(self) -> str:
        """Which views of a picture were averaged; earlier tables have no word of it."""
        return self.digests.get("tta", "none")

    def warnings(self) -> list[str]:
        """A line for each digest that should be there: without it nothing can be compared."""
        return [
            f"{self.source}: no digest of {name} in the metadata, so it isn't checked that"
            " the tables belong together"
            for name in MUST_AGREE
            if name not in self.digests
        ]


def write_oof(path: Path, table: OofTable, digests: Mapping[str, str] | None = None) -> None:
    """Write oof.parquet, whole or not at all, with these digests (default: the table's own)."""
    columns = {
        "image_id": pa.array(table.image_ids, pa.string()),
        "fold": pa.array(table.folds, pa.int64()),
    }
    for head, labels in zip(HEADS, table.truth, strict=True):
        columns[head.column] = pa.array(labels, pa.int64())
    columns |= probability_columns(table.probabilities)
    if table.seen is not None:
        columns[SEEN] = pa.array(table.seen, pa.bool_())
    write_columns(path, columns, table.digests if digests is None else digests)


def read_oof(path: Path) -> OofTable:
    """A checked table; anybody's, as long as it has the columns.

    Raises DataError: unreadable, a column missing or of another type, a gap, no rows, an id
    twice, a label or fold out of range, rows that are no probabilities, a seen_in_training that
    isn't true or false.
    """
    names = ["image_id", "fold", *COLUMNS, *(head.probability_column for head in HEADS)]
    table, digests = read_columns(path, names, optional=[SEEN])
    return OofTable(
        _ids(path, table["image_id"]),
        _integers(path, table, "fold", None),
        HEADS.map(lambda head: _integers(path, table, head.column, head.classes)),
        HEADS.map(lambda head: read_probabilities(path, table, head)),
        digests,
        _seen(path, table),
        str(path),
    )


def _seen(path: Path, table: pa.Table) -> Booleans | None:
    if SEEN not in table.column_names:
        return None
    if not pa.types.is_boolean(table[SEEN].type):
        raise DataError(f"{path}: {SEEN}: expected true or false, got {table[SEEN].type}; {AGAIN}")
    values: Booleans = table[SEEN].to_numpy()
    return values


def _ids(path: Path, column: pa.ChunkedArray) -> list[str]:
    if not is_text(column.type):
        raise DataError(f"{path}: image_id: expected strings, got {column.type}; {AGAIN}")
    ids: list[str] = column.to_pylist()
    twice = _twice(ids)
    if twice:
        raise DataError(f"{path}: expected each image_id once, got twice {some(twice)}; {AGAIN}")
    return ids


def _twice(ids: Sequence[str]) -> list[str]:
    """The ids that stand there more than once, in order."""
    met: set[str] = set()
    twice: dict[str, None] = {}
    for name in ids:
        if name in met:
            twice[name] = None
        met.add(name)
    return list(twice)


def _integers(path: Path, table: pa.Table, name: str, classes: int | None) -> Integers:
    """(N,) int64, 0 <= value < classes (no upper bound without)."""
    column = table[name]
    if not pa.types.is_integer(column.type):
        raise DataError(f"{path}: {name}: expected integers, got {column.type}; {AGAIN}")
    try:
        values: Integers = column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:  # more than 63 bits
        raise DataError(f"{path}: {name}: {error}; expected small integers; {AGAIN}") from None
    bad = (values < 0) if classes is None else (values < 0) | (values >= classes)
    if bad.any():
        row = int(np.argmax(bad))
        bounds = "0 or more" if classes is None else f"0..{classes - 1}"
        image_id = table["image_id"][row].as_py()
        raise DataError(
            f"{path}: {image_id!r}: {name}: expected {bounds}, got {values[row]}; {AGAIN}"
        )
    return values


def concatenate(tables: Sequence[OofTable]) -> OofTable:
    """One table of at least one; keeps the digests that none of them contradicts.

    What is seen is known of the whole if it is of each.

    Raises DataError when two come from other data or another folds.csv, or share images.
    """
    assert tables, "nothing to concatenate"
    for name in MUST_AGREE:
        _check_digest(tables, name)
    for table in tables[1:]:
        if table.tta != tables[0].tta:
            raise DataError(
                f"{table.source}: made with tta={table.tta}, {tables[0].source} with"
                f" tta={tables[0].tta}; score each by itself, or make one of them again"
            )
    image_ids = [image_id for table in tables for image_id in table.image_ids]
    twice = _twice(image_ids)
    if twice:
        holders = [table.source for table in tables if twice[0] in table.image_ids]
        raise DataError(
            f"{' and '.join(holders)}: expected each image in one table, got in two"
            f" {some(twice)}; leave one table out"
        )
    return OofTable(
        image_ids,
        np.concatenate([table.folds for table in tables]),
        PerHead(*map(np.concatenate, zip(*(table.truth for table in tables), strict=True))),
        PerHead(*map(np.concatenate, zip(*(table.probabilities for table in tables), strict=True))),
        _agreed(tables),
        _all_seen(tables),
        ", ".join(table.source for table in tables),
    )


def _check_digest(tables: Sequence[OofTable], name: str) -> None:
    known = [table for table in tables if name in table.digests]
    for table in known[1:]:
        ours, theirs = known[0].digests[name], table.digests[name]
        if ours != theirs:
            what = "folds.csv" if name == "folds" else name
            raise DataError(
                f"{table.source}: made with another {what} than {known[0].source}"
                f" (digest {theirs[:12]}, expected {ours[:12]}); train one of them again"
            )


def _all_seen(tables: Sequence[OofTable]) -> Booleans | None:
    known = [table.seen for table in tables if table.seen is not None]
    return np.concatenate(known) if len(known) == len(tables) else None


def _agreed(tables: Sequence[OofTable]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for table in tables:
        digests = {**table.digests, **digests}
    return {
        name: value
        for name, value in digests.items()
        if all(table.digests.get(name, value) == value for table in tables)
    }
