"""The file formats of a shard, Parquet and Feather V2 and V1, behind one face."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from graphemes.competition.pointers import open_source, read_pointer
from graphemes.competition.remote_blocks import in_blocks
from graphemes.foundation.errors import DataError, one_line

try:  # pyarrow 25 says that V1 will go
    from pyarrow import feather
except ImportError:
    feather = None

_ZIP = b"PK\3\4"


class ShardFile(Protocol):
    """An open file of one of the formats: `groups` holds the rows of each row group."""

    schema: pa.Schema
    groups: list[int]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """The named columns of some row groups."""
        ...


@dataclass(frozen=True)
class ShardFormat:
    """One of the file formats."""

    name: str
    magic: bytes  # its files' first bytes
    open: Callable[[Path], AbstractContextManager[ShardFile]]  # raises what Arrow raises, on entry
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
    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self.schema = file.schema_arrow
        count = file.metadata.num_row_groups
        self.groups = [file.metadata.row_group(group).num_rows for group in range(count)]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        return self._file.read_row_groups(list(groups), columns=list(names))


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[ShardFile]:
    # pre_buffer tells the disk of a block's columns at once; mapped, these need no other memory.
    with open_source(path) as source, pq.ParquetFile(source, pre_buffer=True) as file:
        yield _Parquet(file)


class _Feather:
    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file
        self.schema = self._open(None).schema
        self._position = {name: position for position, name in enumerate(self.schema.names)}
        # Without a column a batch tells no rows; any one will do.
        one = self._open(self.schema.names[:1])
        self.groups = [one.get_batch(group).num_rows for group in range(one.num_record_batches)]

    def _open(self, names: Sequence[str] | None) -> pa.RecordBatchFileReader:
        fields = None if names is None else sorted(self._position[name] for name in names)
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        return pa.ipc.open_file(self._file, options=options)

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        reader = self._open(names)
        return pa.Table.from_batches([reader.get_batch(group) for group in groups])


@contextlib.contextmanager
def _feather(path: Path) -> Iterator[ShardFile]:
    with open_source(path) as file:
        yield _Feather(_in_large_pieces(file))


class _FeatherV1:
    """A V1 file has no row groups; its whole table is in the mapped file and takes no memory.

    One in remote storage takes as much memory as it has bytes.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema = table.schema
        self.groups = [table.num_rows]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        return self._table.select(list(names))


@contextlib.contextmanager
def _feather_v1(path: Path) -> Iterator[ShardFile]:
    if feather is None:
        raise pa.ArrowNotImplementedError(f"pyarrow {pa.__version__} has done away with it")
    with open_source(path) as source:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            table = feather.read_table(_in_large_pieces(source))
        yield _FeatherV1(table)


def _in_large_pieces(file: pa.NativeFile) -> pa.NativeFile:
    return file if isinstance(file, pa.MemoryMappedFile) else in_blocks(file)


_AGAIN = "copy or download it again"
_PARQUET = ShardFormat("parquet", b"PAR1", _parquet, _AGAIN)
_FEATHER = ShardFormat("feather", b"ARROW1", _feather, _AGAIN)
_FEATHER_V1 = ShardFormat(
    "feather V1",
    b"FEA1",
    _feather_v1,
    f"{_AGAIN}, or rewrite it where pyarrow is 18 to 26:"
    " pandas.read_feather('old').to_feather('new')",
)
_FORMATS = (_PARQUET, _FEATHER, _FEATHER_V1)
