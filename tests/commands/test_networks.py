"""Networks through the commands: trained, kept, rebuilt from the weights file, listed, measured."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from conftest import train_quickly
from graphemes.experiments import degradation_networks as degradation
from graphemes.experiments.paper_table import PAPER, paper_counts
from graphemes.foundation.errors import Stopped
from graphemes.foundation.heads import HEADS
from graphemes.network.resnet import TABLE
from graphemes.network.timm_library import timm_library
from graphemes.network.trunks import TRUNKS
from graphemes.network.weights import load_weights
from graphemes.training import keeping

EVERYTHING = {
    "trunk": "resnet18",
    "shortcut": "pad",
    "stem": "deep",
    "stem_pool": "false",
    "attention": "scse",
    "pool": "gem",
    "neck": 32,
    "dropout": 0.1,
    "grapheme_head": "true",
}


@pytest.fixture(scope="module")
def trained(kaggle_like, decoded, tmp_path_factory) -> Path:
    """A work directory with a fold of a network that has every option changed."""
    work = Path(shutil.copytree(decoded, tmp_path_factory.mktemp("everything") / "work"))
    return train_quickly(work, **EVERYTHING, data_dir=kaggle_like)


def test_options_are_in_run_record_and_weights(trained):
    fold = trained / "folds" / "fold0"
    settings = json.loads((fold / "run.json").read_text())["settings"]
    network, record = load_weights(fold / "weights.safetensors")
    for key, value in EVERYTHING.items():
        wanted = json.loads(value) if value in ("true", "false") else value
        assert settings[key] == record.settings[key] == wanted
    assert network.graphemes is not None


def test_the_weights_file_alone_predicts_the_same(trained, kaggle_like, tmp_path, run):
    alone = shutil.copy(trained / "folds" / "fold0" / "weights.safetensors", tmp_path / "x.st")
    said = run("predict", weights=alone, data_dir=kaggle_like, work_dir=tmp_path)
    assert said.code == 0, said.err
    places = [trained / "submissions", tmp_path / "submissions"]
    first, second = (pd.read_csv(place / "submission.csv") for place in places)
    pd.testing.assert_frame_equal(first, second)
    tables = [pq.read_table(place / "probabilities.parquet").to_pydict() for place in places]
    for head in HEADS:
        values = [np.array(table[head.probability_column]) for table in tables]
        np.testing.assert_allclose(*values, atol=1e-6)


def test_the_pool_of_graphemes_can_be_another(trained, kaggle_like, tmp_path, run):
    weights = trained / "folds" / "fold0" / "weights.safetensors"
    words = {"weights": weights, "data_dir": kaggle_like}
    found = {}
    for pool, work in (("mean", trained), ("sum", tmp_path / "sum"), ("none", tmp_path / "none")):
        said = run("predict", **words, work_dir=work, grapheme_pool=pool)
        assert said.code == 0, said.err
        assert said.out.rstrip().endswith("kept") == (pool == "mean")  # it was trained with that
        table = pq.read_table(work / "submissions" / "probabilities.parquet").to_pydict()
        found[pool] = np.array(table[HEADS.root.probability_column])
        np.testing.assert_allclose(found[pool].sum(1), 1, atol=1e-4)
    said = run("predict", **words, work_dir=tmp_path / "sum")
    assert said.code == 2
    assert "made from other settings; overwrite=true replaces it" in said.err
    assert np.abs(found["mean"] - found["sum"]).max() > 1e-6
    assert np.abs(found["none"] - found["sum"]).max() > 1e-6
    said = run(
        "score", weights=weights, data_dir=kaggle_like, work_dir=tmp_path, grapheme_pool="sum"
    )
    assert said.code == 0, said.err
    assert "score" in said.out


def test_a_pool_without_a_grapheme_head_is_refused(untested, work, train, run):
    train(data_dir=untested, work_dir=work, trunk="resnet18")
    weights = work / "folds" / "fold0" / "weights.safetensors"
    said = run("score", weights=weights, data_dir=untested, work_dir=work, grapheme_pool="none")
    assert said.code == 0, said.err  # none is what it has
    said = run("score", weights=weights, data_dir=untested, work_dir=work, grapheme_pool="sum")
    assert said.code == 2
    assert said.err == (
        f"graphemes: grapheme_pool=sum: {weights} has no grapheme head; leave it out\n"
    )
    said = run("score", work_dir=work, grapheme_pool="sum")
    assert said.code == 2
    assert "tables hold probabilities that are pooled already" in said.err


def test_another_network_is_another_run(trained, kaggle_like, train):
    said = train(**{**EVERYTHING, "stem": "3x3"}, data_dir=kaggle_like, work_dir=trained)
    assert said.code == 2
    assert "stem is deep, asked for 3x3" in said.err
    kept = train(**EVERYTHING, data_dir=kaggle_like, work_dir=trained)
    assert kept.code == 0, kept.err
    assert "kept" in kept.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"trunk": "resnet43"}, "trunk=resnet43: neither one of ours nor timm/NAME; did you mean"),
        ({"trunk": "timm/vit_tinny"}, "has no such model among its"),
        ({"trunk": "timm/"}, "setting 'trunk': got 'timm/', expected one of our own that"),
        ({"trunk": "timm/resnet18", "shortcut": "pad"}, "shortcut=pad: trunk=timm/resnet18 has no"),
        ({"trunk": "timm/densenet121", "image_size": 16}, "image_size=16x16: trunk=timm/dens"),
        ({"trunk": "resnet18", "pretrained": "true"}, "pretrained=true: trunk=resnet18 has no wei"),
        (
            {"trunk": "resnet18", "attention": "all"},
            "setting 'attention': got 'all', expected no",
        ),
        ({"trunk": "resnet18", "init": "gone.safetensors"}, "no such weights file"),
        (
            {"trunk": "resnet18", "grapheme_pool": "sum"},
            "grapheme_pool=sum: there is no grapheme head to pool; leave it out, or give",
        ),
        (
            {"trunk": "resnet18", "grapheme_weight": 1},
            "grapheme_weight=1: there is no grapheme head to weigh; leave it out, or give",
        ),
        (
            {"trunk": "timm/hrnet_w18_small", "image_size": 64, "checkpointing": "true"},
            "checkpointing=true: HighResolutionNet has no such thing",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(untested, tmp_path, train, words, said):
    result = train(data_dir=untested, work_dir=tmp_path / "work", **words)
    assert result.code == 2
    assert said in result.err
    assert result.err.startswith("graphemes: ")
    assert result.err.count("\n") == 1
    assert not list((tmp_path / "work").rglob("*.npy"))


def test_checkpointing_changes_no_weights(untested, work, train):
    for checkpointing in ("true", "false"):
        said = train(
            data_dir=untested, work_dir=work, name=checkpointing, checkpointing=checkpointing
        )
        assert said.code == 0, said.err
    plain, again = (
        load_weights(work / "folds" / one / "fold0" / "weights.safetensors")[0].state_dict()
        for one in ("false", "true")
    )
    for name, tensor in plain.items():
        torch.testing.assert_close(again[name], tensor, msg=name)


def test_a_training_begins_with_a_file_of_timms_for_our_resnet(untested, work, tmp_path, train):
    path = tmp_path / "resnet18.pth"
    torch.save(timm_library().create_model("resnet18").state_dict(), path)
    words = {"data_dir": untested, "work_dir": work, "trunk": "resnet18", "init": path}
    said = train(**words)
    assert said.code == 0, said.err
    network, _ = load_weights(work / "folds" / "fold0" / "weights.safetensors")
    assert network.trunk.width == 512
    said = train(**words)
    assert said.code == 0, said.err
    assert "kept" in said.out
    said = train(**{**words, "trunk": "resnet34", "name": "other"})
    assert said.code == 2
    assert "its tensors are a resnet18's, expected a resnet34's" in said.err


def test_a_finished_fold_outlives_weights_that_cannot_begin_another(
    untested, work, tmp_path, train
):
    words = {"data_dir": untested, "work_dir": work, "trunk": "resnet18"}
    assert train(**words).code == 0
    fold = work / "folds" / "fold0"
    before = {path.name: path.read_bytes() for path in fold.iterdir() if path.is_file()}
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"nothing")
    said = train(**words, init=torn, overwrite="true")
    assert said.code == 2
    assert "not a whole safetensors file" in said.err
    assert {path.name: path.read_bytes() for path in fold.iterdir() if path.is_file()} == before


@pytest.mark.slow  # that a run goes on is tested in test_story, whole numbers in test_optimisation
def test_a_trunk_of_timm_goes_on_where_it_was_stopped(untested, work, train, monkeypatch):
    """Its whole numbers too: this one looks its positions up by them."""
    trunk = "timm/efficientformerv2_s0"
    words = {"data_dir": untested, "work_dir": work, "trunk": trunk, "epochs": 2}
    assert train(**words, name="whole").code == 0
    save = keeping.save_checkpoint

    def stop(*given):
        save(*given)
        raise Stopped("stopped")

    monkeypatch.setattr(keeping, "save_checkpoint", stop)
    assert train(**words, name="halves").code == 0
    monkeypatch.undo()
    said = train(**words, name="halves")
    assert said.code == 0, said.err
    assert "resumed after epoch 1 of 2" in said.out
    first, second = (
        load_weights(work / "folds" / name / "fold0" / "weights.safetensors")[0].state_dict()
        for name in ("whole", "halves")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trunk", "shortcut"),
    [
        ("article", "project"),
        *((trunk, kind) for trunk in TABLE for kind in ("project", "pad", "none")),
        *(
            (f"timm/{name}", "project")
            for name in (
                "efficientnet_b0",
                "tf_efficientnetv2_s",
                "seresnext50_32x4d",
                "resnetv2_50",
                "densenet121",
                "convnext_tiny",
                "regnety_008",
                "mobilenetv3_large_100",
                "hrnet_w18_small",
                "vit_tiny_patch16_224",
                "swin_tiny_patch4_window7_224",
                "efficientformerv2_s0",
            )
        ),
    ],
)
def test_each_network_to_a_submission(kaggle_like, work, train, trunk, shortcut):
    side = 224 if trunk == "timm/vit_tiny_patch16_224" else 64
    words = {"trunk": trunk, "shortcut": shortcut, "image_size": side}
    said = train(data_dir=kaggle_like, work_dir=work, **words)
    assert said.code == 0, said.err
    submission = pd.read_csv(work / "submissions" / "submission.csv")
    sample = pd.read_csv(kaggle_like / "sample_submission.csv")
    assert submission["row_id"].tolist() == sample["row_id"].tolist()


def test_networks_are_listed_with_what_they_cost_and_reached(trained, run):
    said = run("networks", work_dir=trained, repeats=0, image_size=32)
    assert said.code == 0, said.err
    ours, _, theirs = said.out.partition("He et al. 2015, table 1")
    assert all(name in theirs for name in PAPER)
    lines = {line.split()[0]: line for line in ours.splitlines() if line}
    assert set(TRUNKS) <= set(lines)
    assert "21.374 M" in lines["resnet34"]
    assert lines["resnet34"].endswith("-              -  -")  # no speeds asked for, no score known
    said = run(
        "networks", trunk="resnet34", work_dir=trained, repeats=1, batch_size=2, image_size=32
    )
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1].count("/s") == 2


def test_a_network_with_options_finds_its_score(trained, run):
    options = {**EVERYTHING, "dropout": 0}  # as it is while it isn't trained
    said = run("networks", **options, work_dir=trained, repeats=0, image_size=32)
    assert said.code == 0, said.err
    best = json.loads((trained / "folds" / "fold0" / "run.json").read_text())["best_score"]
    assert said.out.splitlines()[-1].endswith(f"{best:.3f} (fold0, 32x32)")
    assert "/s" not in said.out  # no speeds were asked for


def test_trunks_that_do_not_support_an_option_are_left_out(tmp_path, run):
    words = {"work_dir": tmp_path, "repeats": 0, "image_size": 64, "drop_path": 0.1}
    said = run("networks", **words, widths="8,16,24,32")
    assert said.code == 0, said.err
    assert "resnet34" in said.out
    assert "article" not in said.out
    said = run("networks", **words, trunk="timm/regnety_008")
    assert said.code == 0, said.err


def test_networks_of_timm_are_listed_too(tmp_path, run):
    said = run(
        "networks",
        trunk="timm/mobilenetv3_large_100,resnet18",
        work_dir=tmp_path,
        repeats=0,
        image_size=64,
    )
    assert said.code == 0, said.err
    assert "timm/mobilenetv3_large_100" in said.out
    assert "He et al." not in said.out
    said = run("networks", trunk="resnet18,timm/qqqq", work_dir=tmp_path)
    assert said.code == 2
    assert "resnet18 " not in said.out  # told before any is measured


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_table_is_explained(name):
    """Zeros for shortcuts, a bottleneck's stride on its first 1x1: then rounding or cutting."""
    here, theirs = paper_counts(name)
    assert theirs < here
    cut = int(theirs * 10) / 10
    assert PAPER[name] in (pytest.approx(round(theirs, 1)), pytest.approx(cut))


