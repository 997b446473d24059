"""A training in a process of its own, without scores and submission: its memory returns."""

import multiprocessing
import signal
import traceback
from multiprocessing.connection import Connection

from graphemes.foundation.errors import Stopped, UserError
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.shortages import shortage
from graphemes.foundation.stopping import leave
from graphemes.pipeline.run_plan import open_run, plan_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.forecast import Deadline

# What a process sends when it ends: whether all was trained, or what to raise.
Answer = bool | UserError | OSError | str


def train_apart(settings: TrainSettings, ends: float | None = None) -> bool:
    """Train the folds of these settings in a fresh process, which says what a training says.

    ends: when it has to, on time.monotonic's clock, which is all processes'. Whether all is
    trained; what is left goes on from a checkpoint.

    Raises UserError where that did, OSError for a file that can't be used, and RuntimeError with
    its traceback for a mistake of ours; the process ends before this one is interrupted.
    """
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_answer, args=(sender, settings, ends))
    process.start()
    sender.close()  # so that the end of the process is the end of what it sends
    try:
        answer = _received(receiver)
        process.join()
    except BaseException:
        process.terminate()
        process.join()
        raise
    return _whole(answer, process.exitcode or 0)


def _whole(answer: Answer | None, code: int) -> bool:
    """What a process sent, and its exit code: whether all is trained, or the error is raised."""
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, bool):
        return answer
    if answer is None and code != 1:
        raise UserError(f"the process of this run {_ended(code)}")
    raise RuntimeError(f"in the process of this run:\n{answer or 'what it said is above'}")


def _ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed; was there memory enough?"
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def _received(receiver: Connection) -> Answer | None:
    try:
        answer: Answer = receiver.recv()
    except EOFError:
        return None
    return answer


def _answer(sender: Connection, settings: TrainSettings, ends: float | None) -> None:
    """Train in this process, and send what comes of it."""
    signal.signal(signal.SIGTERM, leave)
    try:
        sender.send(train_folds(settings, ends))
    except UserError as error:
        sender.send(UserError(str(error)))
    except OSError as error:  # a full disk, a file that may not be read
        sender.send(error)
    except KeyboardInterrupt:  # whoever started this process was interrupted too, and speaks
        leave(signal.SIGINT)
    except Exception as error:  # noqa: BLE001  # whoever started this process says whose mistake
        sentence = shortage(error)
        sender.send(traceback.format_exc() if sentence is None else UserError(sentence))


def train_folds(settings: TrainSettings, ends: float | None = None) -> bool:
    """The story of train as far as record and table of each fold; whether it came to its end."""
    plan = plan_run(settings, find_workspace(settings))
    training = open_run(plan, Deadline(ends, setting="minutes"))
    plan.folds.write()
    try:
        training.train_all(plan.chosen)
    except Stopped as stop:
        say(str(stop))
        return False
    return True
