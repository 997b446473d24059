"""An ablation trains each variation beside the baseline, keeps what is done, and pairs seeds."""

import math
import statistics
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from conftest import QUICK
from graphemes.evaluation import winners
from graphemes.evaluation.decision_files import read_decisions
from graphemes.evaluation.oof import read_oof
from graphemes.experiments import ablation, ablation_process, ablation_runs
from graphemes.experiments.ablation import _tell, _title, _waits
from graphemes.experiments.ablation_picture import _BETTER, _SAME, _WORSE, _colour, draw_ablation
from graphemes.experiments.ablation_process import _answer, _whole, train_apart, train_folds
from graphemes.experiments.ablation_table import (
    Measure,
    Row,
    compare,
    read_rows,
    table_lines,
    write_rows,
)
from graphemes.foundation.errors import UserError
from graphemes.foundation.files import read_json
from graphemes.foundation.layout import numbered
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.pipeline import decision_fitting
from graphemes.training.forecast import Deadline
from worlds import macro_recall, write_synthetic

TINY = {**QUICK, "trunk": "timm/test_resnet", "device": "cpu", "precision": "fp32", "tta": "none"}


def row(variation: str, seed: int, score: float, **changed) -> Row:
    known = Row(
        run=f"ablate-{variation}-{seed}",
        variation=variation,
        seed=seed,
        folds="0",
        images=100,
        score=score,
        root=score - 0.02,
        vowel=score + 0.02,
        consonant=score + 0.02,
        rule="prior",
        decided=score + 0.03,
        unseen=None,
        weighted=None,
        last_score=score,
        image_passes=160_000,
        train_seconds=900.0,
        images_per_second=177.0,
        seconds=None,
        commit=None,
        device="CPU",
        machine="here",
        data="d",
        folds_digest="f",
        settings="{}",
    )
    return replace(known, **changed)


ROWS = [row("baseline", seed, score) for seed, score in enumerate((0.80, 0.90, 0.85))]
ROWS += [row("lr=1", seed, score) for seed, score in enumerate((0.81, 0.92, 0.86))]
ROWS += [row("ema=0", 7, 0.5), row("clip=1", 1, 0.7)]


def test_gains_are_paired_by_seed():
    results = compare(ROWS)
    base, lr, ema, clip = (result.measure("score") for result in results)
    assert [result.variation for result in results] == ["baseline", "lr=1", "ema=0", "clip=1"]
    assert (base.gain, base.error) == (None, None)
    assert base.mean == pytest.approx(0.85)
    assert base.deviation == pytest.approx(np.std([0.8, 0.9, 0.85], ddof=1))
    # What seeds do to both is ten times what the learning rate does.
    gains = [0.01, 0.02, 0.01]
    assert lr.gain == pytest.approx(np.mean(gains))
    assert lr.error == pytest.approx(statistics.stdev(gains) / math.sqrt(3))
    assert (ema.gain, ema.deviation) == (None, None)  # no baseline of that seed
    assert clip.gain == pytest.approx(-0.2)
    assert clip.error is None


def test_the_table_has_a_line_a_variation_and_the_parquet_a_row_a_run(tmp_path):
    lines = table_lines(compare(ROWS))
    assert [line.split()[-1] for line in lines[1:]] == ["baseline", "lr=1", "ema=0", "clip=1"]
    assert "0.8933 +- 0.0551 +0.0133 +- 0.0033" in lines[2]  # decided, then by argmax
    assert "0.8633 +- 0.0551 +0.0133 +- 0.0033" in lines[2]
    assert "160,000" in lines[2]
    assert "15m00s" in lines[2]
    path = tmp_path / "ablation.parquet"
    assert read_rows(path) == []
    write_rows(path, ROWS)
    assert read_rows(path) == ROWS
    assert list(pd.read_parquet(path)["score"]) == [one.score for one in ROWS]


def test_the_picture_is_as_high_as_its_names(tmp_path):
    long = "+".join(f"some_setting_{number}=some_value" for number in range(9))
    heights = []
    for rows in (ROWS[:1], ROWS, [*ROWS, row(long, 0, 0.8)]):
        draw_ablation(tmp_path / "a.png", compare(rows), "a title")
        header = (tmp_path / "a.png").read_bytes()[:24]
        assert header[:4] == b"\x89PNG"
        heights.append(int.from_bytes(header[20:24], "big"))
    assert heights == sorted(set(heights))


