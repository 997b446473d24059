"""The door: reads the command line, hands over, turns our errors into one line and exit code 2."""

import importlib
import importlib.util
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from graphemes.foundation.errors import SettingsError, Stopped, UserError

COMMANDS = {
    "train": "store, folds.csv, training, out-of-fold score, submission (the default)",
    "folds": "write folds.csv, or folds that hold graphemes out, and say how even they are",
    "score": "out-of-fold tables, or weights on labelled images, to a table of recalls",
    "predict": "weights and test shards to a submission",
    "doctor": "what is here: versions, device, data, space",
    "synthesise": "draw handwriting in the competition's layout, or compare it with real images",
    "networks": "what each network costs, how fast it is here, what it reached here",
    "bench": "measure decoding and training here, or whether plain deep networks degrade",
    "test": "ruff, mypy, pytest",
}
# What train and predict import; Kaggle's image has all but the last two.
CORE = "torch albumentations cv2 pandas pyarrow numpy tqdm matplotlib pydantic safetensors"
HELP_WORDS = ("help", "-h", "--help")


def main(words: list[str] | None = None) -> int:
    """Run one command line; its exit code."""
    words = sys.argv[1:] if words is None else words
    for stream in (sys.stdout, sys.stderr):  # a terminal without Bengali gets escapes, not an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _stop)
    try:
        _hand_over(words)
    except UserError as error:
        return _end(2, str(error))
    except ModuleNotFoundError as error:
        missing = [name for name in CORE.split() if importlib.util.find_spec(name) is None]
        if not missing:
            _report_bug()
            raise
        names = ", ".join(missing)
        return _end(2, f"{sys.executable} lacks {names} (needed: {error.name}); pip install them")
    except Stopped as stop:
        sys.stdout.write(f"{stop}\n")
    except KeyboardInterrupt:
        return _end(130, "interrupted; what was finished is kept, the same command goes on")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or exit would try again
        return _end(2, "nobody reads the output any more, so it stopped; the same command goes on")
    except OSError as error:
        if error.filename is None:
            _report_bug()
            raise
        return _end(2, f"{error.filename}: {error.strerror}; is it readable and writable?")
    except Exception:
        _report_bug()
        raise
    return 0


def _hand_over(words: list[str]) -> None:
    # Not at the top: without pydantic the door itself must still be able to say so.
    settings: Any = importlib.import_module("graphemes.foundation.settings.words")
    name, rest = _split(words, settings.guess)
    if name == "help" or (name == "train" and words and words[0] in HELP_WORDS):
        _print_commands()
        return
    models: Any = importlib.import_module("graphemes.foundation.settings.commands")
    model = models.MODELS[name]
    if rest and rest[0] in HELP_WORDS:
        sys.stdout.write(f"bash run.sh {name} key=value ...\n\n{COMMANDS[name]}\n\n")
        recipes: Any = importlib.import_module("graphemes.foundation.settings.recipes")
        lines = settings.help_lines(model, recipes.notes())
        sys.stdout.write("\n".join(lines) + "\n")
        return
    values = settings.read_words(model, rest)  # before torch and the like are imported
    command: Any = importlib.import_module(f"graphemes.commands.{name}")
    command.run(values)


def _split(words: list[str], guess: Callable[[str, list[str]], str]) -> tuple[str, list[str]]:
    """The command's name (train where none is given) and the words after it."""
    if not words or "=" in words[0]:
        return "train", words
    if words[0] in HELP_WORDS:
        return "help", words[1:]
    if words[0] not in COMMANDS:
        raise SettingsError(f"unknown command '{words[0]}'{guess(words[0], list(COMMANDS))}")
    if words[0] == "test":
        raise SettingsError("'test' is run.sh's own command: bash run.sh test")
    return words[0], words[1:]


def _print_commands() -> None:
    lines = ["bash run.sh [COMMAND] key=value ...", ""]
    lines += [f"  {name:<12}{text}" for name, text in COMMANDS.items()]
    lines += ["", "bash run.sh COMMAND help prints a command's settings."]
    sys.stdout.write("\n".join(lines) + "\n")


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped("stopped; what was finished is kept, the same command goes on from there")


def _end(code: int, text: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"graphemes: {' '.join(text.split())}\n")
    return code


def _report_bug() -> None:
    sys.stderr.write("graphemes: this is our mistake; please report the lines below\n")


if __name__ == "__main__":
    sys.exit(main())
