"""The two file formats of a shard, Parquet and Feather V2, behind one face."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq


class ShardFile(Protocol):
    """One of the two file formats: `groups` holds the rows of each row group."""

    schema: pa.Schema
    groups: list[int]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """The named columns of some row groups."""
        ...


def open_shard_file(path: Path) -> AbstractContextManager[ShardFile]:
    """The file, by its name's ending. Raises what Arrow raises, when entered."""
    return _feather(path) if path.suffix == ".feather" else _parquet(path)


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
    with pq.ParquetFile(path, memory_map=True, pre_buffer=True) as file:
        yield _Parquet(file)


class _Feather:
    def __init__(self, file: pa.MemoryMappedFile) -> None:
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
    with pa.memory_map(str(path)) as file:
        yield _Feather(file)
