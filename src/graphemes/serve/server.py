"""The server run until it is told to end: its socket, its signals, where it is."""

import asyncio
import contextlib
import logging
import signal
import socket
import warnings
from collections.abc import Iterator
from types import FrameType

import numpy as np
import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from graphemes.foundation.errors import UserError
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.progress import say
from graphemes.foundation.settings.serving import ServeSettings
from graphemes.serve.app import make_app
from graphemes.serve.networks import named_readers
from graphemes.synthesis.lettering.web_font import bengali_woff

HOST = "127.0.0.1"
CONNECTIONS = 512  # at once; of more each is told to come later
HEADERS_WITHIN = 20.0  # seconds for a request's first line and headers to arrive
ENDING = 5  # seconds that answers under way have when it ends


def serve(settings: ServeSettings) -> None:
    """Load the networks and answer until Ctrl-C or SIGTERM. Raises UserError before that."""
    listening = _bound(settings.port)
    with listening:
        readers = named_readers(settings)
        # The first picture takes a second, which nobody should wait for.
        next(iter(readers.values())).predict([np.full((HEIGHT, WIDTH), 255, np.uint8)])
        app = make_app(readers, settings.rate, bengali_woff())
        # What clients send is no reason for lines in the log: they are told.
        logging.getLogger("python_multipart").addHandler(logging.NullHandler())
        logging.getLogger("uvicorn.error").addFilter(_is_no_cancelling)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        config = uvicorn.Config(
            app,
            http=Impatient,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # or each request could say that it comes from elsewhere
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=ENDING,
            timeout_keep_alive=30,
        )
        server = uvicorn.Server(config)
        for name, reader in readers.items():
            say(f"{name}: {reader.ready.image_size}, {reader.chosen.why}")
        port = listening.getsockname()[1]
        say(f"http://{HOST}:{port}/: draw there; Ctrl-C ends it")
        with _ended_by_signals(server) as interrupted:
            server.run(sockets=[listening])
        if interrupted:
            raise KeyboardInterrupt


def _is_no_cancelling(record: logging.LogRecord) -> bool:
    """False for uvicorn's word that it cancels what takes too long when it ends: we answer that."""
    return not record.getMessage().startswith("Cancel ")


class Impatient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # one of two, by what is here
    """Which hangs up on who sends no whole request for some seconds, and so holds a place."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client is there."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """More of a request is there."""
        super().data_received(data)
        self._watch()

    @property
    def _asks_nothing(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if not self._asks_nothing and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        elif self._asks_nothing and self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_WITHIN, self._leave)

    def _leave(self) -> None:
        self._deadline = None
        if self._asks_nothing and not self.transport.is_closing():
            self.transport.close()


def _bound(port: int) -> socket.socket:
    """A socket of the loopback, before any network is loaded."""
    # Named as TCP, or asyncio leaves Nagle's delay on, and each answer is 40 ms late.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()  # while networks load no other server can have it
    except OSError as error:
        listening.close()
        raise UserError(
            f"port={port}: {HOST}:{port} can't be had: {error.strerror}; give another port, or"
            " port=0 for any that is free"
        ) from None
    return listening


@contextlib.contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end the server in its own time; what is yielded holds Ctrl-C's."""
    interrupted: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            interrupted.append(number)
            server.force_exit = len(interrupted) > 1
        server.should_exit = True

    # uvicorn would send them to this process again when it has ended.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
