"""Where things lie, and in what order data is looked for."""

import dataclasses
from pathlib import Path

import pytest

from graphemes.foundation import layout
from graphemes.foundation.layout import Layout, probabilities_beside


def test_root_is_the_folder_of_run_sh():
    assert (layout.ROOT / "run.sh").is_file()


def below(run: Layout) -> dict[str, str]:
    own = ("folds_csv", "folds_by_grapheme_csv", "scores", "submission", "cache")
    places = {name: getattr(run, name) for name in own}
    fold = run.fold(0)
    for name in ("weights", "run", "log", "curves", "oof", "state"):
        places[name] = getattr(fold, name)
    return {name: str(path.relative_to(run.work_dir)) for name, path in places.items()}


def test_the_places_are_those_of_the_readme():
    assert below(Layout(Path("/w"))) == {
        "folds_csv": "folds/folds.csv",
        "folds_by_grapheme_csv": "folds/folds-by-grapheme.csv",
        "scores": "folds/scores.json",
        "submission": "submissions/submission.csv",
        "cache": "data/cache",
        "weights": "folds/fold0/weights.safetensors",
        "run": "folds/fold0/run.json",
        "log": "folds/fold0/log.jsonl",
        "curves": "folds/fold0/curves.png",
        "oof": "folds/fold0/oof.parquet",
        "state": "folds/fold0/state",
    }
    assert Layout(Path("/w")).fold("none").directory == Path("/w/folds/foldnone")


def test_a_named_run_keeps_its_own_and_shares_the_folds():
    plain, named = below(Layout(Path("/w"))), below(Layout(Path("/w"), "mine"))
    same = {name for name in plain if plain[name] == named[name]}
    assert same == {"folds_csv", "folds_by_grapheme_csv", "cache"}
    assert named["submission"] == "submissions/mine.csv"
    assert named["weights"] == "folds/mine/fold0/weights.safetensors"


def test_probabilities_stand_beside_their_submission():
    assert probabilities_beside(Path("/s/submission.csv")) == Path("/s/probabilities.parquet")
    assert probabilities_beside(Path("/s/mine.csv")) == Path("/s/mine-probabilities.parquet")


def test_places_are_values():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Layout(Path("/w")).name = "x"
    assert Layout(Path("/w")).fold(1) == Layout(Path("/w")).fold("1")
