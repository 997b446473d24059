"""Both notebooks, executed from the first cell to the last in a simulation of Kaggle: -m slow.

What the simulation is stands in simulation.py; the first run makes its environment (minutes).
"""

import csv
import errno
import json
import os
import re
import shutil
import signal
from pathlib import Path

import nbformat
import pytest
import simulation

from conftest import QUICK, through_the_door

pytestmark = pytest.mark.slow
COMPETITION = "competitions/bengaliai-cv19"
PACK = "datasets/somebody/my-weights"  # called as its owner likes
OUTPUT = "notebooks/somebody/a-notebook"
SETTINGS = {**QUICK, "epochs": 2}


@pytest.fixture(scope="session", autouse=True)
def possible() -> None:
    reason = simulation.why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def session(tmp_path, kaggle_like):
    """session("submit", inputs): the executed notebook, with the competition attached."""

    def run(name: str, inputs: dict[str, Path], **changes: object) -> simulation.Session:
        notebook = Path(simulation.HERE.parents[1], "src/graphemes/release/notebooks")
        read = nbformat.read(notebook / f"{name}.ipynb", as_version=4)
        for cell in read.cells:
            if changes and "settings" in cell.metadata.get("tags", []):
                cell.source = "\n".join(f"{key} = {value!r}" for key, value in changes.items())
        edited = tmp_path / f"{name}.ipynb"
        nbformat.write(read, edited)
        mounted = {COMPETITION: kaggle_like, **inputs}
        places = {place: path for place, path in mounted.items() if path is not None}
        return simulation.run_session(
            edited, places, tmp_path / f"{name}-working", tmp_path / f"{name}-out.ipynb"
        )

    return run


@pytest.fixture(scope="session")
def packed(tmp_path_factory) -> Path:
    """A pack without weights."""
    from graphemes.__main__ import main

    out = tmp_path_factory.mktemp("packed") / "pack"
    assert main(["pack", f"work_dir={out.parent}", f"out={out}", "weights=none"]) == 0
    return out


@pytest.fixture(scope="session")
def earlier(kaggle_like, tmp_path_factory) -> Path:
    """What a session that was stopped after its first epoch left in its output."""
    work = tmp_path_factory.mktemp("earlier")
    words = {**SETTINGS, "data_dir": kaggle_like, "work_dir": work}
    with through_the_door(*(f"{key}={value}" for key, value in words.items()), cwd=work) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 1/2: loss" in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert not (work / "folds" / "fold0" / "run.json").exists()
    shutil.rmtree(work / "data")
    return work


@pytest.fixture
def folders(packed, earlier, tmp_path) -> dict[str, Path]:
    """What may be attached, by a word."""
    place = tmp_path / "others" / "weights" / "fold0"
    place.mkdir(parents=True)
    (place / "weights.safetensors").write_bytes(b"\x80\x02 a pickle of somebody's")
    return {"pack": packed, "earlier": earlier, "others": tmp_path / "others"}


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


PROBE = """
import os, socket
from pathlib import Path

def tried(call):
    try:
        call()
    except (OSError, MemoryError) as error:
        return type(error).__name__, getattr(error, "errno", None)
    return "done"

inputs = tried(lambda: Path("/kaggle/input/competitions/bengaliai-cv19/new").touch())
place = tried(lambda: Path("/kaggle/input/new").touch())
network = tried(lambda: socket.create_connection(("127.0.0.1", 9), 5))
small, large = (tried(lambda: bytearray(size * 2**30)) for size in (2, 9))
print(inputs, place, network, small, large, len(os.sched_getaffinity(0)))
Path("/kaggle/working/kept").touch()
"""


def test_the_simulation_is_what_it_says(kaggle_like, tmp_path):
    notebook = tmp_path / "probe.ipynb"
    cells = [nbformat.v4.new_code_cell(PROBE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    working, out = tmp_path / "working", tmp_path / "out.ipynb"
    probed = simulation.run_session(notebook, {COMPETITION: kaggle_like}, working, out)
    assert probed.error is None, probed.error
    read_only, unreachable = ("OSError", errno.EROFS), ("OSError", errno.ENETUNREACH)
    memory, cores = ("MemoryError", None), min(2, len(os.sched_getaffinity(0)))
    expected = (read_only, read_only, unreachable, "done", memory, cores)
    assert probed.said.strip() == " ".join(map(str, expected))
    assert (working / "kept").exists()


def test_train_goes_on_and_submit_writes_what_the_command_line_does(
    session, folders, kaggle_like, run, tmp_path
):
    packed, earlier = folders["pack"], folders["earlier"]
    trained = session(
        "train", {PACK: packed, OUTPUT: earlier}, FOLD=0, TIME_LIMIT="1h", SETTINGS=SETTINGS
    )
    assert trained.error is None, trained.said
    # The signal comes between epochs, or within the second on a busy machine.
    assert re.search(r"fold 0: resumed (after epoch 1|in epoch 2) of 2", trained.said)
    assert "fold0: finished\nfinished; save this version" in trained.said
    assert trained.pictures() == 3
    assert not (trained.working / "data" / "cache").exists()

    submitted = session("submit", {PACK: packed, OUTPUT: trained.working})
    assert submitted.error is None, submitted.said
    assert submitted.pictures() == 3
    assert "18 rows for 6 images, as sample_submission.csv asks" in submitted.said
    assert max(trained.peak, submitted.peak) < 8e9

    here = run(
        "predict",
        weights=trained.working / "folds" / "fold0",
        data_dir=kaggle_like,
        work_dir=tmp_path,
        submission=tmp_path / "here.csv",
    )
    assert here.code == 0, here.err
    notebooks, ours = rows(submitted.working / "submission.csv"), rows(tmp_path / "here.csv")
    assert len(ours) == 19
    for row, (theirs, expected) in enumerate(zip(notebooks, ours, strict=True)):
        assert theirs == expected, f"row {row}"
    # The versions are Kaggle's, or this says nothing.
    record = json.loads((trained.working / "folds" / "fold0" / "run.json").read_text())
    found = {
        name: record["versions"][name] for name in ("pandas", "pyarrow", "scikit-learn", "numpy")
    }
    assert found == {
        "pandas": "2.2.2",
        "pyarrow": "18.1.0",
        "scikit-learn": "1.6.1",
        "numpy": "2.0.2",
    }
    assert "uharfbuzz" not in record["versions"]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({}, "/kaggle/input: expected one graphemes-*.whl, found none; attach one data set"),
        ({PACK: "pack", COMPETITION: "nothing"}, "attach the competition: Add Input, Competitions"),
        ({PACK: "pack"}, "no weights.safetensors of a finished fold; attach the data set"),
        ({PACK: "pack", OUTPUT: "earlier"}, "no weights.safetensors of a finished fold"),
        ({PACK: "pack", OUTPUT: "others"}, "it is a pickle (.pt, .pth), which can run code"),
    ],
    ids=["no data set", "no competition", "no weights", "unfinished", "another format"],
)
def test_submit_ends_with_a_sentence_and_without_a_submission(inputs, sentence, session, folders):
    ended = session("submit", {place: folders.get(what) for place, what in inputs.items()})
    assert ended.error is not None
    assert sentence in ended.error
    assert not (ended.working / "submission.csv").exists()