def test_a_gain_is_coloured_where_seeds_alone_rarely_make_it():
    """Of three seeds once in 20 times more than 4.3 standard errors, of many more than 2.2."""
    for pairs, often in ((2, 12.7), (3, 4.3), (30, 2.2)):
        for times in (-1.1, -0.9, 0.9, 1.1):
            gain = times * often * 0.01
            found = _colour("lr=1", Measure(0.9, 0.01, gain, 0.01, pairs))
            assert found == (_SAME if abs(times) < 1 else _WORSE if gain < 0 else _BETTER)
    assert _colour("lr=1", Measure(0.9, None, 0.1, None, 1)) == _SAME


def test_rows_of_other_commits_and_machines_are_told_apart(tmp_path, capsys):
    rows = [row("baseline", 0, 0.8, commit="a" * 40), row("lr=1", 0, 0.9, device="GPU", images=90)]
    assert _title(rows) == (
        "fold 0, 100 and 90 images judged, CPU and GPU, commit aaaaaaaaaaaa and unknown"
    )
    _tell(SimpleNamespace(rows=rows, write=lambda: None, path=tmp_path))
    said = capsys.readouterr().out
    assert "WARNING: they were trained by more than one commit and device; what that does" in said
    assert "WARNING: they are judged on different images" in said
    _tell(SimpleNamespace(rows=rows[:1], write=lambda: None, path=tmp_path))
    assert "WARNING" not in capsys.readouterr().out


@pytest.fixture
def ablate(run, untested, work, monkeypatch):
    """ablate(vary=...): a tiny one whose trainings run in this process; what it said."""
    monkeypatch.setattr(ablation, "train_apart", train_folds)

    def call(**settings):
        words = {**TINY, **settings, "data_dir": untested, "work_dir": work}
        return run("ablate", **{key: value for key, value in words.items() if value is not None})

    return call


def test_runs_share_folds_and_are_kept(ablate, work):
    said = ablate(vary="lr=0.01", seeds=2)
    assert said.code == 0, said.err
    assert "ablate: 4 runs, 0 of them finished before" in said.out
    assert "decided is argmax: 32 images are too few to choose a rule by (500)" in said.out
    assert "WARNING" not in said.out
    place = work / "folds" / "ablation.parquet"
    rows = pd.read_parquet(place).set_index("run")
    names = [f"ablate-{what}-{seed}" for seed in (0, 1) for what in ("baseline", "lr-0.01")]
    assert list(rows.index) == names
    assert rows["folds_digest"].nunique() == rows["data"].nunique() == 1
    assert list(rows["seed"]) == [0, 0, 1, 1]
    for name, found in rows.iterrows():
        (paths,) = numbered(work / "folds" / name)
        assert not paths.weights.exists()  # a table and a record are enough
        record, table = read_json(paths.run), read_oof(paths.oof)
        assert record["seed"] == found["seed"]
        assert record["settings"]["lr"] == (0.01 if "lr" in name else 0.003)
        root = macro_recall(table.truth.root, table.probabilities.root.argmax(1))
        assert found["root"] == pytest.approx(root)
        assert found["score"] == pytest.approx(record["best_score"])
        assert (found["rule"], found["decided"]) == ("argmax", found["score"])  # of few images
        assert found["image_passes"] == record["image_passes"] == 32
    assert (work / "folds" / "ablation.png").is_file()
    assert not (work / "submissions").exists()

    before = {path: path.stat().st_mtime_ns for path in work.rglob("run.json")}
    again = ablate(vary="lr=0.01;ema=0", seeds=2, minutes=1e-9)
    assert again.code == 0, again.err
    assert "6 runs, 4 of them finished before" in again.out
    assert "2 runs left, about " in again.out
    assert "next ablate-ema-0-0; the same command goes on with them" in again.out
    assert "keep=true" not in again.out
    fewer = ablate(keep="true")
    assert fewer.code == 0
    assert "1 run, 1 of them finished before" in fewer.out
    gone = work / "folds" / names[0]
    assert (
        "keep=true: 1 finished run had no keep=true, so the weights are gone; delete a run's folder"
        f" to train it again, as {gone}"
    ) in fewer.out
    assert list(pd.read_parquet(place)["run"])[-1] == names[0]  # after those of other calls
    assert len(pd.read_parquet(place)) == 4
    other = ablate(clip=1)
    assert other.code == 2
    assert "ablate-baseline-0/fold0: made with other settings or data (clip is 5.0" in other.err
    assert {path: path.stat().st_mtime_ns for path in work.rglob("run.json")} == before
    replaced = ablate(clip=1, overwrite="true", keep="true")
    assert replaced.code == 0, replaced.err
    (paths,) = numbered(work / "folds" / names[0])
    assert read_json(paths.run)["settings"]["clip"] == 1.0
    assert paths.finished
    assert "keep=true: " not in ablate(clip=1, keep="true").out


