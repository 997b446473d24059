"""Who may ask, and what each answer tells a browser to keep to: around all routes."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost", "[::1]")
# Everything comes from here, nothing is inline; pictures may be addresses that hold them.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self';"
    " img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses what comes by another name or from a page of another origin; adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        answered = False

        async def guarded(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        if why := _refusal(Headers(scope=scope)):
            await JSONResponse({"error": why}, 403)(scope, receive, guarded)
            return
        try:
            await self._app(scope, receive, guarded)
        except asyncio.CancelledError:  # the server ends, and this took longer than it may then
            if answered:
                raise
            ending = JSONResponse({"error": "the server ends"}, 503, {"Retry-After": "5"})
            await ending(scope, receive, guarded)


def _refusal(headers: Headers) -> str | None:
    """Why a request isn't taken; None where it is."""
    host = headers.get("host", "")
    if _name(host) not in NAMES:
        return f"host '{host[:80]}': expected 127.0.0.1 or localhost"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return f"origin '{origin[:80]}': expected this page's own"
    return None


def _name(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isascii() and port.isdigit() else host).lower()
