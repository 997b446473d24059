"""bash run.sh synthesise: a directory of drawings, or a comparison with real images."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from graphemes.experiments import real_vs_drawn as comparison
from graphemes.foundation.classes import competition_graphemes


def test_it_draws_what_is_asked_for_and_keeps_it(run, tmp_path):
    out, listed = tmp_path / "my drawings", tmp_path / "list.txt"
    listed.write_text("ক\n13,1,0\n", encoding="utf-8")
    asked = {"out": out, "images": 5, "tests": 2, "graphemes": listed, "workers": 1}
    said = run("synthesise", **asked)
    assert said.code == 0, said.err
    assert f"{out}: 5 images of 2 graphemes and 2 test images" in said.out
    train = pd.read_csv(out / "train.csv")
    assert set(train["grapheme"]) == {"ক", "কা"}
    assert len(pd.read_csv(out / "test.csv")) == 6
    again = run("synthesise", **asked)
    assert again.code == 0
    assert "drawn before with these settings: kept" in again.out
    other = run("synthesise", **{**asked, "seed": 1})
    assert other.code == 2
    assert "holds drawings made with other settings (seed is 0, asked for" in other.err


def test_all_unseen_graphemes_are_counted(run, tmp_path):
    said = run("synthesise", out=tmp_path / "out", images=1, graphemes="unseen", workers=1)
    assert said.code == 0, said.err
    assert "10,469 of 12,936 label triples" in said.out
    assert "1 images of some of 10,469 graphemes" in said.out
    grapheme = pd.read_csv(tmp_path / "out" / "train.csv")["grapheme"][0]
    assert grapheme not in {one.text for one in competition_graphemes()}


def test_it_compares_with_labelled_images(run, kaggle_like, tmp_path):
    out = tmp_path / "pictures"
    asked = {"compare": kaggle_like, "images": 100, "work_dir": tmp_path, "out": out, "workers": 1}
    said = run("synthesise", **asked)
    assert said.code == 0, said.err
    assert "stroke width" in said.out
    assert "AUC is" in said.out
    found = json.loads((out / "comparison.json").read_text())
    assert found["images"] == 100
    assert f"AUC is {found['auc']:.3f}" in said.out
    assert found["real"].keys() == found["drawn"].keys()
    for name in ("pairs.png", "mixed.png"):
        assert cv2.imread(str(out / name)) is not None
    assert (out / "mixed.png").stat().st_size < 200_000
    again = run("synthesise", **{**asked, "seed": 1})  # an earlier comparison's are replaced
    assert again.code == 0, again.err
    assert json.loads((out / "comparison.json").read_text()) != found


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "out: expected the directory to draw into"),
        ({"out": "o", "graphemes": "nowhere.txt"}, "nowhere.txt: can't be read: No such file"),
        ({"out": "/"}, "out=/: expected a directory of its own"),
        ({"out": "o", "balance": 2}, "setting 'balance': got '2'"),
        ({"out": "o", "balance": "nan"}, "setting 'balance': got 'nan'"),
        ({"compare": "nowhere", "balance": 0}, "balance: compare= draws what its images show"),
        ({"out": "o", "images": 0}, "setting 'images': got '0'"),
        ({"out": "o", "fonts": "nowhere"}, "nowhere: no such directory"),
        ({"out": "o", "picture": 3}, "unknown setting 'picture'"),
        ({"compare": "nowhere"}, "nowhere: no such directory"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(run, tmp_path, monkeypatch, asked, sentence):
    monkeypatch.chdir(tmp_path)
    said = run("synthesise", **asked)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_too_few_images_cannot_be_compared(run, kaggle_like, tmp_path):
    said = run("synthesise", compare=kaggle_like, images=99, work_dir=tmp_path)
    assert said.code == 2
    assert "images=99: expected 100 or more to compare" in said.err
    assert not list(tmp_path.iterdir())  # not even decoded


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ({"pairs.png": "mine"}, "holds pairs.png, which isn't an earlier comparison's"),
        ({"comparison.json": '{"a": 1}'}, "holds comparison.json, which isn't an earlier"),
        ({"synthesis.json": "{}"}, "holds drawings; choose another directory"),
    ],
)
def test_a_comparison_replaces_nobody_elses_files(run, kaggle_like, tmp_path, there, sentence):
    out = tmp_path / "out"
    out.mkdir()
    for name, text in there.items():
        (out / name).write_text(text)
    said = run("synthesise", compare=kaggle_like, out=out, work_dir=tmp_path / "work")
    assert said.code == 2
    assert sentence in said.err
    assert {path.name: path.read_text() for path in out.iterdir()} == there


def test_a_comparison_says_at_once_that_its_place_is_a_file(run, kaggle_like, tmp_path):
    (tmp_path / "o").write_text("mine")
    work = tmp_path / "work"
    said = run("synthesise", compare=kaggle_like, out=tmp_path / "o", work_dir=work)
    assert said.code == 2
    assert "is no folder, so nothing can be put below it" in said.err
    assert not list(work.rglob("*.npy"))


def test_a_place_of_something_else_and_a_bad_line_are_said_at_the_door(run, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine.txt").write_text("mine")
    said = run("synthesise", out=tmp_path / "o", graphemes="seen", images=2)
    assert said.code == 2
    assert "expected nothing there or drawings of this command" in said.err
    (tmp_path / "list.txt").write_text("14,1,0\n168,0,0\n")
    said = run("synthesise", out=tmp_path / "p", graphemes=tmp_path / "list.txt", images=2)
    assert said.code == 2
    assert "line 2: root 168 is out of range" in said.err


def test_scans_without_ink_cannot_be_compared(run, tmp_path, monkeypatch):
    white = np.full((100, 137, 236), 255, np.uint8)
    monkeypatch.setattr(comparison, "_real", lambda *_: (white, ["\u0995"] * 100))
    said = run("synthesise", compare=tmp_path, images=100, work_dir=tmp_path, workers=1)
    assert said.code == 2
    assert "ink was found in 0 of 100 images, expected it in 100 at least" in said.err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_killed_command_leaves_no_process_behind(tmp_path):
    command = [sys.executable, "-m", "graphemes", "synthesise", f"out={tmp_path / 'o'}"]
    asked = ["images=5000", "graphemes=seen", "workers=2"]
    with subprocess.Popen(command + asked, stderr=subprocess.DEVNULL) as process:
        tasks = Path(f"/proc/{process.pid}/task")
        until(lambda: len(children(tasks)) >= 3, 60)  # two that draw, one that counts for them
        born = children(tasks)
        process.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in born), 20)


def children(tasks: Path) -> set[str]:
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


def until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
