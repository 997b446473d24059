"""The stores of several shards one after another, the next decoded while the one before is used."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from graphemes.foundation.progress import Advance, Say
from graphemes.foundation.settings.types import Wish
from graphemes.images.store import Bar, Store, silent
from graphemes.images.streaming import decoded_parts

_Made = tuple[Path, Store] | None


class _NotWanted(Exception):  # no error: nobody waits for what is being decoded
    pass


def stores_ahead(
    shards: Sequence[Path], directory: Path, say: Say, bar: Bar = silent, *, invert: Wish = "auto"
) -> Iterator[tuple[Path, Store]]:
    """All images of the shards, in order: each store with its shard's path.

    A thread decodes; who asks for the next store lets go of the one before, and who ends early
    waits for what is under way: a block, or a part in memory. Only the first shard shows its bar:
    later ones are decoded beside other work. Raises DataError for a shard that can't be used.
    """
    ended = threading.Event()

    def made() -> Iterator[tuple[Path, Store]]:
        for number, path in enumerate(shards):
            shown = silent if number else bar
            for store in decoded_parts(path, directory, say, _until(ended, shown), invert=invert):
                yield path, store
                del store  # or its room would be taken until the next is made

    stores = made()
    with ThreadPoolExecutor(1) as decoder:
        following: Future[_Made] = decoder.submit(next, stores, None)
        try:
            while (found := following.result()) is not None:
                following = decoder.submit(next, stores, None)
                yield found
                del found
        finally:
            ended.set()


def _until(ended: threading.Event, bar: Bar) -> Bar:
    """A bar that stops whoever advances it once nobody waits any more."""

    @contextlib.contextmanager
    def watched(label: str, total: int) -> Iterator[Advance]:
        with bar(label, total) as advance:

            def heeding(count: int) -> None:
                if ended.is_set():
                    raise _NotWanted
                advance(count)

            yield heeding

    return watched
