"""What a request brings: PNG, JPEG, raw scans, or several files; each made into a scan.

Scans are (137, 236) uint8, 255 paper .. 0 ink.
"""

import asyncio
import io
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.images.photographs import Picture
from graphemes.pipeline.image_sources import scan_of_file

LARGEST = 16_000_000  # bytes of a body
MOST = 64  # pictures of a request
PATIENCE = 20.0  # seconds for a body to arrive
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}  # either may be named as the other
READ = tuple(FORMATS.values())
_DECODERS = ThreadPoolExecutor(2, "decoding")
RAW = "application/octet-stream"
FORM = "multipart/form-data"


class Refused(Exception):
    """A request that isn't answered with what it asks for: a status of 4xx or 503, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Body(NamedTuple):
    """What a request brought, whole, and its media type: one of those above."""

    kind: str
    content: bytes


async def body_of(request: Request) -> Body:
    """A request's body. Raises Refused for a type that isn't read, and for an empty body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*FORMATS, RAW, FORM):
        raise Refused(
            415, f"a body of type '{kind[:80]}'; expected {', '.join((*FORMATS, RAW, FORM))}"
        )
    content = await _content(request)
    if not content:
        raise Refused(400, "an empty body; expected a picture")
    return Body(kind, content)


async def scans_of(request: Request, body: Body) -> list[Picture]:
    """The scans of a request's body. Raises Refused for what is none."""
    if body.kind == RAW:
        return _raw(body.content)
    files = [body] if body.kind in FORMATS else await _files(request, body.content)
    given_up, begun = threading.Event(), threading.Event()
    # In threads of its own: those of the event loop are for what is short.
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(
                _DECODERS, _scans, files, given_up, begun
            )
    except TimeoutError:
        if not begun.is_set():
            raise Refused(503, "other pictures are being decoded; try again") from None
        raise Refused(
            413, f"pictures that aren't decoded in {PATIENCE:g} seconds; send fewer or smaller ones"
        ) from None
    finally:
        given_up.set()  # a thread can't be stopped; it looks between two pictures


async def _content(request: Request) -> bytes:
    """The whole body; Refused as soon as it is too large or too slow."""
    told = request.headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit()):
        raise Refused(400, "content-length: expected a number of bytes")
    if int(told) > LARGEST:
        raise Refused(413, _too_large())
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > LARGEST:
                    raise Refused(413, _too_large())
    except TimeoutError:
        raise Refused(408, f"the body didn't arrive within {PATIENCE:g} seconds") from None
    except ClientDisconnect:
        raise Refused(400, "the body ended early") from None
    return b"".join(parts)


def _too_large() -> str:
    return f"a body of more than {LARGEST // 1_000_000} MB; send fewer or smaller pictures"


def _raw(body: bytes) -> list[Picture]:
    """Scans as their bytes, one behind the other."""
    count, rest = divmod(len(body), PIXELS)
    if rest or not count:
        raise Refused(
            400,
            f"{len(body):,} bytes; expected {PIXELS:,} for each scan: {HEIGHT} rows of {WIDTH}"
            " grey levels, 255 paper to 0 ink",
        )
    _check_count(count)
    pixels = np.frombuffer(body, np.uint8).reshape(count, HEIGHT, WIDTH)
    return [np.array(one) for one in pixels]


def _check_count(count: int) -> None:
    if count > MOST:
        raise Refused(413, f"{count:,} pictures; expected at most {MOST}")


async def _files(request: Request, body: bytes) -> list[Body]:
    """The files of a form, each with its type."""

    async def once() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    if not _closed(request, body):
        raise Refused(400, "a form that ends early: its last boundary isn't there")
    again = Request(request.scope, once)
    try:
        form = await again.form(max_files=MOST + 1, max_fields=8, max_part_size=LARGEST)
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refused(400, f"a form that can't be read: {error}") from None
    except Exception as error:  # starlette turns its own into one with a status
        why = getattr(error, "detail", None)
        if why is None:
            raise
        if str(why).startswith("Too many files"):
            raise Refused(413, f"more than {MOST} pictures; expected at most {MOST}") from None
        raise Refused(400, f"a form that can't be read: {why}") from None
    try:
        given = [value for _, value in form.multi_items() if not isinstance(value, str)]
        files = [await _file(value) for value in given]
    finally:
        await form.close()
    if not files:
        raise Refused(400, "a form without files; expected pictures, as: curl -F file=@scan.png")
    _check_count(len(files))
    return files


def _closed(request: Request, body: bytes) -> bool:
    """Whether a form has its end; what reads it would take the parts before for all."""
    _, words = parse_options_header(request.headers.get("content-type"))
    boundary = words.get(b"boundary")
    return boundary is None or b"--" + boundary + b"--" in body  # None: what reads it says so


async def _file(value: UploadFile) -> Body:
    kind = (value.content_type or "").partition(";")[0].strip().lower()
    if kind not in FORMATS:
        raise Refused(415, f"a file of type '{kind[:80]}'; expected {' or '.join(FORMATS)}")
    return Body(kind, await value.read())


def _scans(
    files: Sequence[Body], given_up: threading.Event, begun: threading.Event
) -> list[Picture]:
    """The scans of files, as far as somebody waits for them; `begun` is set first."""
    begun.set()
    found: list[Picture] = []
    for number, (_, content) in enumerate(files, 1):
        if given_up.is_set():
            break
        try:
            found.append(scan_of_file(io.BytesIO(content), f"picture {number}", READ))
        except DataError as error:
            raise Refused(400, str(error)) from None
    return found
