"""export: finished folds in other programs' forms, whole or not at all."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from graphemes.foundation.classes import SPELLINGS
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.settings.groups import Learning, Places
from graphemes.foundation.settings.types import ImageSize
from graphemes.foundation.versions import versions
from graphemes.images.transforms import make_transform
from graphemes.inference.onnx_graphs import Session
from graphemes.network.model import build_network
from graphemes.network.weights import WeightsRecord, load_weights, save_weights, trained_on
from graphemes.pipeline.export_checks import Comparison, made_images, pictures
from graphemes.pipeline.export_texts import check_lines
from graphemes.pipeline.trained_networks import find_weights
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace

SIZE = ImageSize(32, 32)
LEARNING = Learning(trunk="timm/test_resnet", image_size=SIZE)
IMAGES = 24  # that exports are checked on here


@pytest.fixture(scope="module")
def finished(decoded, kaggle_like, tmp_path_factory) -> Path:
    """A work directory with two finished folds of fresh networks, and a third that is begun."""
    work = Path(shutil.copytree(decoded, tmp_path_factory.mktemp("exports") / "work"))
    data = open_training_data(find_workspace(Places(data_dir=kaggle_like, work_dir=work)))
    digests = {"data": data.store.digest, "folds": "f"}
    identity = {"settings": {}, "digests": digests, "classes": [168, 11, 7], "demo": False}
    for fold in (0, 1):
        place = FoldPaths(work / "folds" / f"fold{fold}")
        record = WeightsRecord(
            settings=LEARNING.model_dump(mode="json"),
            fold=str(fold),
            epoch=3,
            score=0.25 + fold / 8,
            digests=digests,
            versions=versions(),
            demo=False,
            classes=[head.classes for head in HEADS],
        )
        network = build_network(LEARNING, SIZE, fold)
        half = data.store.fingerprints[fold::2]
        save_weights(place.weights, network.state_dict(), record, half)
        known = {"best_score": 0.25 + fold / 8, "training_images": len(half), "commit": "abc"}
        write_json(place.run, {"identity": identity, **known})
    begun = FoldPaths(work / "folds" / "fold2")
    begun.state.mkdir(parents=True)
    begun.checkpoint.write_bytes(b"")
    return work


@pytest.fixture
def export(run, finished, kaggle_like, tmp_path):
    """One export into a folder of the test's own, with any setting changed."""

    def call(**settings: object):
        places = {"data_dir": kaggle_like, "work_dir": finished, "out": tmp_path / "out"}
        return run("export", **{**places, "images": IMAGES, **settings})

    return call


def record(out: Path) -> dict:
    return json.loads((out / "export.json").read_text(encoding="utf-8"))


def nothing_left(out: Path) -> bool:
    return [
        path.name for path in out.parent.iterdir() if path.name.startswith((".out", "out"))
    ] == []


