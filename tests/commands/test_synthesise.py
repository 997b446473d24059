"""bash run.sh synthesise: a directory of drawings, or a comparison with real images."""

import json

import cv2
import pandas as pd
import pytest

from graphemes.foundation.classes import seen_graphemes


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
    assert "holds drawings of another seed" in other.err


def test_all_unseen_graphemes_are_counted(run, tmp_path):
    said = run("synthesise", out=tmp_path / "out", images=1, graphemes="unseen", workers=1)
    assert said.code == 0, said.err
    assert "10,469 of 12,936 label triples" in said.out
    grapheme = pd.read_csv(tmp_path / "out" / "train.csv")["grapheme"][0]
    assert grapheme not in {one.text for one in seen_graphemes()}


def test_it_compares_with_labelled_images(run, kaggle_like, tmp_path):
    out = tmp_path / "pictures"
    asked = {"compare": kaggle_like, "images": 100, "work_dir": tmp_path, "out": out, "workers": 1}
    said = run("synthesise", **asked)
    assert said.code == 0, said.err
    assert "stroke width" in said.out
    assert "AUC is" in said.out
    found = json.loads((out / "comparison.json").read_text())
    assert found["images"] == 100
    assert 0 <= found["auc"] <= 1
    assert found["real"].keys() == found["drawn"].keys()
    for name in ("pairs.png", "mixed.png"):
        assert cv2.imread(str(out / name)) is not None
    assert (out / "mixed.png").stat().st_size < 200_000


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "out: expected the directory to draw into"),
        ({"out": "o", "graphemes": "nowhere.txt"}, "nowhere.txt: can't be read as a list"),
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
    assert not (tmp_path / "o").exists()


def test_too_few_images_cannot_be_compared(run, kaggle_like, tmp_path):
    said = run("synthesise", compare=kaggle_like, images=99, work_dir=tmp_path)
    assert said.code == 2
    assert "99 images to compare, expected 100 at least" in said.err