def test_runs_are_compared_as_they_will_be_decided(ablate, work, monkeypatch):
    """By what the rule that auto takes reaches on images that it wasn't fitted on."""
    monkeypatch.setattr(decision_fitting, "LEAST", 10)
    monkeypatch.setattr(winners, "LEAST", 10)
    said = ablate(limit=None)
    assert said.code == 0, said.err
    assert "fitting decision rules" not in said.out
    ((_, found),) = pd.read_parquet(work / "folds" / "ablation.parquet").iterrows()
    known = read_decisions(work / "folds" / "ablate-baseline-0" / "decisions.json")
    assert found["rule"] == known.winner
    judged = known.row("auto")
    assert known.judged_by == "weighted"  # some graphemes are in no training row
    assert found["decided"] == found["weighted"] == judged.weighted != judged.score
    assert found["unseen"] == judged.unseen
    assert known.images == found["images"]
    assert ablate(limit=None).code == 0  # its weights are gone, its rules are not
    ((_, again),) = pd.read_parquet(work / "folds" / "ablation.parquet").iterrows()
    assert (again["rule"], again["decided"]) == (found["rule"], found["decided"])


def test_a_run_that_fails_is_told_and_costs_no_other(ablate, work, monkeypatch):
    def unwilling(settings, ends):
        if settings.lr == 9:
            raise UserError("the loss is nan")
        return train_folds(settings, ends)

    monkeypatch.setattr(ablation, "train_apart", unwilling)
    said = ablate(vary="lr=9;ema=0", name="x", passes=20, epochs=None)
    assert said.code == 2
    assert "1 of 3 runs failed: x-lr-9-0 (the loss is nan)" in said.err
    rows = pd.read_parquet(work / "folds" / "x" / "ablation.parquet")
    assert list(rows["variation"]) == ["baseline", "ema=0"]
    assert list(rows["image_passes"]) == [16, 16]  # of 20: a whole batch
    refused = ablate(vary="trunk=timm/nothing", name="x")
    assert refused.code == 2
    assert "vary: trunk=timm/nothing: timm " in refused.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            {"passes": 32 * 20_000, "limit": 32},
            "passes=640000: 20,000 epochs of 32 pictures, expected",
        ),
        ({"passes": 64, "swa": 3}, "swa=3: there are 2 epochs to take weights from"),
    ],
)
def test_passes_make_no_more_and_no_fewer_epochs_than_there_can_be(words, sentence, ablate, work):
    said = ablate(**{"epochs": None, "limit": 32, **words})
    assert said.code == 2
    assert sentence in said.err
    assert not (work / "folds" / "ablation.parquet").exists()


@pytest.mark.parametrize(
    ("vary", "sentence"),
    [
        ("lr=0.01;lr=1e-2", "vary: lr=1e-2 is lr=0.01 in other words; leave it out"),
        ("lr=3e-3;ema=0", "vary: lr=3e-3 changes nothing of the baseline; leave it out"),
    ],
)
def test_no_variation_is_trained_twice(vary, sentence, ablate, work):
    said = ablate(vary=vary)
    assert (said.code, said.err) == (2, f"graphemes: {sentence}\n")
    assert not (work / "folds").exists()


def test_passes_are_no_fewer_than_the_drawings_of_an_epoch(ablate, work, tmp_path):
    """A limit would make no fewer of them: it would only cut what they are judged by."""
    drawn = write_synthetic(tmp_path / "drawn", 40)
    words = {"epochs": None, "limit": None, "synthetic": drawn}
    said = ablate(**words, synthetic_share=1, passes=32)
    assert said.code == 2
    assert said.err == (
        "graphemes: passes=32: an epoch is all 40 synthetic images, which train alone; expected 40"
        " or more; give so many, or fewer synthetic images\n"
    )
    said = ablate(**words, vary="synthetic_share=1", passes=32)
    assert said.err.startswith("graphemes: vary: synthetic_share=1: passes=32: an epoch is all 40")
    assert not (work / "folds").exists()


