"""The door: reads the command line, hands over, turns our errors into one line and exit code 2."""

import contextlib
import errno
import importlib
import io
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, TextIO

from graphemes.foundation.environment import (
    RankVariables,
    hush_torch,
    leave_out_foreign,
    rank_variables,
)
from graphemes.foundation.errors import (
    GRACE,
    KEPT,
    AlreadySaid,
    MissingPackage,
    SettingsError,
    Stopped,
    UserError,
)
from graphemes.foundation.layout import CALL
from graphemes.foundation.progress import say, silence
from graphemes.foundation.shortages import shortage
from graphemes.foundation.stopping import leave
from graphemes.foundation.versions import check_versions, lacking, package_of, too_old

COMMANDS = {
    "train": "store, folds.csv, training, out-of-fold score, submission (the default)",
    "folds": "write folds.csv, or folds that hold graphemes out, and say how even they are",
    "score": "out-of-fold tables, or weights on labelled images, to a table of recalls",
    "predict": "weights and test shards to a submission, or picture files to a table",
    "doctor": "what is here: versions, device, data, space",
    "version": "the version of this package and of what it stands on",
    "synthesise": "draw handwriting in the competition's layout, or compare it with real images",
    "networks": "what each network costs, how fast it is here, what it reached here",
    "bench": "how fast everything is here, against the plain way; what=degradation is a study",
    "ablate": "settings varied one by one over seeds, held against the run without them",
    "report": "a run, or several, as one page with pictures: scores, mistakes, where it looks",
    "serve": "a page to draw on in the browser, read while one draws; and the same for programs",
    "pack": "a folder to upload to Kaggle: the package, weights, two notebooks",
    "export": "networks for other programs: ONNX, torch.export, Hugging Face's layout, a page",
    "test": "pip check, ruff, mypy, pytest",
}
READ = (
    "Of the environment are read: GRAPHEMES_PYTHON (an interpreter that has the packages),",
    "KAGGLE_KERNEL_RUN_TYPE (Kaggle sets it), and by torch and the hub of weights their own, as",
    "CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS, HF_HOME, and what torchrun sets; where data_dir is an",
    "address, by the storage's library its own, as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.",
)
HELP_WORDS = ("help", "-h", "--help")
# What a write that names no file fails with where the disk is at fault, not we.
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main(words: list[str] | None = None, *, launched: bool = False) -> int:
    """Run one command line, this process's own where none is given; its exit code.

    launched: as one of the processes of a command, which itself speaks of signals. Then the code is
    -SIGTERM where that ended it, and ended it well.
    """
    if words is None:
        words = sys.argv[1:]
        leave_out_foreign()
    # Closed by the caller (>&-): what is said goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):  # a terminal without Bengali gets escapes, not an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _heed_signals(launched=launched)
    try:
        return _carry_out(words, launched=launched)
    except UserError as error:
        return _end(2, str(error))
    except ImportError as error:
        if (error.name or "").startswith("graphemes"):
            _report_bug()
            raise
        return _end(2, _unloadable(error))
    except KeyboardInterrupt:
        return _end(130, f"interrupted; {KEPT}")
    except BrokenPipeError:
        return _end(2, "nobody reads the output any more, so it stopped; the same command goes on")
    except Exception as error:
        if (sentence := _mendable(error)) is None:
            _report_bug()
            raise
        return _end(2, sentence)


def _carry_out(words: list[str], *, launched: bool) -> int:
    place = rank_variables(os.environ)
    first = place is None or place.rank == 0
    with contextlib.nullcontext() if first else silence():
        try:
            _hand_over(words, place)
        except AlreadySaid as end:
            return end.code
        except Stopped as stop:
            say(str(stop))
            if launched and stop.signalled:
                return -signal.SIGTERM
    return 0


def _hand_over(words: list[str], place: RankVariables | None) -> None:
    # Not at the top: without pydantic the door itself must still be able to say so.
    spoken: Any = importlib.import_module("graphemes.foundation.settings.words")
    name, rest = _split(words, spoken.guess)
    if name == "help" and rest and rest[0] not in HELP_WORDS:  # help COMMAND, or COMMAND help
        name, rest = _known(rest[0], spoken.guess), ["help"]
    if name == "help":
        _print_commands()
        return
    models: Any = importlib.import_module("graphemes.foundation.settings.commands")
    model = models.MODELS[name]
    if rest and rest[0] in HELP_WORDS:
        say(f"{CALL} {name} key=value ...\n\n{COMMANDS[name]}\n")
        recipes: Any = importlib.import_module("graphemes.foundation.settings.recipes")
        say("\n".join(spoken.help_lines(model, recipes.notes())))
        return
    try:
        settings = spoken.read_words(model, rest)
        _check_place(name, place)
    except SettingsError as error:
        if place is not None and place.rank:  # the first process has the same words, and speaks
            time.sleep(GRACE)
            raise AlreadySaid(2) from error
        raise
    if name not in {"doctor", "version"}:  # which say it among all else
        check_versions()
    several = name == "train" and settings.processes > 1
    if several or place is not None:
        hush_torch()
    if several and place is None:
        launching: Any = _module("graphemes.training.launch")
        # By its real name: as __main__ another process wouldn't find it.
        launching.launch(_module("graphemes.__main__").run_as_rank, words, settings)
        return
    _module(f"graphemes.commands.{name}").run(settings)


