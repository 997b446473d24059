"""Shards: the competition's image files, checked when opened and decoded block by block.

A shard is a table with a row an image and a column a pixel, so a plain read makes 32,332 arrays
and needs many times the images' size. Here a block of rows and columns is read, transposed into
its place and forgotten: memory stays within a budget whatever the shard's size.

R rows (images) of a shard or block, C pixel columns of a block, PIXELS = 137 * 236.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import pyarrow as pa

from graphemes.competition.pointers import read_pointer
from graphemes.competition.shard_formats import ShardFile, ShardFormat, WholeFile, shard_format
from graphemes.competition.text_columns import LONGEST_ID, is_text, longest_text
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.foundation.places import no_directory
from graphemes.foundation.progress import Advance

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
BUDGET = 16 * 2**20  # bytes of pixels in a block; about three times as much is in use at a time
# Arrow spends about 1 kB on a column however few rows it has; without this bound a shard of
# three images would take all the columns at once.
_WIDEST = 4096
# Narrower blocks write too few bytes to each page of the store; so no more rows are taken
# together than leave this many columns (one large row group alone may).
_NARROWEST = 512
# Bounds on what a file can make us take memory for: the competition has 50,210 rows in a shard.
MOST_ROWS = 2**20
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
_REMOTE_ADVICE = "is it whole there, and the network up?"
_AGAIN = "write the shard again"  # what to do about one that is whole and wrong
_NO_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")


def find_shards(data_dir: Path, part: Literal["train", "test"]) -> list[Path]:
    """The shards of one part by number, 10 after 9; empty when there are none.

    Feather files of the same layout are taken too; of one number in both formats, the Parquet.
    Whether a name holds a shard is seen when it is opened.
    """
    if not data_dir.is_dir():
        raise DataError(
            f"{data_dir}: {no_directory(data_dir)}; set data_dir to the competition's files"
        )
    pattern = re.compile(rf"{part}_image_data_([0-9]+)\.(feather|parquet)")
    found = [
        (match, path) for path in data_dir.iterdir() if (match := pattern.fullmatch(path.name))
    ]
    # By format, then stably by number; of two entries for a number a dict keeps the last: parquet.
    found.sort(key=lambda entry: entry[0][2])
    found.sort(key=lambda entry: (int(entry[0][1]), entry[0][1]))
    return list({match[1]: path for match, path in found}.values())


@dataclass(frozen=True)
class Shard:
    """An open shard that passed the checks."""

    path: Path
    ids: list[str]  # (R,), no two alike
    schema_digest: str  # of the columns' names, order and types
    format: ShardFormat = field(repr=False)
    file: ShardFile = field(repr=False)

    @property
    def rows(self) -> int:
        """Its number of images."""
        return len(self.ids)


@contextlib.contextmanager
def open_shard(path: Path) -> Iterator[Shard]:
    """Open a Parquet or Feather shard, check its columns and ids; it may hold no rows.

    Raises DataError with the file's name when it isn't a whole shard of the known layout.
    """
    try:
        kind = shard_format(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}") from None
    with contextlib.ExitStack() as stack:
        with _reading(path, kind):
            file = stack.enter_context(kind.open(path))
            schema = file.schema
            _check_columns(path, schema)
            ids = _checked_ids(path, file)
            schema_digest = digest(schema.remove_metadata().serialize())
        yield Shard(path, ids, schema_digest, kind, file)


@contextlib.contextmanager
def _reading(path: Path, kind: ShardFormat) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        pointer = read_pointer(path)  # to storage whose library may raise anything
        if pointer is None and not isinstance(error, _UNREADABLE):
            raise
        where, advice = (path, kind.advice) if pointer is None else (pointer, _REMOTE_ADVICE)
        reason = " ".join(str(error).split()).rstrip(".")  # Arrow's reasons may have many lines
        raise DataError(f"{where}: can't be read as {kind.name}: {reason}; {advice}") from None


def _check_columns(path: Path, schema: pa.Schema) -> None:
    types = dict(zip(schema.names, schema.types, strict=True))
    pixels = {str(pixel) for pixel in range(PIXELS)}
    numbered = {name for name in types if name.isascii() and name.isdigit()}
    if len(types) < len(schema.names):
        name = Counter(schema.names).most_common(1)[0][0]
        raise DataError(f"{path}: column {name!r} occurs more than once; {_AGAIN}")
    if "image_id" not in types:
        raise DataError(f"{path}: no column 'image_id'; is this an image_data shard?")
    if numbered != pixels:
        what, odd = (
            ("missing", pixels - numbered) if pixels - numbered else ("odd", numbered - pixels)
        )
        raise DataError(
            f"{path}: {len(numbered)} pixel columns, expected {PIXELS} ({HEIGHT} x {WIDTH}, '0' to"
            f" '{PIXELS - 1}'), {what}: {min(odd, key=int)!r}; is this an image_data shard?"
        )
    if not is_text(types["image_id"]):
        raise DataError(
            f"{path}: column 'image_id' is {types['image_id']}, expected string; {_AGAIN}"
        )
    wanted = pa.uint8()
    other = next((name for name in types if name in pixels and types[name] != wanted), None)
    if other is not None:
        raise DataError(
            f"{path}: pixel column {other!r} is {types[other]}, expected uint8; {_AGAIN}"
        )


def _checked_ids(path: Path, file: WholeFile) -> list[str]:
    rows = sum(file.groups)
    if rows > MOST_ROWS:
        raise DataError(
            f"{path}: {rows:,} rows, expected at most {MOST_ROWS:,}; is it whole? A part of so many"
            " images may be in several shards"
        )
    if not rows:
        return []
    ids: list[str] = []
    for piece in file.texts("image_id"):
        longest = longest_text(piece)
        if longest > LONGEST_ID:
            raise DataError(
                f"{path}: an image_id of {longest:,} bytes, expected at most {LONGEST_ID}; is this"
                " an image_data shard?"
            )
        coded = isinstance(piece, pa.DictionaryArray)
        ids += (piece.dictionary_decode() if coded else piece).to_pylist()
    if len(ids) != rows or min(file.groups) < 0:
        raise pa.ArrowInvalid(f"{len(ids)} ids, expected {rows}")
    nulls = sum(name is None for name in ids)  # also where a dictionary holds the null
    if nulls:
        raise DataError(f"{path}: {nulls} nulls in column 'image_id', expected none; {_AGAIN}")
    if len(set(ids)) < len(ids):
        name, count = Counter(ids).most_common(1)[0]
        raise DataError(f"{path}: image_id {name!r} occurs {count} times, expected once; {_AGAIN}")
    odd = next(filter(_NO_NAME.search, ids), None)
    if odd is not None:  # an id is a line of a file here, and others name files by it
        raise DataError(
            f"{path}: image_id {odd!r} holds a slash, a tab, a line break or the like, expected a"
            " name as Train_0; rename it"
        )
    return ids


class PixelBlock(NamedTuple):
    """What is read at a time."""

    groups: range  # row groups of the shard
    rows: slice  # the rows these hold
    columns: range  # pixels


def blocks(groups: Sequence[int], budget: int) -> Iterator[PixelBlock]:
    """Cut row groups of so many rows into blocks of at most `budget` pixels.

    Small row groups are taken together; a row group of more than `budget` rows gives blocks of
    one column, the least that can be read.
    """
    most_rows = budget // _NARROWEST
    first = top = 0
    while first < len(groups):
        last, rows = first + 1, groups[first]
        while last < len(groups) and rows + groups[last] <= most_rows:
            rows += groups[last]
            last += 1
        width = max(1, min(_WIDEST, budget // max(1, rows)))
        for left in range(0, PIXELS, width):
            columns = range(left, min(left + width, PIXELS))
            yield PixelBlock(range(first, last), slice(top, top + rows), columns)
        first, top = last, top + rows


def decode(
    shard: Shard, out: Pixels, *, budget: int = BUDGET, advance: Advance | None = None
) -> None:
    """Write a shard's pixels to `out`, (R, PIXELS) uint8, rows in the shard's order.

    `advance` gets the number of pixels written, block by block. Raises DataError for nulls and
    for a damaged file; `out` is then partly written.
    """
    if out.shape != (shard.rows, PIXELS) or out.dtype != np.uint8:
        raise ValueError(f"out is {out.shape} {out.dtype}, expected {(shard.rows, PIXELS)} uint8")
    if not shard.rows:
        return
    out = np.asarray(out)  # slices of a memmap would be memmaps, slower to make
    # Arrow decodes a block on its threads while this one puts the block before into its place.
    with ThreadPoolExecutor(1) as placer:
        placed: Future[None] | None = None
        for block in blocks(shard.file.groups, budget):
            names = [str(pixel) for pixel in block.columns]
            with _reading(shard.path, shard.format):
                table = shard.file.read(block.groups, names)
            if placed is not None:
                placed.result()
            place = out[block.rows, block.columns.start : block.columns.stop]
            placed = placer.submit(_place, shard.path, table, names, place, advance)
        if placed is not None:
            placed.result()


def read_through(shard: Shard, advance: Advance) -> None:
    """Read all of a shard's pixels and keep none. Raises DataError where a part can't be read."""
    for block in blocks(shard.file.groups, BUDGET):
        names = [str(pixel) for pixel in block.columns]
        with _reading(shard.path, shard.format):
            table = shard.file.read(block.groups, names)
        if any(column.null_count for column in table.columns):
            raise _nulls(shard.path, table)
        if block.columns.start == 0:
            advance(table.num_rows)


def _place(
    path: Path, table: pa.Table, names: list[str], place: Pixels, advance: Advance | None
) -> None:
    """Transpose a table of pixel columns into its place, (R, C)."""
    if table.column_names != names:  # a file may hold its columns in any order
        table = table.select(names)
    top = 0
    for batch in table.to_batches():
        try:
            columns = batch.to_tensor(row_major=False).to_numpy().T  # (C, R)
        except pa.ArrowTypeError:
            raise _nulls(path, table) from None
        rows = place[top : top + batch.num_rows]
        transposed = cv2.transpose(columns, dst=rows)
        # OpenCV writes elsewhere, without a word, when the destination doesn't fit.
        assert transposed is rows
        top += batch.num_rows
    if advance is not None:
        advance(place.size)


def _nulls(path: Path, table: pa.Table) -> DataError:
    name, count = next(
        (name, column.null_count)
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count
    )
    return DataError(f"{path}: {count} nulls in pixel column {name!r}, expected none; {_AGAIN}")
