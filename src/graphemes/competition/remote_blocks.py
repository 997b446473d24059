"""A remote file read in large blocks: for readers who ask for every small piece by itself.

Arrow's reader of Feather asks for each column's buffers one by one: over the network 32,332 times.
"""

import functools
import io
from collections.abc import Callable

import pyarrow as pa

BLOCK = 8 * 2**20  # bytes of a request
_KEPT = 8  # blocks in memory: the table of contents, and where the columns are that are read


def in_blocks(file: pa.NativeFile) -> pa.PythonFile:
    """A file that can be read as this one, which stays open as long."""
    return pa.PythonFile(_Blocks(file), "r")


class _Blocks(io.RawIOBase):
    def __init__(self, file: pa.NativeFile) -> None:
        self._size: int = file.size()
        self._position = 0

        def block(number: int) -> memoryview:
            start = number * BLOCK
            return memoryview(file.read_at(min(BLOCK, self._size - start), start))

        self._block: Callable[[int], memoryview] = functools.lru_cache(_KEPT)(block)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """What lies there, of so many bytes as there are."""
        left = self._size - self._position
        stop = self._position + (left if size is None or size < 0 else min(size, left))
        pieces = []
        while self._position < stop:
            number, start = divmod(self._position, BLOCK)
            piece = self._block(number)[start : start + stop - self._position]
            pieces.append(piece)
            self._position += len(piece)
        return b"".join(pieces)