def test_minutes_stop_a_run_whose_length_nobody_knew(ablate, work, monkeypatch):
    with monkeypatch.context() as pressed:
        one_step = lambda deadline, _more=0.0: deadline.at is not None and deadline.rate > 0  # noqa: E731
        pressed.setattr(Deadline, "over", one_step)
        said = ablate(epochs=2, minutes=60, vary="lr=0.01")
    assert said.code == 0, said.err
    assert "minutes: fold 0 stopped in epoch 1 of 2, after step 1 of 2; the same comm" in said.out
    left = "minutes=60: 2 runs left, next ablate-baseline-0; the same command goes on with them"
    assert said.out.splitlines()[-1] == left
    again = ablate(epochs=2, minutes=60, vary="lr=0.01")
    assert again.code == 0, again.err
    assert "fold 0: resumed in epoch 1 of 2, after step 1 of 2" in again.out
    rows = pd.read_parquet(work / "folds" / "ablation.parquet")
    assert list(rows["seconds"].isna()) == [True, False]  # one call trained the second


def test_a_run_waits_if_it_would_not_end_in_time():
    fresh, begun = SimpleNamespace(begun=False), SimpleNamespace(begun=True)
    took = SimpleNamespace(expected=lambda _run: 100.0)
    now = time.monotonic()
    assert not _waits(fresh, took, now, None)
    assert not _waits(fresh, took, now, now + 130)
    assert _waits(fresh, took, now - 70, now + 60)
    assert not _waits(begun, took, now - 70, now + 60)
    assert not _waits(fresh, took, now, now + 60)  # or no call of a minute would ever begin it
    assert _waits(begun, took, now - 70, now - 1)


def test_what_a_process_of_a_run_ends_with(monkeypatch):
    assert _whole(True, 0)
    assert not _whole(False, 0)
    with pytest.raises(UserError, match=r"was killed; was there memory enough\?$"):
        _whole(None, -9)
    with pytest.raises(UserError, match=r"was ended by signal 11$"):
        _whole(None, -11)
    for text in ("Traceback of it", None):  # our mistake, with its traceback
        with pytest.raises(RuntimeError, match=text or "what it said is above"):
            _whole(text, 1 if text is None else 0)

    sent: list = []
    sender = SimpleNamespace(send=sent.append)
    monkeypatch.setattr(ablation_process.signal, "signal", lambda *_: None)
    full = OSError(28, "full")
    raised = iter([ZeroDivisionError("by nought"), UserError("mend"), full, MemoryError()])

    def broken(*_words: object) -> bool:
        raise next(raised)

    monkeypatch.setattr(ablation_process, "train_folds", broken)
    for _ in range(4):
        _answer(sender, TrainSettings(), None)
    assert sent[0].startswith("Traceback")
    assert sent[0].endswith("ZeroDivisionError: by nought\n")
    assert (type(sent[1]), sent[2]) == (UserError, full)
    assert (type(sent[3]), str(sent[3])[:15]) == (UserError, "memory ran out ")


def test_the_space_for_every_fold_is_there(ablate, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(
        ablation_runs, "need_space", lambda _place, bytes_, _what: asked.append(bytes_)
    )
    for more in ({}, {"fold": "0,1", "keep": "true", "seeds": 2}, {"swa": 1, "fold": "0,1"}):
        said = ablate(**more, minutes=1e-9)
        assert said.code == 0, said.err
    one = asked[0] / 11  # of the weights; ten are used while a fold is trained
    assert asked == [11 * one, (10 + 4) * one, (10 + 2 + 2) * one]


@pytest.mark.slow
def test_two_variations_are_trained_in_processes_of_their_own(run, untested, work):
    words = {**TINY, "data_dir": untested, "work_dir": work, "fold": "0,1"}
    said = run("ablate", **words, vary="lr=0.01;stem_pool=false+trunk=resnet18")
    assert said.code == 0, said.err
    assert said.out.count("epoch 1/1: loss ") == 6
    rows = pd.read_parquet(work / "folds" / "ablation.parquet")
    assert list(rows["variation"]) == ["baseline", "lr=0.01", "stem_pool=false+trunk=resnet18"]
    assert (rows["seconds"] > rows["train_seconds"]).all()
    assert set(rows["folds"]) == {"0,1"}


@pytest.mark.slow
def test_what_a_training_refuses_comes_back_from_its_process(tmp_path):
    gone = Path(tmp_path / "gone")
    with pytest.raises(UserError, match="gone"):
        train_apart(TrainSettings(data_dir=gone, work_dir=tmp_path / "w"))
