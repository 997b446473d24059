"""Parts of a shard: some of its rows as a shard of their own, for who can't hold all at once."""

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa

from graphemes.competition.shard_formats import ShardFile
from graphemes.competition.shards import Shard


class _Rows:
    """Some rows of some row groups of an open file, as one row group."""

    def __init__(self, file: ShardFile, groups: range, rows: slice) -> None:
        self._file, self._groups, self._rows = file, groups, rows
        self.schema = file.schema
        self.groups = [rows.stop - rows.start]

    def read(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        return self._file.read(self._groups, names).slice(self._rows.start, self.groups[0])


def shard_parts(shard: Shard, together: int, most: int) -> Iterator[Shard]:
    """The shard's rows in order, as parts that are decoded one by one.

    Whole row groups of at most `together` rows a part, or one larger group. What can be read is a
    row group at the least: one of more than `most` rows is read once for each of its parts.
    """
    groups, first, top = shard.file.groups, 0, 0
    while first < len(groups):
        last, rows = first + 1, groups[first]
        while last < len(groups) and rows + groups[last] <= together:
            rows += groups[last]
            last += 1
        for start in range(0, rows, most):
            inside = slice(start, min(start + most, rows))
            ids = shard.ids[top + inside.start : top + inside.stop]
            file = _Rows(shard.file, range(first, last), inside)
            yield dataclasses.replace(shard, ids=ids, file=file)
        first, top = last, top + rows