def test_degradation_is_measured_drawn_and_kept(untested, work, run, monkeypatch):
    assert list(degradation.DEPTHS) == [18, 34, 66]
    for layers in degradation.DEPTHS:  # fewer than their names say: quicker
        monkeypatch.setitem(degradation.DEPTHS, layers, (1, 1, 1, 1))
    words = {
        "what": "degradation",
        "data_dir": untested,
        "work_dir": work,
        "images": 32,
        "epochs": 2,
        "seeds": 1,
        "image_size": 16,
    }
    said = run("bench", **words)
    assert said.code == 0, said.err
    place = work / "data" / "degradation"
    kept = json.loads((place / "errors.json").read_text())["errors"]
    assert len(kept) == 6
    assert all(
        len(errors) == 2 and 0 <= min(errors) <= max(errors) <= 1 for errors in kept.values()
    )
    assert (place / "degradation.png").read_bytes()[:4] == b"\x89PNG"
    for kind in ("plain", "residual"):
        for layers in (18, 34, 66):
            assert f"{kind:<9}{layers:>3} layers: " in said.out
    said = json.loads((place / "errors.json").read_text())
    said["errors"]["plain 34 0"] = [0.5, 0.125]
    del said["errors"]["residual 66 0"]
    (place / "errors.json").write_text(json.dumps(said))
    again = run("bench", **words)  # what is there is kept, what is missing is measured
    assert "plain 34 0: training error 0.125" in again.out
    found = json.loads((place / "errors.json").read_text())["errors"]
    assert found == {**kept, "plain 34 0": [0.5, 0.125]}
    (place / "errors.json").write_text('{"asked": 3}')  # damaged: measured again
    assert run("bench", **words).code == 0
    assert json.loads((place / "errors.json").read_text())["errors"] == kept
    said = run("bench", **{**words, "images": 100_000})
    assert said.code == 2
    assert "give images=" in said.err
