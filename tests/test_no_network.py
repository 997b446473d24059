"""Nothing here asks the network for anything at its import, in whatever order modules come."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import REPOSITORY, apart, goes_well
from graphemes.__main__ import COMMANDS
from test_kill import TINY

SOURCE = Path(__file__).resolve().parents[1] / "src"
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in (SOURCE / "graphemes").rglob("*.py")
    if path.name != "__init__.py" and path.parent.name != "notebooks"  # scripts, not modules
)
FIRST = [f"graphemes.commands.{name}" for name in COMMANDS if name != "test"]
FIRST += [name for name in MODULES if name.startswith("graphemes.images.")]
# Imports each module in a process of its own. Forked, so that torch, which is slow to import and
# asks nobody, is imported once; albumentations isn't before the fork.
SCRIPT = """
import os, sys, traceback

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        traceback.print_stack()
        os._exit(9)

sys.addaudithook(refuse)
import numpy, cv2, torch, pandas, pyarrow, sklearn.metrics, matplotlib.figure, tqdm
from graphemes.network.timm_library import timm_library
timm_library()
import huggingface_hub.constants
assert "albumentations" not in sys.modules
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        __import__(name)
        sys.stdout.flush()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} asks the network, or can't be imported first")
print(len(sys.argv) - 1, "asked nobody")
"""


def imported_apart(modules: list[str]) -> subprocess.CompletedProcess[str]:
    asking = {"NO_ALBUMENTATIONS_UPDATE": "0"}  # as its users may export, for it to ask
    return subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, *modules],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **asking},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_commands_module_and_those_of_images_ask_nobody():
    done = imported_apart(FIRST)
    assert done.returncode == 0, done.stderr
    assert f"{len(FIRST)} asked nobody" in done.stdout


@pytest.mark.slow
def test_no_module_asks_anybody():
    done = imported_apart(MODULES)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    not goes_well([*apart("n"), "true"]),
    reason="needs leave to make a namespace without a network",
)
def test_the_whole_story_needs_no_network(kaggle_like, tmp_path):
    """From shards to report and submission, in a namespace in which there is none."""
    words = {**TINY, "report": "true", "data_dir": kaggle_like, "work_dir": tmp_path}
    done = subprocess.run(
        [*apart("n"), "bash", str(REPOSITORY / "run.sh"), *(f"{k}={v}" for k, v in words.items())],
        env={**os.environ, "GRAPHEMES_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert (tmp_path / "submissions" / "submission.csv").is_file()
    assert (tmp_path / "folds" / "report.html").is_file()


def test_one_module_alone_imports_the_library_that_asks():
    # It tells the library not to, and no other may be imported before.
    found = {
        path.name
        for path in (SOURCE / "graphemes").rglob("*.py")
        for name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] == "albumentations"
    }
    assert found == {"albumentations_library.py"}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
