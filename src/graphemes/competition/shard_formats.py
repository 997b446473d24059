"""The file formats of a shard, Parquet and Feather V2 and V1, behind one face."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from graphemes.competition.feather_sizes import FeatherSizes
from graphemes.competition.feather_v1 import MAGIC, FeatherV1
from graphemes.competition.pointers import open_source, read_pointer
from graphemes.competition.remote_blocks import in_blocks
from graphemes.competition.text_columns import NO_CODES
from graphemes.foundation.errors import DataError, one_line

_ZIP = b"PK\3\4"
# Bytes of columns that are read at a time: a few bytes of a packed file can stand for gigabytes.
_UNPACKED = 2**27
_WIDEST, _BESIDE = 5, 2048  # of a Parquet file: bytes of a value, and of a column besides
_TOGETHER = 1024  # texts


class ShardFile(Protocol):
    """An open file of one of the formats: `groups` holds the rows of each row group."""

    schema: pa.Schema
    groups: list[int]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """The named columns of some row groups."""
        ...


class WholeFile(ShardFile, Protocol):
    """A file of its own, not some rows of one."""

    def texts(self, name: str) -> Iterator[pa.Array]:
        """A column of texts or of their codes, piece by piece, from the first row to the last."""
        ...


@dataclass(frozen=True)
class ShardFormat:
    """One of the file formats."""

    name: str
    magic: bytes  # its files' first bytes
    open: Callable[[Path], AbstractContextManager[WholeFile]]  # raises what Arrow raises, on entry
    advice: str  # where a file can't be read


def shard_format(path: Path) -> ShardFormat:
    """The format by the file's first bytes, else by its name's ending.

    Raises DataError for what can be none, OSError where it can't be read.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a directory, expected a file; put the shard itself there")
    start = _first_bytes(path)
    if not start:
        raise DataError(f"{path}: is empty, 0 bytes; copy or download it again")
    if start.startswith(_ZIP):
        raise DataError(f"{path}: is a zip archive; rename it to {path.name}.zip and unzip it")
    by_name = _FEATHER if path.suffix == ".feather" else _PARQUET
    return next((one for one in _FORMATS if start.startswith(one.magic)), by_name)


def _first_bytes(path: Path) -> bytes:
    pointer = read_pointer(path)
    if pointer is None:
        with path.open("rb") as file:
            return file.read(8)
    try:
        with pointer.open() as remote:
            return bytes(remote.read(8))
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001  # storage's libraries raise what they like
        reason = one_line(error)[:200]
        raise DataError(
            f"{pointer}: can't be read: {reason}; is it whole there, and the network up?"
        ) from None


class _Parquet:
    def __init__(self, source: pa.NativeFile, file: pq.ParquetFile) -> None:
        self._source, self._file = source, file
        self.schema = file.schema_arrow
        groups = [*map(file.metadata.row_group, range(file.metadata.num_row_groups))]
        self.groups = [group.num_rows for group in groups]
        # Of the group, as pyarrow dies over what a damaged file says of a column.
        for group in groups:
            most = group.num_columns * (_WIDEST * max(0, group.num_rows) + _BESIDE)
            _check_size(group.total_byte_size, "a row group", most)

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        return self._file.read_row_groups(list(groups), columns=list(names))

    def texts(self, name: str) -> Iterator[pa.Array]:
        # As codes where there are codes: one long text, put out in each row, could fill the memory.
        coded = pq.ParquetFile(
            self._source, metadata=self._file.metadata, read_dictionary=[name], pre_buffer=True
        )
        given = 0
        try:
            for piece in self._texts(coded, name):
                yield piece
                given += len(piece)
        except OSError as error:  # Arrow has no codes for the rarer encodings
            if NO_CODES not in str(error):
                raise
            for piece in self._texts(self._file, name):
                yield piece[max(0, given) :]
                given -= len(piece)

    def _texts(self, file: pq.ParquetFile, name: str) -> Iterator[pa.Array]:
        groups = range(len(self.groups))
        for batch in file.iter_batches(_TOGETHER, row_groups=groups, columns=[name]):
            yield batch.column(0)


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[WholeFile]:
    # pre_buffer tells the disk of a block's columns at once; mapped, these need no other memory.
    with open_source(path) as source, pq.ParquetFile(source, pre_buffer=True) as file:
        yield _Parquet(source, file)


class _Feather:
    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file
        self.schema = self._open(None).schema
        self._sizes = FeatherSizes(file, self.schema)
        _check_size(self._sizes.dictionaries(), "its dictionaries")
        self._position = {name: position for position, name in enumerate(self.schema.names)}
        self.groups = self._sizes.rows()

    def _open(self, names: Sequence[str] | None) -> pa.RecordBatchFileReader:
        fields = None if names is None else sorted(self._position[name] for name in names)
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        return pa.ipc.open_file(self._file, options=options)

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        size = sum(self._sizes.columns(group, set(names)) for group in groups)
        _check_size(size, f"column {names[0]!r} and those read with it")
        reader = self._open(names)
        return _sound(pa.Table.from_batches([reader.get_batch(group) for group in groups]))

    def texts(self, name: str) -> Iterator[pa.Array]:
        for group in range(len(self.groups)):
            yield from self.read([group], [name])[name].chunks


@contextlib.contextmanager
def _feather(path: Path) -> Iterator[WholeFile]:
    with open_source(path) as file:
        yield _Feather(_in_large_pieces(file))


class _FeatherV1:
    """A V1 file has no row groups; its columns are in the mapped file and take no memory."""

    def __init__(self, file: FeatherV1) -> None:
        self._file = file
        self.schema = file.schema
        self.groups = [file.rows]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        return pa.table([self._file.column(name) for name in names], list(names))

    def texts(self, name: str) -> Iterator[pa.Array]:
        yield self._file.column(name)


@contextlib.contextmanager
def _feather_v1(path: Path) -> Iterator[WholeFile]:
    with open_source(path) as source:
        yield _FeatherV1(FeatherV1(_in_large_pieces(source)))


def _check_size(size: int, what: str, most: int = _UNPACKED) -> None:
    if not 0 <= size <= most:
        raise pa.ArrowInvalid(f"{what}: said to be {size} bytes, expected at most {most}")


def _sound(table: pa.Table) -> pa.Table:
    """The table, whose lengths and offsets Arrow takes from the file and looks at only if asked.

    Else what reads a damaged file's texts reads outside of its memory, and the process dies.
    """
    table.validate(full=True)
    return table


def _in_large_pieces(file: pa.NativeFile) -> pa.NativeFile:
    return file if isinstance(file, pa.MemoryMappedFile) else in_blocks(file)


_AGAIN = "copy or download it again"
_PARQUET = ShardFormat("parquet", b"PAR1", _parquet, _AGAIN)
_FEATHER = ShardFormat("feather", b"ARROW1", _feather, _AGAIN)
_FEATHER_V1 = ShardFormat("feather V1", MAGIC, _feather_v1, _AGAIN)
_FORMATS = (_PARQUET, _FEATHER, _FEATHER_V1)
