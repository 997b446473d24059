"""What a notebook on Kaggle does around the commands: inputs found, commands run, the end checked.

Inputs are found by looking, not by the names of data sets, which their owners choose.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from graphemes.competition.csv_columns import read_csv_columns
from graphemes.competition.shards import find_shards
from graphemes.competition.submission import read_rows
from graphemes.evaluation.probability_files import read_columns, read_probabilities
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths, Layout, numbered, probabilities_beside
from graphemes.foundation.progress import Say, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.words import read_words
from graphemes.network.weights import load_weights, network_settings
from graphemes.pipeline.workspace import COMPETITION

INPUT = Path("/kaggle/input")
WORKING = Path("/kaggle/working")
WEIGHTS = "weights.safetensors"
# Fewer images than this may well be all of one class; the visible test images are 12.
ENOUGH = 1000


def find_competition(root: Path = INPUT) -> Path:
    """The folder of the competition's files: test.csv, sample_submission.csv and test shards.

    Raises DataError where there is none, or several.
    """
    folders = {path.parent for path in root.rglob("sample_submission.csv")}
    found = [
        folder
        for folder in sorted(folders)
        if (folder / "test.csv").is_file() and find_shards(folder, "test")
    ]
    if not found:
        raise DataError(
            f"{root}: no folder with sample_submission.csv, test.csv and test_image_data_*.parquet;"
            f" attach the competition: Add Input, Competitions, {COMPETITION}"
        )
    if len(found) > 1:
        named = ", ".join(str(folder) for folder in found)
        raise DataError(f"{root}: the competition's files are there twice ({named}); detach one")
    return found[0]


def find_weights_files(root: Path = INPUT) -> list[Path]:
    """The weights of finished folds, of packs and of outputs of train, each once.

    Folds that aren't finished are left out with a word. Raises DataError where none is left.
    """
    found = sorted(root.rglob(WEIGHTS))
    begun = sorted(path.parents[1] for path in root.rglob("state/identity.json"))
    for directory in begun:
        say(f"{directory}: isn't finished, so it is left out; the train notebook goes on with it")
    unfinished = set(begun)
    distinct: dict[str, Path] = {}
    for path in found:
        if path.parent not in unfinished:
            distinct.setdefault(file_digest(path), path)
    if not distinct:
        others = sorted(path for kind in ("*.safetensors", "*.pt*") for path in root.rglob(kind))
        named = f" (found {others[0]}, which isn't one)" if others else ""
        raise DataError(
            f"{root}: no {WEIGHTS} of a finished fold{named}; attach the data set that"
            " `bash run.sh pack` made, or the output of a train notebook that says finished"
        )
    return list(distinct.values())


def find_earlier_folds(root: Path = INPUT) -> Path | None:
    """The folds/ of an earlier session's output; None where there is none.

    Raises DataError for two: which of them to go on with is for the user to say.
    """
    found = sorted(path.parent for path in root.rglob("folds/folds.csv"))
    if len(found) > 1:
        named = ", ".join(str(folder) for folder in found)
        raise DataError(f"{root}: the outputs of two sessions ({named}); detach all but the last")
    return found[0] if found else None


def restore_folds(earlier: Path | None, work: Path = WORKING) -> None:
    """Copy an earlier session's folds to where this one goes on with them; what is there stays."""
    if earlier is None:
        say("no output of an earlier session is attached: the training starts afresh")
        return
    for source in sorted(path for path in earlier.rglob("*") if path.is_file()):
        target = work / "folds" / source.relative_to(earlier)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)  # not its mode: the input is read-only
    for run in Layout(work).runs():
        for place in numbered(run):
            say(f"{place.directory}: {'finished' if place.finished else 'to go on with'}")


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
        env={**os.environ, "PYTHONPATH": _import_path()},
    ) as process:
        last = _show(process, out)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise UserError(f"{command}: was ended by {name}; out of memory? try workers=0")
    if process.returncode:
        raise UserError(f"{command}: {last.removeprefix('graphemes: ')}")


def _import_path() -> str:
    """PYTHONPATH with this package's place, wherever it was imported from, and no empty entry."""
    own = str(Path(__file__).resolve().parents[2])
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([own, *(entry for entry in given if os.path.isabs(entry))])


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


def chosen_settings(values: dict[str, object]) -> TrainSettings:
    """The settings of a training. Raises SettingsError for a word that train doesn't know."""
    return read_words(TrainSettings, [f"{key}={value}" for key, value in values.items()])


def trained_settings(weights: Path) -> Learning:
    """The settings that a weights file says it was trained with."""
    return network_settings(weights, load_weights(weights)[1])


def fold_directory(fold: int | str, name: str | None = None, work: Path = WORKING) -> Path:
    """Where a session's training puts a fold."""
    return Layout(work, name).fold(fold).directory


def say_how_far(directory: Path) -> None:
    """Whether a fold is trained to its end, and what to do next."""
    if FoldPaths(directory).finished:
        say(f"{directory}: finished; save this version, attach its output to the submit notebook")
    else:
        say(
            f"{directory}: not finished; save this version, attach its output to this notebook"
            " (Add Input, Notebooks) and run it again: it goes on from there"
        )


def remove_cache(work: Path = WORKING) -> None:
    """Remove the decoded images, which would be saved with the session's output."""
    shutil.rmtree(Layout(work).cache, ignore_errors=True)


def check_submission(path: Path, competition: Path) -> None:
    """Hold a submission against what is asked for; its number of rows is said.

    Raises DataError: a row missing, over or out of order, a gap, no whole number or no class of
    its head, probabilities that aren't finite, one class for all of many images.
    """
    asked = read_rows(competition)
    sample = competition / "sample_submission.csv"
    table = read_csv_columns(path, ["row_id", "target"], "run the notebook again")
    got = table.ids("row_id")
    if len(got) != len(asked.row_ids):
        raise DataError(
            f"{path}: {len(got):,} rows, expected {len(asked.row_ids):,} as in {sample};"
            " it was made from other test images"
        )
    pairs = zip(got, asked.row_ids, strict=True)
    odd = next((row for row, (one, other) in enumerate(pairs) if one != other), None)
    if odd is not None:
        table.fault(odd, f"row_id {got[odd]!r}, expected {asked.row_ids[odd]!r} as in {sample}")
    targets = table.integers("target", 0)
    _check_probabilities(probabilities_beside(path))
    for number, head in enumerate(HEADS):
        labels = targets[asked.heads == number]
        if labels.max() >= head.classes:
            raise DataError(f"{path}: {head.column} {labels.max()}, expected 0..{head.classes - 1}")
        if len(labels) >= ENOUGH and len(np.unique(labels)) == 1:
            raise DataError(
                f"{path}: all {len(labels):,} images have {head.column} {labels[0]}; expected"
                " several classes: are these weights trained?"
            )
    say(f"{path}: {len(got):,} rows for {len(asked.image_ids):,} images, as {sample.name} asks")


def _check_probabilities(path: Path) -> None:
    """What the labels were taken from is finite and sums to 1, a head at a time."""
    for head in HEADS:
        table, _ = read_columns(path, ["image_id", head.probability_column])
        read_probabilities(path, table, head)
