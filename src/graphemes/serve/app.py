"""The server: a page to draw on, and what reads what is drawn. One process, one reading thread.

Only of this machine: it answers to names of the loopback alone, so that no page of another host can
reach it through the browser, whatever its name resolves to.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from importlib import resources
from typing import Any, NamedTuple, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graphemes.foundation.errors import NetworkError
from graphemes.foundation.look import colours
from graphemes.foundation.versions import VERSION
from graphemes.images.photographs import Picture
from graphemes.pipeline.reader import Reader
from graphemes.serve.answers import explained, read
from graphemes.serve.batching import Batcher, Busy
from graphemes.serve.bodies import Body, Refused, body_of, scans_of
from graphemes.serve.description import described, help_page
from graphemes.serve.guard import Guard
from graphemes.serve.limits import RateLimit

WAITING = 256  # pictures that may wait to be read; of more the sender is asked to come later
PATIENCE = 60.0  # seconds until a picture that waits is given up
_EXPLAIN = "explain "  # before a network's name: another kind of reading
T = TypeVar("T")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff": "font/woff",
}


def make_app(readers: Mapping[str, Reader], rate: float, font: bytes) -> Guard:
    """The application. `readers` by name, the first by default; `font`: WOFF of Bengali letters."""
    serving = _Serving(readers, RateLimit(rate))
    files = {
        **_page_files(),
        "/colours.css": (colours().encode(), _TYPES[".css"]),
        "/bengali.woff": (font, _TYPES[".woff"]),
    }

    async def file(request: Request) -> Response:
        content, kind = files[request.url.path]
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    @contextlib.asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(serving.close)

    routes = [
        *(Route(path, file, methods=["GET"]) for path in files),
        Route("/predict", serving.predict, methods=["POST"]),
        Route("/networks", serving.networks, methods=["GET"]),
        Route("/health", serving.health, methods=["GET"]),
        Route("/openapi.json", _openapi, methods=["GET"]),
        Route("/docs", _docs, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=life,
        exception_handlers={HTTPException: _http_error, Exception: _own_error},
    )
    app.router.redirect_slashes = False
    return Guard(app)  # around all of it, faults too


def _page_files() -> dict[str, tuple[bytes, str]]:
    """The files of the page by their path: nothing else of a disk can be asked for."""
    root = resources.files("graphemes.serve").joinpath("page")
    found = {f"/{one.name}": one for one in root.iterdir() if one.is_file()}
    found |= {f"/samples/{one.name}": one for one in root.joinpath("samples").iterdir()}
    files = {
        path: (one.read_bytes(), _TYPES[f".{path.rpartition('.')[2]}"])
        for path, one in found.items()
    }
    return {"/": files["/index.html"], **files}


class _Asked(NamedTuple):
    """What a request's address asks for."""

    network: str
    explain: bool
    compare: bool


