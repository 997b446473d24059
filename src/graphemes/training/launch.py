"""Several processes of one training on this machine, started and watched by torch's own engine.

torchrun is the same engine for the shell; here it is called, so that there is one command line, one
sentence over what went wrong, and one exit code.
"""

import contextlib
import logging
import signal
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import fields
from multiprocessing import resource_tracker
from typing import Any

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from graphemes.foundation.errors import KEPT, AlreadySaid, SettingsError, Stopped, UserError
from graphemes.foundation.machine import usable_cores
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.devices import choose_engine
from graphemes.network.ranks import Ranks

# After SIGTERM processes write their state, score, and predict if that is asked for; the engine's
# own half minute would end them in the middle. An older torch has no word for it.
_PATIENCE: dict[str, Any] = {
    own.name: 3600 for own in fields(LaunchConfig) if own.name == "shutdown_timeout"
}
_SIGNALLED = (128 + signal.SIGTERM, 128 + signal.SIGINT)  # a process's own word for these


def launch(entry: Callable[[list[str]], None], words: list[str], settings: TrainSettings) -> None:
    """Run entry(words) in as many processes as the settings say, until all of them have ended.

    entry: importable by name. When one process ends badly, the others are ended too. Raises
    SettingsError for a device that isn't there so many times, AlreadySaid where a process ended
    itself with a word, UserError where something ended it, Stopped and KeyboardInterrupt.
    """
    count = settings.processes
    ranks = Ranks(size=count, local_size=count)
    device = choose_engine(settings.device, settings.precision, ranks).device
    most = max(2, usable_cores())  # two on one core are of use to whoever tries things out
    if device.type == "cpu" and count > most:
        raise SettingsError(
            f"processes={count}: this machine gives {usable_cores()} core(s) and no GPU is used;"
            f" expected at most {most}"
        )
    with tempfile.TemporaryDirectory() as logs, _signals_kept(), _quiet_engine(), _calm_start():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",  # any free port
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            **_PATIENCE,
        )
        try:
            elastic_launch(config, entry)(words)
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            code = failure.exitcode
            ended = -code if code < 0 else code - 128 if code in _SIGNALLED else None
            if ended is None:
                raise AlreadySaid(code) from None
            name = signal.Signals(ended).name
            raise UserError(
                f"process {rank + 1} of {count} was ended by {name}, so all were; out of memory?"
                f" try a smaller batch_size, or workers=0; {KEPT}"
            ) from None
        except SignalException as caught:
            if caught.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Stopped(f"stopped; {KEPT}", signalled=True) from None


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """The engine leaves handlers of its own behind."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    kept = [(number, signal.getsignal(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in kept:
            signal.signal(number, handler)


@contextlib.contextmanager
def _quiet_engine() -> Iterator[None]:
    """Without the engine's log lines: the process that failed has said why, or we say it."""
    names = "torch.distributed.elastic", "torch.multiprocessing"
    loggers = [logging.getLogger(name) for name in names]
    kept = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, kept, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


@contextlib.contextmanager
def _calm_start() -> Iterator[None]:
    """Processes begin with Ctrl-C held back until they heed it, or they would show their imports.

    What this thread holds back they inherit; another thread takes it for this process.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which at its start would let the signal through again
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        done.set()
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
