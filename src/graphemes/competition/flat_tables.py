"""Tables of a flatbuffer, as Feather's contents are, read from bytes that may be damaged."""

import struct
from collections.abc import Iterator


class FlatTable:
    """A table, whose fields have numbers; a field that it lacks is 0, "" or None.

    Each method raises struct.error for what lies outside of the bytes, UnicodeDecodeError for text
    that is none.
    """

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        self._fields = place - _number(content, "<i", place)  # where each field is, from place
        self._length = _number(content, "<H", self._fields)  # of that, in bytes, itself included

    @classmethod
    def root(cls, content: bytes) -> "FlatTable":
        """The table that the others hang on."""
        return cls(content, _number(content, "<I", 0))

    def number(self, field: int, kind: str = "<q") -> int:
        """A whole number, of struct's kind."""
        place = self._where(field)
        return 0 if place is None else _number(self._content, kind, place)

    def text(self, field: int) -> str:
        """A text."""
        place = self._there(field)
        if place is None:
            return ""
        length = _number(self._content, "<I", place)
        _number(self._content, "<B", place + 4 + length)  # there, since a 0 ends each
        return self._content[place + 4 : place + 4 + length].decode()

    def table(self, field: int) -> "FlatTable | None":
        """A table."""
        place = self._there(field)
        return None if place is None else FlatTable(self._content, place)

    def tables(self, field: int) -> Iterator["FlatTable"]:
        """The tables of a list, which may be the same one many times where a file is damaged."""
        place = self._there(field)
        count = 0 if place is None else _number(self._content, "<I", place)
        for one in range(count):
            assert place is not None
            here = place + 4 * (one + 1)
            yield FlatTable(self._content, here + _number(self._content, "<I", here))

    def structs(self, field: int, size: int) -> bytes:
        """The bytes of a list of structs of this size."""
        place = self._there(field)
        if place is None:
            return b""
        length = _number(self._content, "<I", place) * size
        if place + 4 + length > len(self._content):
            raise struct.error(f"a list of {length} bytes, beyond the end")
        return self._content[place + 4 : place + 4 + length]

    def _where(self, field: int) -> int | None:
        place = 4 + 2 * field
        if place + 2 > self._length:  # a file of before the field was thought of
            return None
        found = _number(self._content, "<H", self._fields + place)
        return self._place + found if found else None

    def _there(self, field: int) -> int | None:
        """Where a text, a table or a list is: its field says how far from the field."""
        place = self._where(field)
        return None if place is None else place + _number(self._content, "<I", place)


def _number(content: bytes, kind: str, place: int) -> int:
    if place < 0:  # to struct that would be from the end
        raise struct.error(f"a place before the start, {place}")
    number: int = struct.unpack_from(kind, content, place)[0]
    return number