class _Serving:
    """What the routes share."""

    def __init__(self, readers: Mapping[str, Reader], limit: RateLimit) -> None:
        self._readers = dict(readers)
        self._limit = limit
        self._batcher: Batcher[Picture, dict[str, Any]] = Batcher(self._read, WAITING)
        self._started = time.monotonic()
        self._pictures = 0

    def close(self) -> None:
        """End; what still waits is given up."""
        self._batcher.close()

    def _read(self, key: str, scans: list[Picture]) -> list[dict[str, Any]]:
        if key.startswith(_EXPLAIN):
            reader = self._readers[key.removeprefix(_EXPLAIN)]
            return [explained(reader, scan) for scan in scans]
        return read(self._readers[key], scans)

    async def predict(self, request: Request) -> Response:
        """Labels, likeliest classes and spelling of one picture or some."""
        address = request.client.host if request.client else ""
        if wait := self._limit.seconds_to_wait(address):
            return _refused(
                429,
                "too many requests from one address; wait a moment",
                {"Retry-After": str(max(1, round(wait)))},
            )
        began = time.perf_counter()
        try:
            asked = self._asked(request)
            body = await body_of(request)
            scans, content = await _while_there(request, self._read_body(request, body, asked))
        except Refused as refusal:
            later = {"Retry-After": "5"} if refusal.status == 503 else None
            return _refused(refusal.status, refusal.why, later)
        except Busy:
            return _refused(503, "too much waits to be read; try again", {"Retry-After": "1"})
        except ClientDisconnect:
            return _refused(400, "whoever asked went away")  # that nobody reads
        except TimeoutError:
            return _refused(503, f"not read within {PATIENCE:g} seconds", {"Retry-After": "5"})
        content["milliseconds"] = round(1000 * (time.perf_counter() - began), 2)
        self._pictures += len(scans)
        return JSONResponse(content)

    async def _read_body(
        self, request: Request, body: Body, asked: _Asked
    ) -> tuple[list[Picture], dict[str, Any]]:
        """The scans of a request, and what is read of them."""
        name, explain, compare = asked
        scans = await scans_of(request, body)
        if explain and len(scans) > 1:
            raise Refused(422, f"explain: {len(scans)} pictures; expected one")
        content: dict[str, Any] = {"network": name}
        content["pictures"] = await self._answers(name, scans)
        if compare:  # one after the other: together they would be more than may wait
            content["networks"] = {
                other: content["pictures"] if other == name else await self._answers(other, scans)
                for other in self._readers
            }
        if explain:
            with contextlib.suppress(NetworkError):  # of a trunk without feature maps
                content["explanation"] = (await self._answers(_EXPLAIN + name, scans))[0]
        return scans, content

    async def _answers(self, name: str, scans: list[Picture]) -> list[dict[str, Any]]:
        """An answer a scan, of one network."""
        futures: list[Future[dict[str, Any]]] = []
        try:
            for scan in scans:  # one by one: where too much waits, those before are cancelled
                futures.append(self._batcher.submit(name, scan))  # noqa: PERF401
            async with asyncio.timeout(PATIENCE):
                return await asyncio.gather(*map(asyncio.wrap_future, futures))
        except BaseException:
            for one in futures:
                one.cancel()
            raise

    def _asked(self, request: Request) -> _Asked:
        """What a request's address asks for. Raises Refused."""
        query = request.query_params
        twice = [key for key in query if len(query.getlist(key)) > 1]
        if twice:
            raise Refused(422, f"'{twice[0][:80]}' is given twice; give it once")
        unknown = [key for key in query if key not in ("network", "explain", "compare")]
        if unknown:
            raise Refused(
                422, f"'{unknown[0][:80]}': no such word; expected network, explain, compare"
            )
        name = query.get("network", next(iter(self._readers)))
        if name not in self._readers:
            raise Refused(
                422, f"network='{name[:80]}': there is none; expected {', '.join(self._readers)}"
            )
        return _Asked(name, _truth(query, "explain"), _truth(query, "compare"))

    async def networks(self, _request: Request) -> Response:
        """The networks that can be asked."""
        found = [
            {
                "name": name,
                "image_size": str(reader.ready.image_size),
                "rule": reader.chosen.rule.name,
                "demo": any(record.demo for record in reader.ready.records),
            }
            for name, reader in self._readers.items()
        ]
        return JSONResponse({"networks": found})

    async def health(self, _request: Request) -> Response:
        """Whether it is there."""
        seconds = round(time.monotonic() - self._started, 1)
        return JSONResponse(
            {"status": "ok", "version": VERSION, "seconds": seconds, "pictures": self._pictures}
        )


async def _while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Raises ClientDisconnect once whoever asked goes away; `work` is cancelled.

    The request's body must have been read: what comes after it is its end alone.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    """Wait until whoever asked goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _truth(query: Mapping[str, str], key: str) -> bool:
    value = query.get(key, "false")
    if value not in ("true", "false"):
        raise Refused(422, f"{key}='{value[:80]}'; expected true or false")
    return value == "true"


async def _openapi(_request: Request) -> Response:
    return JSONResponse(described())


async def _docs(request: Request) -> Response:
    return Response(help_page(str(request.base_url).rstrip("/")), media_type=_TYPES[".html"])


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": why}, status, headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(error.status_code, f"{error.detail}; /docs says what there is", error.headers)


async def _own_error(_request: Request, _error: Exception) -> Response:
    return _refused(500, "a fault of this program; its log says where")
