"""Whole commands on tiny data, from shards to a submission."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conftest import QUICK, TESTS, Spoken, begun_training, through_the_door
from graphemes.competition.writing import write_sample_submission, write_test_csv
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import COLUMNS, HEADS


def words(**settings: object) -> list[str]:
    return [f"{key}={value}" for key, value in {**QUICK, **settings}.items()]


@pytest.fixture(scope="module")
def trained(kaggle_like, tmp_path_factory) -> tuple[Path, str]:
    """A work directory where `bash run.sh fold=0` has been, and what it printed."""
    work = tmp_path_factory.mktemp("a work dir") / "with spaces"
    process = through_the_door(*words(fold=0, data_dir=kaggle_like, work_dir=work), cwd=kaggle_like)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return work, out


@pytest.fixture
def again(trained, tmp_path) -> Path:
    """A copy of the trained work directory that a test may change."""
    return Path(shutil.copytree(trained[0], tmp_path / "work"))


def test_from_shards_to_a_submission(trained, kaggle_like):
    work, out = trained
    submission = pd.read_csv(work / "submissions" / "submission.csv")
    sample = pd.read_csv(kaggle_like / "sample_submission.csv")
    assert submission["row_id"].tolist() == sample["row_id"].tolist()
    assert list(submission.columns) == ["row_id", "target"]
    for head in HEADS:
        of_head = submission["target"][submission["row_id"].str.endswith(head.column)]
        assert len(of_head) == TESTS
        assert of_head.between(0, head.classes - 1).all()
    assert "score" in out
    assert "submission.csv" in out


def test_a_fold_leaves_its_files(trained):
    fold = trained[0] / "folds" / "fold0"
    names = {path.name for path in fold.iterdir() if not path.name.startswith(".")}
    assert names == {"weights.safetensors", "run.json", "log.jsonl", "curves.png", "oof.parquet"}
    certificate = json.loads((fold / "run.json").read_text())
    assert certificate["image_passes"] == 32
    assert certificate["identity"]["digests"].keys() == {"data", "folds"}
    assert certificate["best_score"] == certificate["last_score"]
    assert len((fold / "log.jsonl").read_text().splitlines()) == 1


def test_the_submission_is_the_argmax_of_the_probabilities(trained):
    place = trained[0] / "submissions"
    table = pq.read_table(place / "probabilities.parquet").to_pydict()
    targets = dict(pd.read_csv(place / "submission.csv").itertuples(index=False))
    for head in HEADS:
        for name, row in zip(table["image_id"], table[head.probability_column], strict=True):
            assert sum(row) == pytest.approx(1, abs=1e-4)
            assert targets[f"{name}_{head.column}"] == int(np.argmax(row))


def test_scores_are_those_of_the_table(trained):
    from sklearn.metrics import recall_score

    folds = trained[0] / "folds"
    table = pq.read_table(folds / "fold0" / "oof.parquet").to_pydict()
    kept = json.loads((folds / "scores.json").read_text())["overall"]
    for head in HEADS:
        truth = np.array(table[head.column])
        guess = np.array(table[head.probability_column]).argmax(axis=1)
        judge = recall_score(
            truth, guess, labels=np.unique(truth), average="macro", zero_division=0
        )
        assert kept["recall"][head.name] == pytest.approx(judge)


def test_a_second_time_everything_is_kept(again, kaggle_like, train):
    before = (again / "folds" / "fold0" / "weights.safetensors").stat().st_mtime_ns
    said = train(data_dir=kaggle_like, work_dir=again)
    assert said.code == 0
    assert "fold 0: finished with these settings and data: kept" in said.out
    assert "made from these weights and test images: kept" in said.out
    assert (again / "folds" / "fold0" / "weights.safetensors").stat().st_mtime_ns == before


def test_other_settings_are_refused_and_nothing_is_lost(again, kaggle_like, train):
    files = {path: path.stat().st_mtime_ns for path in again.rglob("*") if path.is_file()}
    said = train(data_dir=kaggle_like, work_dir=again, lr=0.1)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "lr is 0.003, asked for 0.1" in said.err
    assert "overwrite=true" in said.err
    assert "name=" in said.err
    changed = [p for p, t in files.items() if not p.exists() or p.stat().st_mtime_ns != t]
    assert not [path for path in changed if path.suffix != ".lock"]


@pytest.mark.slow
def test_overwrite_and_name_are_the_two_ways_out(again, kaggle_like, train):
    said = train(data_dir=kaggle_like, work_dir=again, lr=0.01, name="other")
    assert said.code == 0, said.err
    assert (again / "folds" / "other" / "fold0" / "run.json").exists()
    assert (again / "submissions" / "other.csv").exists()
    said = train(data_dir=kaggle_like, work_dir=again, lr=0.01, overwrite="true")
    assert said.code == 0, said.err
    certificate = json.loads((again / "folds" / "fold0" / "run.json").read_text())
    assert certificate["settings"]["lr"] == 0.01


@pytest.mark.slow
def test_more_folds_join_the_run(again, kaggle_like, train, run):
    said = train(data_dir=kaggle_like, work_dir=again, fold="0,2")
    assert said.code == 0, said.err
    assert set(json.loads((again / "folds" / "scores.json").read_text())["folds"]) == {"0", "2"}
    assert "was made from other folds of this run" in said.out
    said = run("predict", data_dir=kaggle_like, work_dir=again)
    assert said.code == 0
    assert "made from these weights and test images: kept" in said.out
    # One of them trained again asks for no lesser submission than both made.
    said = train(data_dir=kaggle_like, work_dir=again, fold=0)
    assert said.code == 0, said.err
    assert "made from these and other finished folds of this run: kept" in said.out
    said = run("predict", data_dir=kaggle_like, work_dir=again)
    assert "made from these weights and test images: kept" in said.out
    (again / "folds" / "fold2" / "run.json").unlink()  # nobody's fold joins in
    said = train(data_dir=kaggle_like, work_dir=again, fold=0)
    assert "was made from other folds of this run or the demo's; replaced" in said.out


def test_weights_are_scored_outside_their_training_rows(again, kaggle_like, run):
    weights = again / "folds" / "fold0" / "weights.safetensors"
    said = run("score", weights=weights, data_dir=kaggle_like, work_dir=again)
    assert said.code == 0, said.err
    assert "168 of 200 labelled images are outside the training rows" in said.out


def test_somebody_elses_table_is_scored(again, run):
    said = run("score", oof=again / "folds" / "fold0" / "oof.parquet", work_dir=again)
    assert said.code == 0, said.err
    assert "root: the 10 worst classes" in said.out


def test_tables_of_different_folds_are_refused(again, untested, train, run):
    train(data_dir=untested, work_dir=again, name="b", fold=1, folds=3)
    table = pq.read_table(again / "folds" / "b" / "fold1" / "oof.parquet")
    metadata = {**table.schema.metadata, b"graphemes.digest.folds": b"other"}
    pq.write_table(table.replace_schema_metadata(metadata), again / "other.parquet")
    mine = again / "folds" / "fold0" / "oof.parquet"
    said = run("score", oof=f"{mine},{again / 'other.parquet'}", work_dir=again)
    assert said.code == 2
    assert "folds" in said.err


@pytest.mark.slow
def test_every_row_trains_and_nothing_validates(kaggle_like, work, train):
    said = train(data_dir=kaggle_like, work_dir=work, fold="none", trunk="resnet34")
    assert said.code == 0, said.err
    place = work / "folds" / "foldnone"
    assert (place / "weights.safetensors").exists()
    assert not (place / "oof.parquet").exists()
    assert (work / "submissions" / "submission.csv").exists()


def test_a_rule_that_every_row_leaves_no_image_for_is_refused_before(kaggle_like, work, train):
    said = train(data_dir=kaggle_like, work_dir=work, fold="none", decide="prior")
    assert said.code == 2
    assert "decide=prior: no decisions.json beside the weights" in said.err
    assert "loss" not in said.out
    assert not (work / "folds" / "foldnone" / "weights.safetensors").exists()


@pytest.mark.slow
def test_the_demos_results_give_way_without_asking(demo, own_data, tmp_path, train):
    # Other real images: the demo's first ten are gone.
    labels = pd.read_csv(own_data / "train.csv")
    labels[10:].to_csv(own_data / "train.csv", index=False)
    for path in own_data.glob("test_image_data_*"):  # not asked for here
        path.unlink()
    drawn = train(data_dir=demo, work_dir=tmp_path)
    assert drawn.code == 0
    assert "WARNING: these weights have learned the demo's" not in drawn.out
    assert train(data_dir=demo, work_dir=tmp_path, lr=0.01).code == 0
    said = train(data_dir=own_data, work_dir=tmp_path)
    assert said.code == 0, said.err
    assert "folds.csv: was the demo's; replaced" in said.out
    assert "10 images of the shards have no label in train.csv: ignored" in said.out
    certificate = json.loads((tmp_path / "folds" / "fold0" / "run.json").read_text())
    assert certificate["identity"]["demo"] is False


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["nothing", "zips", "one"])
def test_without_all_test_shards_there_is_no_submission(kept, own_data, tmp_path, train):
    shards = sorted(own_data.glob("test_image_data_*"))
    for path in shards[1 if kept == "one" else 0 :]:
        if kept == "zips":
            path.rename(path.with_name(f"{path.name}.zip"))
        else:
            path.unlink()
    said = train(data_dir=own_data, work_dir=tmp_path / "w")
    assert said.code == 0, said.err
    told = {
        "nothing": "no submission will be made: ",
        "zips": "test_image_data_0.parquet.zip",
        "one": "are all test shards in",
    }
    assert told[kept] in said.out
    assert "no test images" in said.out
    assert not list((tmp_path / "w" / "submissions").glob("*"))
    assert (tmp_path / "w" / "folds" / "fold0" / "run.json").exists()


@pytest.mark.slow
def test_time_limit_stops_cleanly_and_the_same_command_goes_on(again, kaggle_like, train):
    # Where the store is there already, so that the time is the epochs'.
    settings = {"data_dir": kaggle_like, "work_dir": again, "epochs": 1000, "name": "limited"}
    log = again / "folds" / "limited" / "fold0" / "log.jsonl"
    said = train(**settings, time_limit="8s")
    assert said.code == 0
    where = re.search(r"time_limit: fold 0 stopped (.+); the same command goes on", said.out)
    assert where is not None
    assert not (again / "submissions" / "limited.csv").exists()
    said = train(**settings, resume="true", time_limit="1s", predict_anyway="true")
    assert said.code == 0, said.err
    assert f"fold 0: resumed {where[1]}" in said.out
    assert said.out.splitlines()[-1].endswith("; the same command goes on from there")
    rows = pd.read_csv(again / "submissions" / "limited.csv")
    assert list(rows["row_id"]) == list(pd.read_csv(kaggle_like / "test.csv")["row_id"])
    said = train(**{**settings, "epochs": 1}, overwrite="true")
    assert said.code == 0, said.err
    assert len(log.read_text().splitlines()) == 1
    assert (again / "submissions" / "limited.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["run.json", "weights.safetensors"])
def test_results_that_nobody_owns_up_to_are_not_cleared_away(gone, again, kaggle_like, train):
    fold = again / "folds" / "fold0"
    (fold / gone).unlink()
    kept = {path.name: path.read_bytes() for path in fold.iterdir()}
    said = train(data_dir=kaggle_like, work_dir=again)
    assert said.code == 2
    assert f"without {gone}, so whose it is isn't known; put that back" in said.err
    assert {path.name: path.read_bytes() for path in fold.iterdir()} == kept
    said = train(data_dir=kaggle_like, work_dir=again, overwrite="true", limit=8)
    assert said.code == 0, said.err
    assert json.loads((fold / "run.json").read_text())["settings"]["limit"] == 8


def test_a_submission_of_other_test_images_is_refused_before_the_training(
    again, kaggle_like, tmp_path, train
):
    data = shutil.copytree(kaggle_like, tmp_path / "data")
    write_test_csv(data / "test.csv", TESTS - 1)
    write_sample_submission(data / "sample_submission.csv", TESTS - 1)
    said = train(data_dir=data, work_dir=again, fold=1)
    assert said.code == 2
    assert "submission.csv: made from other test images; overwrite=true replaces it" in said.err
    said = train(data_dir=kaggle_like, work_dir=again, invert="false")
    assert said.code == 2
    assert "submission.csv: made from scans turned by another invert=; overwrite" in said.err
    assert not (again / "folds" / "fold1").exists()


def test_weights_that_are_named_twice_are_refused(again, kaggle_like, run):
    fold = again / "folds" / "fold0"
    weights = f"{fold},{fold / 'weights.safetensors'}"
    said = run("predict", weights=weights, data_dir=kaggle_like, work_dir=again)
    assert said.code == 2
    assert "weights.safetensors: is named twice; name each file" in said.err


def test_resume_true_insists_on_something_to_go_on_with(untested, tmp_path, train):
    said = train(data_dir=untested, work_dir=tmp_path, resume="true")
    assert said.code == 2
    assert "holds nothing to go on with" in said.err


def test_a_reader_that_leaves_is_no_bug(tmp_path):
    with through_the_door("help", cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.close()  # as `| head` does
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_weights_that_saw_the_validation_images_are_warned_of(again, untested, train):
    weights = again / "folds" / "fold0" / "weights.safetensors"
    said = train(data_dir=untested, work_dir=again, name="more", fold=1, init=weights, limit=100)
    assert said.code == 0, said.err
    assert f"WARNING: init={weights} was trained on" in said.out
    certificate = json.loads((again / "folds" / "more" / "fold1" / "run.json").read_text())
    assert 0 < certificate["validation_images_seen_by_init"] <= 32


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 0, marks=pytest.mark.slow),  # ends as a time limit does
        (signal.SIGKILL, -9),
    ],
)
def test_an_end_in_the_middle_loses_at_most_an_epoch(sent, code, untested, work, train):
    # Epochs enough that the signal comes before the end; one worker, so that it is in the way too.
    settings = {"data_dir": untested, "work_dir": work, "epochs": 50, "workers": 1}
    process, log = begun_training(words(**settings), work), work / "folds" / "fold0" / "log.jsonl"
    os.killpg(process.pid, sent) if sent == signal.SIGINT else process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    if sent == signal.SIGINT:
        assert err.splitlines()[-1].startswith("graphemes: interrupted")
        assert "Traceback" not in err
    epochs = len(log.read_text().splitlines())
    said = train(**settings, time_limit="1s")
    if sent == signal.SIGTERM:  # then not even that
        where = re.search(r"SIGTERM: fold 0 stopped (.+); the same command goes on", out)
        assert f"fold 0: resumed {where[1]}\n" in said.out
    else:
        assert f"fold 0: resumed after epoch {epochs} of 50\n" in said.out


def test_two_runs_at_once_do_not_train_the_same_fold(untested, work, train):
    settings = {"data_dir": untested, "work_dir": work, "epochs": 50}
    process = begun_training(words(**settings), work)
    said = train(**settings)
    process.terminate()
    process.communicate(timeout=60)
    assert said.code == 2
    assert "another run is training this fold" in said.err


def test_folds_says_how_well_it_stratifies(untested, tmp_path, run):
    said = run("folds", data_dir=untested, work_dir=tmp_path, folds=3)
    assert said.code == 0, said.err
    table = pd.read_csv(tmp_path / "folds" / "folds.csv")
    assert list(table.columns) == ["image_id", "fold", *COLUMNS]
    for head in HEADS:
        assert head.name in said.out
    assert not (tmp_path / "data").exists()
    assert run("folds", data_dir=untested, work_dir=tmp_path, folds=3).code == 0
    other = run("folds", data_dir=untested, work_dir=tmp_path, folds=3, seed=1)
    assert other.code == 2
    assert "isn't what seed=1 gives" in other.err


@pytest.fixture
def labels_alone(tmp_path) -> Path:
    """A data directory with nothing but a train.csv: four images of 300 graphemes."""
    directory = tmp_path / "labels alone"
    directory.mkdir()
    triples = np.repeat([grapheme.labels for grapheme in competition_graphemes()[:300]], 4, axis=0)
    table = pd.DataFrame(triples, columns=COLUMNS)
    table.insert(0, "image_id", [f"Train_{row}" for row in range(len(table))])
    table.to_csv(directory / "train.csv", index=False)
    return directory


def test_folds_by_grapheme_lie_beside_the_others(labels_alone, tmp_path, run):
    def folds(*words: str, **settings: object) -> Spoken:
        place = {"data_dir": labels_alone, "work_dir": tmp_path}
        return run("folds", *words, **{"folds": 3, **place, **settings})

    said = folds("by=grapheme")
    assert said.code == 0, said.err
    path = tmp_path / "folds" / "folds-by-grapheme.csv"
    table = pd.read_csv(path)
    assert list(table.columns) == ["image_id", "fold", *COLUMNS]
    assert len(table) == 1200
    assert "of 300 graphemes are held out whole (" in said.out
    assert "of 300 graphemes aren't chosen to be held out" in said.out
    assert not (tmp_path / "folds" / "folds.csv").exists()
    # Again: the same file. Brought along by its path: told of again.
    before = path.stat().st_mtime_ns
    assert folds("by=grapheme").code == 0
    brought = folds(folds=path)
    assert said.out.endswith(brought.out)
    assert path.stat().st_mtime_ns == before
    for settings, told in (({"seed": 1}, "isn't what seed=1 gives"), ({"folds": 4}, "asked for 4")):
        other = folds("by=grapheme", **settings)
        assert other.code == 2
        assert other.err.startswith(f"graphemes: {path}: ")
        assert told in other.err
    assert folds("by=grapheme", "overwrite=true", seed=1).code == 0
    assert not table.equals(pd.read_csv(path))


@pytest.mark.slow
def test_anybodys_folds_are_taken(untested, work, tmp_path, train):
    labels = pd.read_csv(untested / "train.csv")
    mine = pd.DataFrame({"fold": np.arange(len(labels)) % 2, "image_id": labels["image_id"]})
    mine[::-1].to_csv(tmp_path / "mine.csv", index=False)
    said = train(
        data_dir=untested,
        work_dir=work,
        folds=tmp_path / "mine.csv",
        fold=1,
        limit=100,
    )
    assert said.code == 0, said.err
    table = pq.read_table(work / "folds" / "fold1" / "oof.parquet").to_pydict()
    validated = set(mine["image_id"][mine["fold"] == 1])
    assert set(table["image_id"]) == validated
    assert not (work / "folds" / "folds.csv").exists()


@pytest.mark.slow
def test_unseen_is_what_no_training_row_holds(untested, work, tmp_path, train, run):
    labels = pd.read_csv(untested / "train.csv")
    twin = labels.duplicated(COLUMNS)
    assert twin.sum() >= 2
    # Fold 0 validates the second image of a grapheme and some graphemes of one image.
    alone = ~labels.duplicated(COLUMNS, keep=False)
    fold = np.where(twin | (alone & (labels.index < 50)), 0, 1)
    labels.assign(fold=fold).to_csv(tmp_path / "mine.csv", index=False)
    # Of one grapheme no image trains after all.
    first = labels[twin].iloc[0]
    left_out = (labels[COLUMNS] == first[COLUMNS]).all(axis=1) & ~twin
    (tmp_path / "ids.txt").write_text("\n".join(labels["image_id"][left_out]))
    settings = {"data_dir": untested, "work_dir": work, "folds": tmp_path / "mine.csv"}
    said = train(**settings, exclude=tmp_path / "ids.txt", limit=190)
    assert said.code == 0, said.err
    path = work / "folds" / "fold0" / "oof.parquet"
    table = pq.read_table(path)
    seen = dict(zip(*(table[name].to_pylist() for name in table.column_names[::8]), strict=True))
    again = (labels[COLUMNS] == first[COLUMNS]).all(axis=1)
    assert seen == {
        name: bool(twin[row] and not again[row])
        for row, name in enumerate(labels["image_id"])
        if fold[row] == 0
    }
    scores = json.loads((work / "folds" / "scores.json").read_text())
    assert scores["folds"]["0"]["seen"]["n"] == sum(seen.values())
    assert "unseen in training: " in said.out
    # A table that doesn't say it: from folds.csv if that is the table's own, else not at all.
    silent = tmp_path / "silent.parquet"
    pq.write_table(table.drop_columns(["seen_in_training"]), silent)
    assert "unseen in training: " not in run("score", oof=silent, work_dir=work).out
    shutil.copy(tmp_path / "mine.csv", work / "folds" / "folds.csv")
    said = run("score", oof=silent, work_dir=work)
    assert said.code == 0, said.err
    counted = [line.split() for line in said.out.splitlines() if line.endswith("graphemes")]
    assert [row[1] for row in counted[:2]] == [str(twin.sum()), str((fold == 0).sum() - twin.sum())]


def test_doctor_tells_what_is_there(kaggle_like, tmp_path, run):
    said = run("doctor", data_dir=kaggle_like, work_dir=tmp_path)
    assert said.code == 0, said.err
    assert "2 of 2 shards are whole, 200 images" in said.out
    assert "200 in train.csv, all in the shards" in said.out
    assert "18 in sample_submission.csv, all in the shards" in said.out
    assert "enough" in said.out


def test_doctor_says_what_is_wrong_and_still_ends_well(own_data, tmp_path, run):
    shard = own_data / "train_image_data_0.parquet"
    shard.write_bytes(shard.read_bytes()[:5000])
    said = run("doctor", data_dir=own_data, work_dir=tmp_path)
    assert said.code == 0
    assert "1 of 2 shards are whole" in said.out
    assert "WRONG: 100 of their images are in no shard" in said.out
    assert "train_image_data_0.parquet" in said.out


def test_doctor_goes_on_after_a_folds_file_that_is_wrong(own_data, tmp_path, run):
    folds = tmp_path / "folds.csv"
    words = {"data_dir": own_data, "work_dir": tmp_path / "w", "folds": folds}
    shutil.copy(own_data / "train.csv", folds)
    said = run("doctor", **words, fold="all")
    assert said.code == 0, said.err
    assert f"  wrong   {folds}: expected column fold, got 'image_id, " in said.out
    ids = pd.read_csv(own_data / "train.csv")["image_id"]
    pd.DataFrame({"image_id": ids, "fold": np.arange(len(ids)) % 4}).to_csv(folds, index=False)
    assert "and 4 fold(s)" in run("doctor", **words, fold="all").out
    said = run("doctor", **words, fold="1,7")
    assert "  wrong   fold=7: there are 4 folds, expected 0 to 3, all or none" in said.out
    assert "and 2 fold(s)" in said.out
    (own_data / "train.csv").unlink()
    assert "and 4 fold(s)" in run("doctor", **words, fold="all").out


def test_doctor_finds_nothing_enough_for_no_images(tmp_path, run):
    (tmp_path / "data").mkdir()
    said = run("doctor", data_dir=tmp_path / "data", work_dir=tmp_path / "w")
    assert said.code == 0, said.err
    assert "  test    no shards\n" in said.out
    assert "a run     has nothing to train on here: no images\n" in said.out
    assert "of 0" not in said.out
    assert "enough" not in said.out


def test_help_of_every_command(run):
    from graphemes.__main__ import COMMANDS

    listed = run("help")
    assert listed.code == 0
    for name in COMMANDS:
        assert name in listed.out
    said = run("train", "help")
    assert "epochs=" in said.out
    assert said.code == 0
    assert run("help", "train") == said
    assert run("help", "help") == listed


def test_the_door_adds_little_and_keeps_the_callers_directory(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('the wrong torch')\n")
    done = through_the_door("help", cwd=tmp_path)
    out, err = done.communicate(timeout=60)
    assert done.returncode == 0, err
    assert "bash run.sh" in out


def test_a_bug_is_reported_with_its_traceback(tmp_path):
    # A package that breaks on import is nobody's setting: exit code 1 and a traceback.
    (tmp_path / "pydantic.py").write_text("raise RuntimeError('broken')\n")
    done = subprocess.run(
        ["bash", str(Path(__file__).parents[2] / "run.sh"), "help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "GRAPHEMES_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
