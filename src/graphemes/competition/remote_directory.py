"""A remote directory: what lies at an address, listed and opened through Arrow or fsspec."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pyarrow as pa
from pyarrow import fs

from graphemes.foundation.addresses import Address, inside
from graphemes.foundation.errors import DataError, MissingPackage, SettingsError, one_line
from graphemes.foundation.files import replacing

# Arrow's own would try Google's servers for a quarter of an hour; those of S3 for 6 s.
_GOOGLE_SECONDS = "retry_limit_seconds=40"
_REFUSALS: tuple[str, ...] = (
    "ACCESS_DENIED",
    "FORBIDDEN",
    "UNAUTHENTICATED",
    "INVALID_ACCESS_KEY",
    "SIGNATURE",
)
_REFUSALS += ("PERMISSION", "UNAUTHORIZED", "CREDENTIAL", " 401", " 403")
# What a storage without times calls that which tells a file's versions apart.
_VERSIONS: tuple[str, ...] = (
    "mtime",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "ETag",
    "etag",
)
_VERSIONS += ("sha256", "blob_id", "created")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a remote directory, as it is listed."""

    name: str
    bytes: int
    version: int | str  # its time in ns; where the storage has none, its tag, or nothing


@dataclass(frozen=True)
class RemoteDirectory:
    """A directory in some storage; what its methods raise are DataErrors in one line."""

    address: Address
    filesystem: fs.FileSystem
    path: str

    def files(self) -> list[RemoteFile]:
        """Its files by name, without those of directories below it."""
        with _faults(self.address):
            found = self.filesystem.get_file_info(fs.FileSelector(self.path))
            files = [self._described(info) for info in found if info.is_file]
        return sorted(files, key=lambda file: file.name)

    def open(self, name: str) -> pa.NativeFile:
        """One of its files, to be read by ranges."""
        with _faults(inside(self.address, name), "file"):
            return self.filesystem.open_input_file(f"{self.path}/{name}")

    def copy(self, name: str, path: Path) -> None:
        """One of its files, small, to a local one, whole or not at all."""
        with self.open(name) as file, _faults(inside(self.address, name), "file"):
            content = file.read()
        with replacing(path) as temporary:
            temporary.write_bytes(content)

    def _described(self, info: fs.FileInfo) -> RemoteFile:
        if info.mtime_ns is not None:
            return RemoteFile(info.base_name, info.size, int(info.mtime_ns))
        # A list of links, as of http, says no more than names.
        handler = getattr(self.filesystem, "handler", None)
        about = handler.fs.info(info.path) if isinstance(handler, fs.FSSpecHandler) else {}
        version = next((str(about[key]) for key in _VERSIONS if about.get(key)), "")
        return RemoteFile(info.base_name, info.size or about.get("size") or 0, version)


@functools.cache
def open_directory(address: Address) -> RemoteDirectory:
    """The directory at an address; whether it is there is seen when it is listed.

    Arrow's own storage (S3, Google, Azure, HDFS) where it has one, else fsspec's. Raises
    SettingsError for a scheme that neither knows, MissingPackage, DataError.
    """
    with _faults(address):
        try:
            filesystem, path = fs.FileSystem.from_uri(_patient(address))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            if "Unrecognized filesystem" not in str(error) and "without" not in str(error):
                raise
            found, path = fsspec.core.url_to_fs(address)
            filesystem = fs.PyFileSystem(fs.FSSpecHandler(found))
    return RemoteDirectory(address, filesystem, path.rstrip("/"))


def _patient(address: Address) -> str:
    if not address.startswith(("gs://", "gcs://")) or "retry_limit_seconds" in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}{_GOOGLE_SECONDS}"


@contextlib.contextmanager
def _faults(where: str, what: str = "directory") -> Iterator[None]:
    """Turn what storage libraries raise, each in its own way, into our errors."""
    try:
        yield
    except (DataError, MissingPackage):
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{where}: no such {what}; is the address right?") from error
    except ImportError as error:
        raise MissingPackage(f"{where}: {one_line(error)}") from error
    except ValueError as error:
        raise SettingsError(
            f"{where}: no address that can be opened: {one_line(error)};"
            " expected one as s3://bucket/folder, or a path"
        ) from error
    except Exception as error:
        reason = one_line(error)
        if "NO_SUCH_BUCKET" in reason:
            raise DataError(f"{where}: no such bucket; is the address right?") from error
        if isinstance(error, PermissionError) or any(word in reason.upper() for word in _REFUSALS):
            raise DataError(
                f"{where}: access refused: {reason}; are the storage's credentials exported, as"
                " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY?"
            ) from error
        raise DataError(
            f"{where}: can't be read: {reason}; is the address right and the network there?"
        ) from error