def test_one_graph_of_all_finished_folds(export, tmp_path, finished):
    said = export(format="onnx")
    assert said.code == 0, said.err
    assert "fold2: this fold isn't finished: left out" in said.out
    assert f"{IMAGES} of {IMAGES} images have the same three labels" in said.out
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"graphemes.onnx", "export.json"}
    kept = record(out)
    assert kept["check"]["same_labels"] == kept["check"]["images"] == IMAGES
    assert kept["check"]["largest_difference"] < 1e-5
    assert kept["check"]["score"] == kept["check"]["torch_score"]
    assert next(iter(kept["images_per_second"])) == "torch, fp32"
    assert [one["fold"] for one in kept["about"]["networks"]] == ["0", "1"]
    assert [one["commit"] for one in kept["about"]["networks"]] == ["abc", "abc"]

    import onnxruntime

    session = onnxruntime.InferenceSession(out / "graphemes.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["graphemes"])
    assert about["heads"]["root"]["spellings"] == SPELLINGS.root
    assert about["digests"] == kept["about"]["digests"]
    assert about["opset"] == 18

    again = export(format="onnx")
    assert again.code == 0
    assert "of these weights in this form: kept" in again.out
    other = export(format="weights", fold=0)
    assert other.code == 2
    assert "is an export of another format and weights; overwrite=true" in other.err
    assert record(out) == kept
    replaced = export(format="weights", fold=0, overwrite="true")
    assert replaced.code == 0, replaced.err
    assert {path.name for path in out.iterdir()} == {"weights.safetensors", "export.json"}


def test_a_graph_reads_scans(export, tmp_path, finished):
    said = export(format="onnx", preprocess="true", fold=0)
    assert said.code == 0, said.err
    kept = record(tmp_path / "out")
    assert "onnx, fp32, scans" in kept["images_per_second"]
    assert kept["about"]["input"]["dtype"] == "uint8"
    assert "Differs from" in kept["about"]["input"]["meaning"]
    assert kept["check"]["same_labels"] == IMAGES
    assert kept["check"]["largest_difference"] < 0.01
    session = Session(tmp_path / "out" / "graphemes.onnx")
    assert session.reads_scans
    network, _ = load_weights(FoldPaths(finished / "folds" / "fold0").weights)
    scans = made_images(5).scans
    ink = pictures(scans, make_transform(SIZE, "ink"))
    with torch.inference_mode():
        wanted = network(torch.from_numpy(ink)).probabilities()
    for count in (1, 5):
        for mine, theirs in zip(session(scans[:count]), wanted, strict=True):
            np.testing.assert_allclose(mine, theirs[:count].numpy(), atol=1e-3)


def test_int8_is_calibrated_on_training_images(export, tmp_path):
    said = export(format="onnx", dtype="int8", fold=0)
    assert said.code == 0, said.err
    # Half of the 200 images were trained on; the check takes 24 of the others.
    assert "24 of 24 outside the training rows" in said.out
    assert "calibrating on 100 images" in said.out
    assert 0 < record(tmp_path / "out")["check"]["largest_difference"] < 0.1


def test_a_torch_program_needs_torch_alone(export, tmp_path):
    said = export(format="torch_export", fold="0,1")
    assert said.code == 0, said.err
    inside = {"graphemes.json": ""}
    module = torch.export.load(tmp_path / "out" / "graphemes.pt2", extra_files=inside).module()
    assert [tuple(head.shape) for head in module(torch.zeros(1, 1, *SIZE))] == [
        (1, 168),
        (1, 11),
        (1, 7),
    ]
    assert json.loads(inside["graphemes.json"])["crop"] == "ink"
    assert record(tmp_path / "out")["check"]["same_labels"] == IMAGES


def test_a_hubs_folder_is_read_by_us_and_by_timm(export, tmp_path, finished):
    from graphemes.network.timm_library import timm_library

    said = export(format="hub")
    assert said.code == 0, said.err
    out = tmp_path / "out"
    found = find_weights([out])
    assert found == [out / f"fold{fold}" / "model.safetensors" for fold in (0, 1)]
    for fold, path in enumerate(found):
        original = FoldPaths(finished / "folds" / f"fold{fold}").weights
        network, about = load_weights(path)
        first, known = load_weights(original)
        assert about == known
        mine, theirs = network.state_dict(), first.state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
        assert np.array_equal(trained_on(path), trained_on(original))
        trunk = timm_library().create_model(f"local-dir:{path.parent / 'timm'}", pretrained=True)
        ink = torch.rand(2, 1, *SIZE)
        with torch.inference_mode():
            assert torch.equal(trunk.eval()(ink), first.trunk(ink))
    card = (out / "README.md").read_text(encoding="utf-8")
    _, header, body = card.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in header.splitlines())
    assert json.loads(fields["license"]) == "mit"
    values = json.loads(fields["model-index"])[0]["results"][0]["metrics"]
    assert [one["value"] for one in values] == [0.25, 0.375]
    assert "| `fold1/model.safetensors` | 1 | 3 | 100 | 0.3750 |" in body
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert config["weights"] == ["fold0/model.safetensors", "fold1/model.safetensors"]


def test_half_weights_are_half_the_file_and_read_as_before(export, tmp_path, finished):
    said = export(format="weights", dtype="fp16", fold=1)
    assert said.code == 0, said.err
    path = tmp_path / "out" / "weights.safetensors"
    original = FoldPaths(finished / "folds" / "fold1").weights
    whole, small = (
        sum(t.nbytes for t in load_file(one).values() if t.ndim > 1) for one in (original, path)
    )
    assert small == whole / 2
    network, about = load_weights(path)
    assert about == load_weights(original)[1]
    assert all(one.dtype == torch.float32 for one in network.parameters())
    check = record(tmp_path / "out")["check"]
    assert 0 < check["largest_difference"] < 0.01
    assert f"{check['same_labels']} of {IMAGES} images have the same three labels" in said.out
    assert find_weights([tmp_path / "out"]) == [path]


