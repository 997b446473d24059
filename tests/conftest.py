"""What the tests of several rooms stand on: tiny drawn data, and the command line in here."""

import os

# Before torch is imported: on a busy machine its threads wait for each other longer than they work,
# and these networks are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A notebook's, which a command leaves out.
os.environ.pop("MPLBACKEND", None)

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphemes.foundation.settings.groups import Places
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace
from graphemes.synthesis.demo import make_demo
from worlds import write_synthetic

REPOSITORY = Path(__file__).resolve().parents[1]


def apart(kinds: str) -> list[str]:
    """What runs a command in namespaces of its own (m: mounts, n: network), root or not."""
    return ["unshare", f"-{'r' if os.geteuid() else ''}{kinds}"]


def goes_well(command: list[str]) -> bool:
    """Whether a command is here and may be run."""
    found = shutil.which(command[0])
    return bool(found) and not subprocess.run(command, capture_output=True, check=False).returncode


IMAGES, TESTS = 200, 6
# Small and quick; every word can be given again by a test.
QUICK = {
    "trunk": "resnet18",
    "optimiser": "adamw",  # Muon's steps take seconds where there is no bfloat16
    "epochs": 1,
    "image_size": 32,
    "batch_size": 16,
    "limit": 32,
    "workers": 0,
    "folds": 3,
    "report": "false",  # seconds of each
}


@dataclass(frozen=True)
class Spoken:
    """What a command did: its exit code and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """A tiny demo in a directory with a space in its name; no test changes it."""
    directory = tmp_path_factory.mktemp("drawn") / "tiny demo"
    make_demo(directory, images=IMAGES, tests=TESTS, shards=2)
    return directory


@pytest.fixture(scope="session")
def kaggle_like(demo, tmp_path_factory) -> Path:
    """The same files without the demo's manifest: to the commands, somebody's real data."""
    directory = tmp_path_factory.mktemp("kaggle") / "bengaliai-cv19"
    shutil.copytree(demo, directory)
    (directory / "demo.json").unlink()
    return directory


@pytest.fixture(scope="session")
def untested(kaggle_like, tmp_path_factory) -> Path:
    """Those files without test shards: what is trained on them ends sooner."""
    directory = tmp_path_factory.mktemp("untested") / "data"
    return Path(
        shutil.copytree(kaggle_like, directory, ignore=shutil.ignore_patterns("test_image*"))
    )


@pytest.fixture(scope="session")
def decoded(kaggle_like, untested, tmp_path_factory) -> Path:
    """A work directory whose cache holds the training images of both; no test changes it."""
    work = tmp_path_factory.mktemp("decoded")
    for directory in (kaggle_like, untested):
        open_training_data(find_workspace(Places(data_dir=str(directory), work_dir=str(work))))
    return work


@pytest.fixture
def work(decoded, tmp_path) -> Path:
    """A work directory of the test's own that needn't decode those images once more."""
    return Path(shutil.copytree(decoded, tmp_path / "work"))


@pytest.fixture
def own_data(kaggle_like, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(kaggle_like, tmp_path / "own data"))


@pytest.fixture
def run(capfd) -> Callable[..., Spoken]:
    """run("train", data_dir=..., fold=0): one command line in this process."""
    from graphemes.__main__ import main

    before = signal.getsignal(signal.SIGTERM)

    def call(*words: str, **settings: object) -> Spoken:
        capfd.readouterr()
        code = main([*words, *(f"{key}={value}" for key, value in settings.items())])
        signal.signal(signal.SIGTERM, before)
        said = capfd.readouterr()
        return Spoken(code, said.out, said.err)

    return call


@pytest.fixture
def train(run) -> Callable[..., Spoken]:
    """A quick training of fold 0, with any setting changed."""
    return lambda **settings: run(**{**QUICK, **settings})


def train_quickly(work: Path, **settings: object) -> Path:
    """A quick training of fold 0 into a work directory, for fixtures that many tests share."""
    from graphemes.__main__ import main

    words = {**QUICK, **settings, "work_dir": work}
    assert main([f"{key}={value}" for key, value in words.items()]) == 0
    return work


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> Path:
    """A work directory with two runs, the first with its page; no test changes it."""
    place = tmp_path_factory.mktemp("reported")
    data = write_synthetic(place / "images", 90)
    work = place / "work"
    words = {"data_dir": data, "limit": 60, "report": "true"}
    train_quickly(work, **words)
    train_quickly(work, **{**words, "name": "other", "lr": 0.01, "report": "false"})
    return work


def begun_training(words: list[str], work: Path) -> subprocess.Popen[str]:
    """A training through the door, in a group of its own, after the first epoch that it logs."""
    process = through_the_door(
        *words,
        cwd=work,
        start_new_session=True,
        # Where pytest itself is a background job, Ctrl-C would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    log = work / "folds" / "fold0" / "log.jsonl"
    until = time.monotonic() + 120
    while not log.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
    return process


def through_the_door(*words: str, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """`bash run.sh words` as a process of its own, in this interpreter's environment."""
    environment = {**os.environ, "GRAPHEMES_PYTHON": sys.executable}
    return subprocess.Popen(
        ["bash", str(REPOSITORY / "run.sh"), *words],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A headless Chromium of the system's, driven by playwright; skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium here")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()


def line_said(process: subprocess.Popen[str], words: str) -> str:
    """The first line of a process's output that has these words; it has a minute for it."""
    assert process.stdout is not None
    late = threading.Timer(60, process.kill)
    late.start()
    try:
        for line in process.stdout:
            if words in line:
                return line
    finally:
        late.cancel()
    raise AssertionError(f"it ended without saying '{words}': {process.communicate()}")


class Clock:
    """time.monotonic that goes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A Clock in the place of time.monotonic."""
    ours = Clock()
    monkeypatch.setattr("time.monotonic", ours)
    return ours
