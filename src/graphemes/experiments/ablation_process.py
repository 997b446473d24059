"""A training in a process of its own, without scores and submission: its memory returns."""

import multiprocessing
import signal
import sys
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn

from graphemes.foundation.errors import UserError
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.pipeline.run_plan import open_run, plan_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.forecast import Deadline


def train_apart(settings: TrainSettings) -> None:
    """Train the folds of these settings in a fresh process, which says what a training says.

    Raises UserError where that did; the process ends before this one is interrupted.
    """
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_answer, args=(sender, settings))
    process.start()
    sender.close()  # so that the end of the process is the end of what it sends
    try:
        error = _received(receiver)
        process.join()
    except BaseException:
        process.terminate()
        process.join()
        raise
    if error is not None:
        raise error
    if process.exitcode:
        code = process.exitcode
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        raise UserError(f"the process of this run {ended}; was there memory enough?")


def _received(receiver: Connection) -> UserError | None:
    try:
        error: UserError | None = receiver.recv()
    except EOFError:
        return None
    return error


def _answer(sender: Connection, settings: TrainSettings) -> None:
    """Train in this process, and send the error that the user can mend."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        train_folds(settings)
    except UserError as error:
        sender.send(UserError(str(error)))
    except KeyboardInterrupt:  # whoever started this process was interrupted too, and speaks
        sys.exit(128 + signal.SIGINT)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def train_folds(settings: TrainSettings) -> None:
    """The story of train as far as run record and table of each fold."""
    plan = plan_run(settings, find_workspace(settings))
    training = open_run(plan, Deadline())
    plan.folds.write()
    for fold in plan.chosen:
        training.train(fold)
