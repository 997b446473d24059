"""A session of a notebook on Kaggle: a command run, what was trained, what is kept of it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from graphemes.foundation.environment import import_path
from graphemes.foundation.errors import UserError, one_line
from graphemes.foundation.layout import FoldPaths, Layout, numbered
from graphemes.foundation.progress import Say, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.words import read_words
from graphemes.pipeline.workspace import KAGGLE_WORKING

WORKING = KAGGLE_WORKING
Shown = TypeVar("Shown")


def run_command(
    command: str, settings: Mapping[str, object], work: Path = WORKING, out: Say = say
) -> None:
    """`graphemes command key=value ...` in a process of its own, its lines shown as they come.

    Raises UserError with the command's sentence where it ends with another exit code than 0.
    """
    words = [command, *(f"{key}={value}" for key, value in settings.items())]
    out(f"graphemes {' '.join(words)}")
    # Unbuffered, so that a session's log shows where it is; -P as run.sh has it.
    with subprocess.Popen(
        [sys.executable, "-u", "-P", "-m", "graphemes", *words],
        cwd=work,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": import_path()},
    ) as process:
        last = _show(process, out)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise UserError(f"{command}: was ended by {name}; out of memory? try workers=0")
    if process.returncode:
        raise UserError(f"{command}: {last.removeprefix('graphemes: ')}")


def _show(process: subprocess.Popen[str], out: Say) -> str:
    """Pass a process's lines on until it ends; the last that said something."""
    assert process.stdout is not None
    last = ""
    try:
        for line in process.stdout:
            out(line.rstrip("\n"))
            last = line.strip() or last
        process.wait()
    except KeyboardInterrupt:  # the notebook's stop button: the command ends cleanly, then we do
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    return last


def gpus() -> int:
    """The processes that train together: one for each GPU; without any, one."""
    return max(1, torch.cuda.device_count())


def chosen_settings(values: dict[str, object]) -> TrainSettings:
    """The settings of a training. Raises SettingsError for a word that train doesn't know."""
    return read_words(TrainSettings, [f"{key}={value}" for key, value in values.items()])


def attempt(make: Callable[[], Shown]) -> Shown | None:
    """What is made to be shown; where it can't be, None, and a sentence that says why.

    What the session is for is written by then, and Kaggle drops a session that ends with an error.
    """
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # whatever is amiss with a picture, it isn't worth a session
        say(f"can't be shown: {type(error).__name__}: {one_line(error)}")
        return None


def fold_directories(settings: TrainSettings, work: Path = WORKING) -> list[Path]:
    """Where a session's training puts the folds asked for; of `all` of a table, those begun."""
    layout = Layout(work, settings.name)
    if settings.fold == "none":
        return [layout.fold("none").directory]
    if settings.fold != "all":
        return [layout.fold(fold).directory for fold in settings.fold]
    if isinstance(settings.folds, int):
        return [layout.fold(fold).directory for fold in range(settings.folds)]
    return [place.directory for place in numbered(layout.run_dir)]


def say_how_far(directories: Sequence[Path]) -> None:
    """Which folds are trained to their end, and what to do next."""
    finished = [FoldPaths(directory).finished for directory in directories]
    for directory, done in zip(directories, finished, strict=True):
        say(f"{directory}: {'finished' if done else 'not finished'}")
    if finished and all(finished):
        say("finished; save this version, attach its output to the submit notebook")
    else:
        say(
            "not finished; save this version, attach its output to this notebook (Add Input,"
            " Notebooks) and run it again: it goes on from there"
        )


def remove_cache(work: Path = WORKING) -> None:
    """Remove the decoded images, which would be saved with the session's output."""
    shutil.rmtree(Layout(work).cache, ignore_errors=True)
