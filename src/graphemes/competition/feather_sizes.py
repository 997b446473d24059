"""What columns of a Feather file take in memory, known before they are unpacked.

A packed buffer begins with its size unpacked, for which Arrow takes memory whatever it is. The
layout is that of Arrow's columnar format: File.fbs and Message.fbs.
"""

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from graphemes.competition.flat_tables import FlatTable
from graphemes.foundation.arrays import Integers

_END = struct.Struct("<i6s")  # the table of contents' bytes, and ARROW1
_SIZE = struct.Struct("<q")
_BLOCK = struct.Struct("<qi4xq")  # where a message is, the bytes of its head, and of its body
_BUFFER = struct.Struct("<qq")  # where in the body it is, and its bytes
_PREFIX = 8  # bytes of a message's head before its flatbuffer: a mark and its length


class _Batch(NamedTuple):
    """One message's buffers."""

    body: int  # where they are in the file
    buffers: Integers  # (buffers, 2) where in the body, and bytes
    rows: int
    views: list[int]  # how many more buffers each column of views has
    packed: bool


class FeatherSizes:
    """Of an open file. Raises pa.ArrowInvalid where they can't be found in it."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema) -> None:
        self._file = file
        self._names = schema.names
        self._counts = [_buffers(kind) for kind in schema.types]
        self._views = [_views(kind) for kind in schema.types]
        length, _ = _END.unpack(self._bytes(file.size() - _END.size, _END.size))
        content = self._bytes(file.size() - _END.size - length, length)
        try:
            contents = FlatTable.root(content)
            dictionaries, batches = (contents.structs(field, _BLOCK.size) for field in (2, 3))
        except struct.error as error:
            raise pa.ArrowInvalid(f"its table of contents is damaged ({error})") from None
        self._dictionaries = [*_BLOCK.iter_unpack(dictionaries)]
        self._batches = [*_BLOCK.iter_unpack(batches)]

    def rows(self) -> list[int]:
        """Of each batch."""
        return [self._batch(start, head, False).rows for start, head, _ in self._batches]

    def dictionaries(self) -> int:
        """Bytes that those of all columns take, which are read with whichever column."""
        found = (self._batch(start, head, True) for start, head, _ in self._dictionaries)
        return sum(self._unpacked(batch, batch.buffers) for batch in found)

    def columns(self, group: int, names: Collection[str]) -> int:
        """Bytes that some columns of a batch take."""
        start, head, _ = self._batches[group]
        batch, place, taken = self._batch(start, head, False), 0, 0
        if not batch.packed:
            return 0
        views = iter(batch.views)
        for name, own, viewed in zip(self._names, self._counts, self._views, strict=True):
            count = own + sum(next(views, 0) for _ in range(viewed))
            if name in names:
                taken += self._unpacked(batch, batch.buffers[place : place + count])
            place += count
        return taken

    def _batch(self, start: int, head: int, dictionary: bool) -> _Batch:
        try:
            found = FlatTable.root(self._bytes(start + _PREFIX, head - _PREFIX)).table(2)
            if found is not None and dictionary:
                found = found.table(1)
            if found is None:
                raise pa.ArrowInvalid("it has a message without content")
            buffers = np.frombuffer(found.structs(2, _BUFFER.size), "<i8").reshape(-1, 2)
            views = np.frombuffer(found.structs(4, _SIZE.size), "<i8").tolist()
            return _Batch(start + head, buffers, found.number(0), views, found.table(3) is not None)
        except struct.error as error:
            raise pa.ArrowInvalid(f"a message of it is damaged ({error})") from None

    def _unpacked(self, batch: _Batch, buffers: Integers) -> int:
        if not batch.packed:
            return 0  # they lie in the file
        return sum(self._size(batch.body + start, length) for start, length in buffers.tolist())

    def _size(self, start: int, length: int) -> int:
        if length < _SIZE.size:
            return 0
        (size,) = _SIZE.unpack(self._bytes(start, _SIZE.size))
        if size < -1:  # in a sum it would hide what others take
            raise pa.ArrowInvalid(f"a buffer of it is said to take {size} bytes")
        return length if size == -1 else int(size)  # -1: as it is

    def _bytes(self, start: int, length: int) -> bytes:
        if start < 0 or length < 0 or start + length > self._file.size():
            raise pa.ArrowInvalid(f"{length} bytes of it are said to be at {start}")
        self._file.seek(start)
        content: bytes = self._file.read(length)
        return content


_TESTS = pa.types
_TEXTS = (_TESTS.is_string, _TESTS.is_binary, _TESTS.is_large_string, _TESTS.is_large_binary)


def _parts(kind: pa.DataType) -> Iterator[pa.DataType]:
    """The types of what is in a column of a type."""
    return (kind.field(one).type for one in range(kind.num_fields))


def _buffers(kind: pa.DataType) -> int:
    """How many buffers a column of a type has, those of views not counted that a batch may add."""
    if kind == pa.uint8() or _TESTS.is_dictionary(kind):
        return 2
    if isinstance(kind, pa.BaseExtensionType):
        return _buffers(kind.storage_type)
    if any(test(kind) for test in _TEXTS):
        return 3
    bare = _TESTS.is_struct(kind) or _TESTS.is_fixed_size_list(kind)
    return (0 if _TESTS.is_null(kind) else 1 if bare else 2) + sum(map(_buffers, _parts(kind)))


def _views(kind: pa.DataType) -> int:
    """How many columns of views are in a column of a type."""
    if kind == pa.uint8() or _TESTS.is_dictionary(kind):
        return 0
    if isinstance(kind, pa.BaseExtensionType):
        return _views(kind.storage_type)
    own = int(_TESTS.is_string_view(kind) or _TESTS.is_binary_view(kind))
    return own + sum(map(_views, _parts(kind)))
