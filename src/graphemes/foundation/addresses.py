"""Addresses: directories named by a scheme, as s3://bucket/folder, where others have a path."""

import re
from pathlib import Path
from typing import NewType
from urllib.parse import unquote, urlsplit

from graphemes.foundation.errors import SettingsError

Address = NewType("Address", str)  # ends without a slash, holds no credentials

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/*)(.*)", re.DOTALL)  # C:\ is a drive
# USER:PASSWORD@, whose password may hold slashes; a colon before digits alone is a port's. Without
# possessive quantifiers: Python before 3.11.5 finds nothing by an optional group of those.
_HEAD = r"[A-Za-z][A-Za-z0-9+.-]+:/"
_PASSWORD = re.compile(rf"^({_HEAD}/*(?!/)|(?!{_HEAD}))(?![^/@]*:\d+(?:/|$))[^/:@]*:.*@")
_SECRET = re.compile(r"key|token|secret|password|credential|sig(nature)?$", re.IGNORECASE)


def read_address(text: str) -> Address | Path | None:
    """The address that a text is, the path of a file:// one; None where it is a plain path.

    Raises SettingsError for one with a slash too few, without a place or with credentials in it.
    """
    found = _SCHEME.fullmatch(text)
    if not found or (len(found[2]) < 2 and Path(text).exists()):
        return None
    scheme, slashes, rest = found.groups()
    if len(slashes) < 2:
        whole = f"{scheme}:{'///' if scheme.lower() == 'file' else '//'}{masked(rest).lstrip('/')}"
        raise SettingsError(
            f"'{masked(text)}' is neither a path nor an address; expected {whole}, or a path that"
            " begins with ./"
        )
    try:
        parts = urlsplit(text)
    except ValueError as error:  # of brackets
        raise SettingsError(f"'{masked(text)}' is no address: {error}") from None
    if scheme.lower() == "file":
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise SettingsError(f"'{text}' names another machine; expected file:///folder")
        return Path(unquote(parts.path))
    if not rest or (slashes == "//" and not parts.netloc):
        raise SettingsError(f"'{text}' names no place; expected {scheme}://bucket/folder")
    if masked(text) != text:
        raise SettingsError(
            f"'{masked(text)}' holds credentials, which shells and logs keep; leave them out and"
            " export the storage's own variables, as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
        )
    head, question, query = text.partition("?")
    return Address(head.rstrip("/") + question + query)


def inside(address: Address, name: str) -> str:
    """The address of a file in the directory at an address, for people."""
    head, question, query = address.partition("?")
    return f"{head}/{name}{question}{query}"


def masked(text: str) -> str:
    """An address for people, `***` where a password, key or token stands."""
    head, question, query = text.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    shown = [
        f"{key}=***" if _SECRET.search(key) else key + is_ + value for key, is_, value in pairs
    ]
    return _PASSWORD.sub(r"\1***@", head) + question + "&".join(shown)