def test_without_data_made_images_are_read(export, tmp_path):
    (tmp_path / "empty").mkdir()
    said = export(format="hub", dtype="fp16", fold=0, data_dir=tmp_path / "empty")
    assert said.code == 0, said.err
    assert "so it is checked on made images" in said.out
    assert record(tmp_path / "out")["check"]["torch_score"] is None


REFUSED = {
    "an unfinished fold": (
        {"fold": 2},
        "fold2: this fold isn't finished, expected its weights and run.json",
    ),
    "a fold that isn't there": ({"fold": "0,4"}, "fold4: this fold wasn't trained"),
    "all folds, one unfinished": ({"fold": "all"}, "finish it first: bash run.sh fold=2"),
    "a run that isn't there": ({"name": "gone"}, "no finished fold"),
    "weights of another kind": ({"weights": __file__}, "not a whole safetensors file"),
    "weights and a fold": ({"weights": "x", "fold": 0}, "two ways to name networks"),
    "int8 of weights": ({"format": "hub", "dtype": "int8"}, "dtype=int8 needs format=onnx"),
    "scans into weights": ({"format": "weights", "preprocess": "true"}, "holds weights, no graph"),
    "a form there isn't": (
        {"format": "tflite"},
        "torch_export, hub, weights or page",
    ),
    "int8 without images": (
        {"dtype": "int8", "data_dir": Path(__file__).parent},
        "no train_image_data_",
    ),
    "a program in int8": ({"format": "torch_export", "dtype": "int8"}, "holds fp32"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_exported_is_one_sentence(what, export, tmp_path):
    words, sentence = REFUSED[what]
    said = export(**words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert sentence in said.err
    assert nothing_left(tmp_path / "out")


@pytest.mark.parametrize("overwrite", ["true", "false"])
def test_somebodys_folder_is_never_replaced(export, tmp_path, overwrite):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letters.txt").write_text("dear")
    said = export(format="weights", fold=0, overwrite=overwrite)
    assert said.code == 2
    assert "holds 'letters.txt' and no export.json of ours" in said.err
    (out / "export.json").write_text('{"to": "somebody"}')
    assert export(format="weights", fold=0, overwrite=overwrite).code == 2
    assert (out / "letters.txt").read_text() == "dear"


def test_a_file_is_no_folder(export, tmp_path):
    (tmp_path / "out").write_text("dear")
    said = export(format="weights", fold=0, overwrite="true")
    assert said.code == 2
    assert "is a file, expected a folder" in said.err


def test_a_disk_that_is_too_small_is_said_before_any_work(export, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    said = export(format="weights", fold=0)
    assert said.code == 2
    assert "this export needs 0." in said.err
    assert "0.00 GB are free; make room or choose another out" in said.err
    assert nothing_left(tmp_path / "out")


def test_a_missing_package_is_named_before_any_work(export, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    said = export(format="onnx")
    assert said.code == 2
    assert "onnxscript isn't installed; pip install onnx onnxruntime onnxscript" in said.err
    assert nothing_left(tmp_path / "out")
    assert export(format="hub", fold=0).code == 0, "which needs none of them"


def test_what_fails_on_the_way_leaves_what_was_there(export, tmp_path, finished):
    assert export(format="hub", fold=0).code == 0
    before = record(tmp_path / "out")
    spoilt = tmp_path / "spoilt.safetensors"
    network, about = load_weights(FoldPaths(finished / "folds" / "fold0").weights)
    with torch.no_grad():
        network.heads["vowel"].weight[0, 0] = 1e6
    save_weights(spoilt, network.state_dict(), about, np.array([1]))
    said = export(format="weights", weights=spoilt, dtype="fp16", overwrite="true")
    assert said.code == 2
    assert "'heads.vowel.weight' goes up to 1e+06" in said.err
    assert record(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(("score", "said"), [(0.9016, "gain 0.0016"), (0.898, "loss 0.0020")])
def test_a_better_score_is_no_loss(score, said):
    lines = check_lines("the validation fold", Comparison(24, 24, 0.01, 0.9, score), {})
    assert lines[-1].endswith(f"torch's 0.9000: {said}")
