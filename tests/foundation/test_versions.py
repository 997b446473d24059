"""A result knows where it comes from."""

import platform
import re
import subprocess
import sys
import tomllib
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from conftest import REPOSITORY
from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.versions import (
    PACKAGES,
    check_versions,
    commit,
    package_of,
    too_old,
    versions,
)


def test_versions_are_those_that_run():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert {"torch", "albumentations", "safetensors"} <= found.keys()


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(root), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_that_of_the_checkout_marked_when_changed(tmp_path):
    assert commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) is None  # nothing is committed yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "First")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("")
    assert commit(tmp_path) == head
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == head + "+"
    (tmp_path / "inside").mkdir()
    assert commit(tmp_path / "inside") is None  # an archive unpacked in somebody's repository


def first_commit(root: Path) -> str:
    root.mkdir()
    git(root, "init", "-q")
    (root / "a").write_text("1")
    git(root, "add", "a")
    git(root, "commit", "-qm", "First")
    return git(root, "rev-parse", "HEAD")


def test_the_checkout_of_another_user_has_a_commit_too(tmp_path, monkeypatch):
    head = first_commit(tmp_path / "theirs")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert commit(tmp_path / "theirs") == head
    (tmp_path / "theirs" / "a").write_text("2")
    assert commit(tmp_path / "theirs") == head + "+"


def test_without_git_the_commit_is_known_and_whether_files_changed_is_not(tmp_path, monkeypatch):
    head = first_commit(tmp_path / "one")
    git(tmp_path / "one", "worktree", "add", "-q", "-b", "other", str(tmp_path / "two"))
    git(tmp_path / "two", "commit", "-q", "--allow-empty", "-m", "Second")
    second = git(tmp_path / "two", "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path / "one") == head + "?"
    assert commit(tmp_path / "two") == second + "?"
    monkeypatch.undo()
    git(tmp_path / "one", "pack-refs", "--all")
    git(tmp_path / "two", "checkout", "-q", "--detach")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path / "one") == head + "?"
    assert commit(tmp_path / "two") == second + "?"
    (tmp_path / "one" / ".git" / "HEAD").write_bytes(b"\xff")
    assert commit(tmp_path / "one") is None


def test_a_hook_of_another_repository_does_not_lend_its_commit(tmp_path, monkeypatch):
    head = first_commit(tmp_path / "ours")
    other = first_commit(tmp_path / "theirs")
    (tmp_path / "theirs" / "a").write_text("changed")
    places = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_WORK_TREE": ""}
    for name, place in places.items():
        monkeypatch.setenv(name, str(tmp_path / "theirs" / place))
    assert commit(tmp_path / "ours") == head
    assert commit(tmp_path / "theirs") == other + "+"


def test_the_bounds_are_those_of_the_package():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["demo"], *extras["export"]]
    assert sorted(wanted) == sorted(f"{name}>={oldest}" for name, oldest, *_ in PACKAGES)


@pytest.fixture
def told(monkeypatch):
    """Have the index's packages be of these versions; those that aren't named aren't there."""

    def tell(**found: str) -> None:
        def version(name: str) -> str:
            try:
                return found[name.replace("-", "_")]
            except KeyError:
                raise metadata.PackageNotFoundError(name) from None

        monkeypatch.setattr("graphemes.foundation.versions.metadata.version", version)
        check_versions.cache_clear()

    yield tell
    check_versions.cache_clear()


@pytest.mark.parametrize(
    ("found", "old"),
    [
        ("1.4.21", True),
        ("2.0.4", True),
        ("2", True),
        ("2.0.5", False),
        ("2.0.5.dev3+local", False),
        ("2.0.10", False),
        ("10.0", False),
        ("unknown", False),
    ],
)
def test_a_version_below_the_bound_is_refused(told, found, old):
    told(albumentations=found)
    named = ("albumentations",)
    assert too_old(named) == [f"albumentations {found} (2.0.5 or newer needed)"] * old
    with pytest.raises(MissingPackage, match=re.escape(found)) if old else nullcontext():
        check_versions(named)


def test_a_module_of_another_package_tells_its_version_itself(told, monkeypatch):
    told(opencv_python="9.9", opencv_python_headless="9.9", albumentationsx="2.5.1")
    assert versions()["opencv-python-headless"] == cv2.__version__
    monkeypatch.setattr(cv2, "__version__", "4.5.1")
    assert too_old(("opencv-python-headless",)) == [
        "opencv-python-headless 4.5.1 (4.9 or newer needed)"
    ]
    assert versions()["numpy"] == np.__version__


def test_a_module_that_is_in_no_index_is_asked(told, monkeypatch):
    told()
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "timm" not in versions()
    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(__version__="0.9.1"))
    assert too_old(("timm",)) == ["timm 0.9.1 (1.0 or newer needed)"]


def test_a_module_is_told_by_the_package_that_brings_it():
    assert package_of("cv2") == "opencv-python-headless"
    assert package_of("albucore") == "albucore"
