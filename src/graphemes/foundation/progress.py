"""What a run says while it works: a bar on a terminal, plain lines where there is none."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from graphemes.foundation.errors import UserError

Say = Callable[[str], None]
Advance = Callable[..., None]
_drawn: list[Any] = []  # bars on the terminal
PLAIN_SECONDS = 30.0  # between two plain lines: a Kaggle log stays readable


def say(line: str) -> None:
    """One line to the user, at once even into a pipe. Raises UserError where it can't be written.

    BrokenPipeError says that nobody reads any more.
    """
    for bar in _drawn:  # or the line would go on behind it
        bar.clear()
    try:
        print(line, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(
            f"stdout couldn't be written: {error.strerror}; make room, or let it write elsewhere"
        ) from None


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing that is said, drawn or warned of in the block is seen: another process says it."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def counted(count: int, unit: str) -> str:
    """'1 epoch', '40 epochs'."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def duration(seconds: float) -> str:
    """'8h05m', '3m07s' or '12s'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


@contextlib.contextmanager
def progress(label: str, total: int, unit: str = "image", done: int = 0) -> Iterator[Advance]:
    """Yield advance(count, **facts): draws a bar, or a line now and then when there's no terminal.

    done: how many an earlier call did. facts are shown beside the bar, as in
    advance(64, loss="0.71").
    """
    if sys.stderr.isatty():
        with _bar(label, total, unit, done) as advance:
            yield advance
    else:
        yield _plain(label, total, unit, done)


@contextlib.contextmanager
def _bar(label: str, total: int, unit: str, done: int) -> Iterator[Advance]:
    from tqdm import tqdm  # noqa: PLC0415  # plain runs and `help` don't need it

    with tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=f" {unit}s",
        leave=False,
        dynamic_ncols=True,
        smoothing=0.05,
    ) as bar:

        def advance(count: int, **facts: str) -> None:
            if facts:
                bar.set_postfix(facts, refresh=False)
            bar.update(count)

        _drawn.append(bar)
        try:
            yield advance
        finally:
            _drawn.remove(bar)


def _plain(label: str, total: int, unit: str, before: int) -> Advance:
    started = spoken = time.monotonic()
    done = before

    def advance(count: int, **facts: str) -> None:
        nonlocal done, spoken
        done += count
        now = time.monotonic()
        if now - spoken < PLAIN_SECONDS or done >= total:
            return
        spoken = now
        rate = (done - before) / (now - started)
        shown = "".join(f", {name} {value}" for name, value in facts.items())
        say(
            f"{label}: {done:,} of {total:,} {unit}s{shown}, {rate:.0f} {unit}s/s,"
            f" {duration((total - done) / rate)} left"
        )

    return advance