def _check_place(name: str, place: RankVariables | None) -> None:
    if place is not None and name != "train":
        raise SettingsError(
            f"'{name}' runs in one process and torchrun started {place.size}; call it without"
        )


def run_as_rank(words: list[str]) -> None:
    """One of the processes of a command that was started with processes=."""
    try:
        code = main(words, launched=True)
    except SystemExit as end:
        code = int(end.code or 0)
    except Exception:  # noqa: BLE001  # who started it would keep the traceback for itself
        traceback.print_exc()
        code = 1
    for each in (signal.SIGTERM, signal.SIGINT):  # Python, closing down, has no more use for them
        signal.signal(each, signal.SIG_DFL)
    if code == -signal.SIGTERM:
        # Of whom it passed a signal on to, torch's engine awaits the end and takes nothing any
        # more, while they await that it takes what they give back: an hour long.
        _flush(sys.stdout)
        _flush(sys.stderr)
        leaving = threading.Timer(GRACE, os._exit, (0,))
        leaving.daemon = True
        leaving.start()
        return
    if code == 0:
        return  # torch's engine waits for what a process that ended well gives back
    for worker in multiprocessing.active_children():
        worker.terminate()
    _flush(sys.stdout)
    _flush(sys.stderr)
    # Not sys.exit: threads of a group that was left in the middle may abort as Python closes down.
    os._exit(code)


def _module(name: str) -> Any:
    """A module, with the libraries it stands on."""
    try:
        return importlib.import_module(name)
    except OSError as error:  # torch loads its shared objects by hand
        raise MissingPackage(_unloadable(error)) from error
    except ValueError as error:
        if "binary incompatibility" not in str(error):  # of a package made for another numpy
            raise
        raise MissingPackage(_unloadable(error)) from error


def _unloadable(error: Exception) -> str:
    """Why a library can't be imported: it isn't there, is too old, or lacks something itself."""
    missing = lacking()
    # A part that a package lacks, as sklearn.nowhere, isn't a package that is missing.
    if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
        missing.append(package_of(error.name))
    if missing:
        return f"{sys.executable} lacks {', '.join(dict.fromkeys(missing))}; pip install them"
    if old := too_old():
        return f"{sys.executable} has {', '.join(old)}; bring them up to date with pip"
    return f"{sys.executable}: a library can't be loaded ({error}); install what it lacks"


def _split(words: list[str], guess: Callable[[str, list[str]], str]) -> tuple[str, list[str]]:
    """The command's name (train where none is given) and the words after it."""
    if not words or "=" in words[0]:
        return "train", words
    if words[0] in HELP_WORDS:
        return "help", words[1:]
    return _known(words[0], guess), words[1:]


def _known(word: str, guess: Callable[[str, list[str]], str]) -> str:
    """A command's name. Raises SettingsError with a guess."""
    if word not in COMMANDS:
        raise SettingsError(f"unknown command '{word}'{guess(word, list(COMMANDS))}")
    if word == "test":
        raise SettingsError("'test' is run.sh's own command: bash run.sh test")
    return word


def _print_commands() -> None:
    lines = [f"{CALL} [COMMAND] key=value ...", ""]
    lines += [f"  {name:<12}{text}" for name, text in COMMANDS.items()]
    lines += ["", f"{CALL} COMMAND help prints a command's settings.", "", *READ]
    say("\n".join(lines))


def _heed_signals(*, launched: bool) -> None:
    signal.signal(signal.SIGTERM, leave if launched else _stop)
    if launched:
        signal.signal(signal.SIGINT, leave)
        if hasattr(signal, "pthread_sigmask"):  # it was held back while this process was loading
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped(f"stopped; {KEPT}", signalled=True)


def _end(code: int, text: str) -> int:
    _flush(sys.stdout)
    with contextlib.suppress(OSError):  # nobody can be told; the exit code still says it
        sys.stderr.write(f"graphemes: {' '.join(text.split())}\n")
    _flush(sys.stderr)
    return code


def _flush(stream: TextIO) -> None:
    """Empty a stream; one that can't be written is led to nowhere, or exit would try again."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _mendable(error: Exception) -> str | None:
    """What to do about memory, killed processes and files; None if the fault isn't the user's."""
    if (sentence := shortage(error)) is not None:
        return sentence
    return _file_fault(error) if isinstance(error, OSError) else None


def _file_fault(error: OSError) -> str | None:
    """What to do about a file that can't be read or written; None if that isn't the user's."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}; is it readable and writable?"
    if error.errno in UNWRITABLE:
        return f"a file couldn't be written: {error.strerror}; make room and run again"
    return None


def _report_bug() -> None:
    sys.stderr.write("graphemes: this is our mistake; please report the lines below\n")


if __name__ == "__main__":
    sys.exit(main())
