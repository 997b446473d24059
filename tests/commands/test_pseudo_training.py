"""Pseudo labels: test images that were read surely join a fold's training rows, nothing else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from conftest import QUICK, TESTS, Spoken
from graphemes.evaluation.folds import fold_table, make_folds
from graphemes.evaluation.oof import read_oof
from graphemes.evaluation.probability_files import write_probabilities
from graphemes.experiments import ablation
from graphemes.experiments.ablation_process import train_folds
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Places
from graphemes.pipeline.fold_data import FoldData
from graphemes.pipeline.fold_rows import data_digests, rows_of_fold
from graphemes.pipeline.pseudo_labels import plan_pseudo
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import find_workspace
from worlds import named

# Batches that 36 rows fill.
TWELVE = {**QUICK, "trunk": "timm/test_resnet", "batch_size": 12}


pytestmark = pytest.mark.slow  # a training each


def refused(said: Spoken, *parts: str) -> None:
    assert said.code == 2, said
    assert said.err.count("\n") == 1, said.err
    for part in parts:
        assert part in said.err, said.err


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory) -> Path:
    """Probabilities of the six test images: four sure of three labels, two not of a vowel."""
    heads = []
    for head in HEADS:
        values = np.full((TESTS, head.classes), 0.02 / (head.classes - 1), np.float32)
        values[np.arange(TESTS), np.arange(TESTS) % head.classes] = 0.98
        heads.append(values)
    heads[1][4:] = 1 / 11
    path = tmp_path_factory.mktemp("pseudo") / "probabilities.parquet"
    write_probabilities(path, named(TESTS, part="Test"), PerHead(*heads), {})
    return path


def test_pseudo_labels_join_the_training_rows_and_nothing_else(work, kaggle_like, pseudo, run):
    words = {**TWELVE, "data_dir": kaggle_like, "work_dir": work, "pseudo": pseudo, "name": "p"}
    said = run(**words)
    assert said.code == 0, said.err
    assert "pseudo labels: 4 of 6 images of probabilities.parquet train too" in said.out
    assert "fold 0: 32 training and 32 validation images, plus 4 pseudo-labelled," in said.out
    fold = work / "folds" / "p" / "fold0"
    known = json.loads((fold / "run.json").read_text())
    assert (known["training_images"], known["pseudo_images"]) == (32, 4)
    assert known["image_passes"] == 36
    assert known["settings"]["pseudo"] == str(pseudo)
    assert known["settings"]["pseudo_threshold"] == 0.85
    assert len(known["identity"]["settings"]["pseudo"]) == 32  # of what is in it
    assert known["digests"].keys() == {"data", "folds", "pseudo"}
    assert len(load_file(fold / "weights.safetensors")["trained_on"]) == 36
    tests = set(pq.read_table(pseudo)["image_id"].to_pylist())
    assert not tests & set(read_oof(fold / "oof.parquet").image_ids)
    assert not tests & set(pd.read_csv(work / "folds" / "folds.csv")["image_id"])

    assert "fold 0: finished" in run(**words).out
    other = run(**words, pseudo_threshold=0.5)
    refused(other, "pseudo_threshold is 0.85, asked for 0.5")


def test_pseudo_labels_are_a_third_store_behind_synthetic_images(decoded, kaggle_like, pseudo):
    workspace = find_workspace(Places(data_dir=kaggle_like, work_dir=decoded))
    real = open_training_data(workspace)
    settings = TrainSettings(**TWELVE, pseudo=pseudo, synthetic="d", synthetic_share=0.5)
    plan = plan_pseudo(settings)
    rows = np.array([7, 3, 9, 4])  # any store will do
    third = TrainingData(real.store, plan.labels, rows)
    second = dataclasses.replace(real, rows=real.rows[:10], labels=real.labels[:10])
    data = dataclasses.replace(real, synthetic=second, pseudo=third)
    table = fold_table(workspace.labels, make_folds(workspace.labels, 3, 0))
    found = rows_of_fold(data, table, "0", settings, 0)
    stores = len(real.store.ids)
    assert found.pseudo.tolist() == [2 * stores + row for row in rows]
    assert (found.synthetic // stores == 1).all()
    assert (found.validated < stores).all()
    pictures = FoldData(settings, data, found, (0, 0), torch.device("cpu"))
    trained = HEADS.map(lambda head: real.by_row[HEADS.index(head)][found.trained])
    for head, own, given in zip(HEADS, trained, pictures.class_counts(synthetic=0), strict=True):
        every = np.concatenate([own, plan.labels[head.column]])
        assert given.tolist() == pytest.approx(np.bincount(every, minlength=head.classes).tolist())
    mixed = pictures.class_counts(synthetic=0.5)
    drawn = np.bincount(second.labels["vowel_diacritic"], minlength=11)
    every = np.concatenate([trained.vowel, plan.labels["vowel_diacritic"]])
    shares = np.bincount(every, minlength=11) / 36 + drawn / 10
    assert mixed.vowel == pytest.approx((36 + 10) * shares / 2)
    loaded = pictures.training()
    assert loaded.images == 36
    joined = loaded.loader.dataset
    for key, row, label in zip(found.pseudo, rows, plan.labels["grapheme_root"], strict=True):
        sample = joined[0, int(key)]
        assert sample.labels.root == label
        assert sample.ink.shape == (1, 32, 32)
        assert joined.parts[2].pixels[row].sum() == real.store.pixels[row].sum()
    assert data_digests(data, table).keys() == {"data", "folds", "synthetic", "pseudo"}


def test_an_ablation_trains_on_them_and_knows_it_did(work, kaggle_like, pseudo, run, monkeypatch):
    monkeypatch.setattr(ablation, "train_apart", train_folds)
    words = {**TWELVE, "data_dir": kaggle_like, "work_dir": work, "pseudo": pseudo, "tta": "none"}
    del words["epochs"]
    for before in (0, 1):
        said = run("ablate", **words, passes=24)
        assert said.code == 0, said.err
        assert f"ablate: 1 run, {before} of them finished before" in said.out
    record = json.loads((work / "folds/ablate-baseline-0/fold0/run.json").read_text())
    assert (record["settings"]["limit"], record["image_passes"]) == (20, 24)
    assert "pseudo" in record["digests"]
    refused(
        run("ablate", **words, passes=7, name="few"),
        "passes=7: 4 pseudo-labelled images in each epoch leave 3 of train.csv to train on and to",
        "expected 8 or more; give so many, or a higher pseudo_threshold",
    )
    assert not (work / "folds" / "few").exists()


def test_bad_pseudo_labels_are_refused_before_anything_is_made(kaggle_like, pseudo, run, tmp_path):
    words = {**TWELVE, "data_dir": kaggle_like, "work_dir": tmp_path / "w"}
    table = pq.read_table(pseudo)
    bad = tmp_path / "bad.parquet"
    refused(run(**words, pseudo=tmp_path / "gone"), "no such file; expected the probabilities")
    bad.write_text("text")
    refused(run(**words, pseudo=bad), "can't be read as Parquet")
    pq.write_table(table.drop_columns([HEADS.vowel.probability_column]), bad)
    refused(run(**words, pseudo=bad), f"expected column probability_{COLUMNS[1]}")
    twice = table.set_column(0, "image_id", [["Test_0"] * TESTS])
    pq.write_table(twice, bad)
    refused(run(**words, pseudo=bad), "expected each image_id once, got twice 1: 'Test_0'")
    pq.write_table(table.set_column(0, "image_id", [[f"x{n}" for n in range(TESTS)]]), bad)
    refused(run(**words, pseudo=bad), "4 of its images are in no test shard of", "first 'x0'")
    refused(
        run(**words, pseudo=pseudo, pseudo_threshold=0.99),
        "of 6 images none has three labels of probability 0.99 or more, the surest 0.98",
    )
    assert not (tmp_path / "w" / "folds").exists()
    assert not list((tmp_path / "w").rglob("*.npy"))
