"""Libraries that are missing, too old or broken are the environment's fault: one line, code 2."""

import os
import subprocess
import sys

import pytest

from conftest import REPOSITORY
from graphemes.foundation.settings.commands import MODELS

BROKEN = {
    # file in a directory on the import path: (what stands in it, what is said)
    "cv2.py": (
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file')",
        "a library can't be loaded (libGL.so.1: cannot open shared object file",
    ),
    "torch.py": (
        "raise OSError('libcudart.so.12: cannot open shared object file: No such file')",
        "a library can't be loaded (libcudart.so.12",
    ),
    "pandas.py": (
        "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')",
        "a library can't be loaded (numpy.dtype size changed",
    ),
    "albumentations.py": ("import albucore_of_old", "lacks albucore_of_old; pip install"),
    "pandas/__init__.py": (
        "import pandas.nowhere",
        "a library can't be loaded (No module named 'pandas.nowhere')",
    ),
    "albumentations-1.4.21.dist-info/METADATA": (
        "Name: albumentations\nVersion: 1.4.21",
        "albumentations 1.4.21 (2.0.5 or newer needed)",
    ),
    "pydantic/__init__.py": (
        "__version__ = '1.10.2'",
        "can't be loaded (cannot import name",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_library_that_cannot_serve_is_told_in_a_line(name, tmp_path):
    text, told = BROKEN[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "graphemes", "predict"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_doctor_marks_what_is_too_old(run, tmp_path, monkeypatch):
    monkeypatch.setattr("graphemes.commands.doctor.too_old", lambda _: ["timm 0.9 (1.0 needed)"])
    said = run("doctor", work_dir=tmp_path)
    assert said.code == 0, said.err
    assert "TOO OLD   timm 0.9 (1.0 needed)" in said.out
    assert "of /dev/shm for " in said.out


def test_settings_are_refused_and_explained_without_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is imported')")
    for words, code in ((["train", "help"], 0), (["predict", "help"], 0), (["epoch=3"], 2)):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "graphemes", *words],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "torch is imported" not in done.stderr


def test_every_command_has_its_settings():
    from graphemes.__main__ import COMMANDS

    assert set(MODELS) == set(COMMANDS) - {"test"}
