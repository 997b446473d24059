"""Feather V1, the format of before 2020: columns one behind another, then a table of contents.

Read by ourselves: pyarrow, whose later releases do away with it, believes the table of contents,
and over a damaged one the process dies. Here all that it says is held against the file's size.

A file is FEA1, columns, contents, the contents' bytes as uint32, FEA1. The contents are a
flatbuffer, of the tables in feather.fbs beside Arrow's feather.cc, which says how columns lie.
"""

import struct
from dataclasses import dataclass

import pyarrow as pa

from graphemes.competition.flat_tables import FlatTable

MAGIC = b"FEA1"
_END = struct.Struct("<I4s")
# By the number of a type. Those left out are no longer written; times and dates are numbers here.
_TYPES = (
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.binary()),
)
_LARGE = {17: pa.large_string(), 18: pa.large_binary()}
_OFFSETS = {pa.string(): 4, pa.binary(): 4, **dict.fromkeys(_LARGE.values(), 8)}  # bytes of each
_CATEGORY = 1  # of what else a column may be noted to be


@dataclass(frozen=True)
class _Values:
    """Where the values of a column are."""

    kind: pa.DataType
    start: int
    bytes: int
    rows: int
    nulls: int


@dataclass(frozen=True)
class _Column:
    name: str
    values: _Values
    levels: _Values | None  # where values are codes of these

    @property
    def kind(self) -> pa.DataType:
        if self.levels is None:
            return self.values.kind
        return pa.dictionary(self.values.kind, self.levels.kind)


class FeatherV1:
    """An open file. Raises pa.ArrowInvalid where it isn't whole."""

    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file
        try:
            self.rows, columns = self._contents(file.size())
            self._columns = {column.name: column for column in columns}
            self.schema = pa.schema([(column.name, column.kind) for column in columns])
        except (struct.error, UnicodeDecodeError, TypeError) as error:
            raise pa.ArrowInvalid(f"its table of contents is damaged ({error})") from None

    def column(self, name: str) -> pa.Array:
        """A column's values, which are not copied where the file is mapped to memory."""
        column = self._columns[name]
        values = self._array(column.values)
        if column.levels is None:
            return values
        return pa.DictionaryArray.from_arrays(values, self._array(column.levels))

    def _contents(self, size: int) -> tuple[int, list[_Column]]:
        """Its number of rows, and the columns."""
        length, magic = _END.unpack(self._bytes(size - _END.size, _END.size))
        if magic != MAGIC:
            raise pa.ArrowInvalid("it doesn't end as it begins")
        contents = FlatTable.root(self._bytes(size - _END.size - length, length))
        rows, room, columns = contents.number(1), length, []
        for table in contents.tables(2):
            columns.append(_column(table, size, rows))
            room -= len(columns[-1].name)
            if room < 0:  # texts that lie in each other: few bytes could fill the memory
                raise pa.ArrowInvalid("its columns' names are longer than its table of contents")
        return rows, columns

    def _array(self, values: _Values) -> pa.Array:
        self._file.seek(values.start)
        content, start = self._file.read_buffer(values.bytes), 0
        buffers: list[pa.Buffer | None] = []

        def part(length: int) -> pa.Buffer:
            nonlocal start
            found = content.slice(start, min(length, len(content) - start))
            start = min(start + (length + 7) // 8 * 8, len(content))
            return found

        buffers.append(part((values.rows + 7) // 8) if values.nulls else None)
        if values.kind in _OFFSETS:
            buffers.append(part((values.rows + 1) * _OFFSETS[values.kind]))
        buffers.append(part(len(content)))
        array = pa.Array.from_buffers(values.kind, values.rows, buffers, values.nulls)
        array.validate(full=True)
        return array

    def _bytes(self, start: int, length: int) -> bytes:
        if start < len(MAGIC):
            raise pa.ArrowInvalid(f"its table of contents is said to have {length} bytes")
        self._file.seek(start)
        content: bytes = self._file.read(length)
        return content


def _column(table: FlatTable, size: int, rows: int) -> _Column:
    name = table.text(0)
    values = _values(name, table.table(1), size)
    if values.rows != rows:
        raise pa.ArrowInvalid(f"its column {name!r} has {values.rows} values, not {rows}")
    noted = table.table(3) if table.number(2, "<B") == _CATEGORY else None
    return _Column(name, values, None if noted is None else _values(name, noted.table(0), size))


def _values(name: str, table: FlatTable | None, size: int) -> _Values:
    if table is None:
        raise pa.ArrowInvalid(f"its column {name!r} has no values")
    number, (start, rows, nulls, length) = table.number(0, "<b"), map(table.number, range(2, 6))
    kind = _TYPES[number] if 0 <= number < len(_TYPES) else _LARGE.get(number)
    if kind is None:
        raise pa.ArrowInvalid(f"its column {name!r} is of type {number}")
    if min(start, rows, nulls, length) < 0 or nulls > rows or start + length > size:
        raise pa.ArrowInvalid(f"its column {name!r} is said to lie outside of the file")
    if rows > 8 * length:
        raise pa.ArrowInvalid(f"its column {name!r} has {rows} values in {length} bytes")
    return _Values(kind, start, length, rows, nulls)
