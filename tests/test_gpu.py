"""What a machine with a CUDA device must show: `bash run.sh test -m gpu`. Elsewhere: skipped.

The same things are tested on a CPU room by room; here is what only a GPU does otherwise.
"""

import json
import shutil

import numpy as np
import pytest
import torch

from graphemes.foundation.heads import HEADS
from graphemes.foundation.seeds import stream
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.augmentation import Augmentation
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.device_pictures import DevicePictures, placed_scan
from graphemes.images.ink import frames_of
from graphemes.images.sampling import Batches
from graphemes.images.transforms import make_transform
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine, fast_precision
from graphemes.network.model import build_network
from graphemes.network.weights import load_weights
from graphemes.pipeline.export_checks import made_images
from graphemes.training.batch_room import fitting_batch
from graphemes.training.epoch import make_learner
from graphemes.training.mixing import KINDS

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
EPOCHS = 4
PRECISIONS = ["fp32", "bf16", "fp16"]


@pytest.fixture
def learn(untested, work, train):
    """learn(precision=...): a quick training on the GPU; its output, its fold's directory."""

    def call(**settings):
        asked = {"data_dir": untested, "work_dir": work, "device": DEVICE, "epochs": EPOCHS}
        said = train(**{**asked, "limit": 128, **settings})
        assert said.code == 0, said.err
        return said, work / "folds" / "fold0"

    return call


def losses(fold) -> list[float]:
    return [json.loads(line)["loss"] for line in (fold / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_fold_learns_and_its_weights_load_on_a_cpu(precision, learn):
    _, fold = learn(precision=precision)
    found = losses(fold)
    assert np.isfinite(found).all()
    assert found[-1] < found[0]
    assert json.loads((fold / "run.json").read_text())["device"].endswith(precision)
    network, _ = load_weights(fold / "weights.safetensors")
    for tensor in network.state_dict().values():
        assert tensor.device.type == "cpu"
        assert torch.isfinite(tensor.float()).all()


@pytest.mark.parametrize("augment", ["cpu", "device"])
def test_a_deterministic_training_gives_the_same_bits(augment, learn):
    found = []
    for _ in range(2):
        words = {"mix": "any", "grapheme_head": "true", "augment": augment}
        _, fold = learn(deterministic="true", **words)
        found.append(load_weights(fold / "weights.safetensors")[0].state_dict())
        shutil.rmtree(fold)  # or the second run keeps it
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_training_that_ran_out_of_time_goes_on(precision, learn):
    learn(precision=precision, epochs=1000, limit=32, time_limit="15s")
    said, fold = learn(precision=precision, epochs=1000, limit=32, time_limit="1s", resume="true")
    assert "resumed after epoch" in said.out
    assert np.isfinite(losses(fold)).all()


def test_the_precision_that_auto_takes_is_one_of_its_hardware():
    assert fast_precision(torch.device(DEVICE)) in {"bf16", "fp16"}


def test_a_batch_is_found_that_the_memory_has_room_for():
    settings = Learning(trunk="resnet18", image_size="128", optimiser="adamw")
    network = build_network(settings, ImageSize(128, 128), 0)
    whole = torch.cuda.get_device_properties(DEVICE).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2e9 / whole), DEVICE)
    try:
        learner = make_learner(network, settings, Engine(torch.device(DEVICE), "fp32"), steps=9)
        found = fitting_batch(learner, ImageSize(128, 128), 16_384)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, DEVICE)
        torch.cuda.empty_cache()
    assert found in {32, 64, 128, 256, 512}


def test_probabilities_are_those_of_a_cpu():
    network = build_network(Learning(trunk="resnet18", image_size="64"), ImageSize(64, 64), 0)
    random = torch.Generator().manual_seed(0)
    batches = [(torch.rand(8, 1, 64, 64, generator=random), None) for _ in range(3)]
    found = []
    for device in ("cpu", DEVICE):
        engine = Engine(torch.device(device), "fp32")
        moved = network.to(engine.device)
        found.append(probabilities([moved], batches, engine, lambda count: None))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_pinned_and_the_pictures_are_the_same(workers):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 137, 236), np.uint8)
    scans = StoreDataset(pixels, frames_of(pixels), make_transform(ImageSize(32, 32), "ink"))
    rows = np.arange(20)
    pinned = [*loader(scans, Batches(rows, 8), workers, torch.device(DEVICE))]
    plain = [*loader(scans, Batches(rows, 8), 0, torch.device("cpu"))]
    for (one, _), (other, _) in zip(pinned, plain, strict=True):
        assert one.is_pinned()
        assert torch.equal(one, other)


def test_pictures_drawn_on_the_device_are_those_drawn_on_a_cpu():
    compose = make_transform(ImageSize(64, 64), "ink", Augmentation(0.06, 0.15, 10, 10))
    made = made_images(24).scans
    scans = StoreDataset(made, frames_of(made), compose, None, (3, 0), draw=placed_scan)
    drawn = []
    for device in (torch.device(DEVICE), torch.device("cpu")):
        batches = loader(scans, Batches(np.arange(24), 24, (3, 0)), 0, device)
        ((ink, _),) = DevicePictures(batches, ImageSize(64, 64), device)
        assert ink.device.type == device.type
        drawn.append(ink.cpu())
    assert (drawn[0] - drawn[1]).abs().max() < 1e-2
    assert (drawn[0] - drawn[1]).abs().mean() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_mixed_as_on_a_cpu(kind):
    random = torch.Generator().manual_seed(0)
    ink = torch.rand(16, 1, 32, 48, generator=random)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (16,), generator=random))
    mixed, soft = KINDS[kind](ink, labels, stream(0), 1.0)
    moved = labels.map(lambda column: column.to(DEVICE))
    there, their_soft = KINDS[kind](ink.to(DEVICE), moved, stream(0), 1.0)
    assert there.device.type == their_soft.share.device.type == DEVICE
    # Where two pixels of Fourier noise are as high, either may come first.
    assert ((there.cpu() - mixed).abs() > 1e-5).float().mean() < 1e-3
    torch.testing.assert_close(their_soft.share.cpu(), soft.share)
    assert torch.equal(their_soft.partner.vowel.cpu(), soft.partner.vowel)


def test_a_fold_learns_from_mixed_batches_and_its_hardest(learn):
    words = {"mix": "any", "loss": "adjusted", "smoothing": 0.1, "hard_examples": 0.7}
    _, fold = learn(precision="fp16", **words, grapheme_head="true", epochs=2 * EPOCHS)
    found = losses(fold)
    assert np.isfinite(found).all()
    assert found[-1] < found[0]  # of the hardest, even, where at first it was of all


def test_a_fold_learns_from_pictures_drawn_on_the_device(learn):
    _, fold = learn(augment="device", workers=2)
    found = losses(fold)
    assert np.isfinite(found).all()
    assert found[-1] < found[0]


def test_predict_writes_the_same_submission_as_a_cpu(kaggle_like, learn, work, run):
    learn(precision="fp32")
    texts = []
    for device in (DEVICE, "cpu"):
        words = {"data_dir": kaggle_like, "work_dir": work, "device": device}
        said = run(
            "predict",
            **words,
            precision="fp32",
            submission=work / f"{device}.csv",
            workers=0,
        )
        assert said.code == 0, said.err
        texts.append((work / f"{device}.csv").read_text())
    different = sum(one != other for one, other in zip(*map(str.splitlines, texts), strict=True))
    assert different <= 1  # where two classes are as likely


TINY_BENCH = {"device": DEVICE, "trunk": "resnet18", "batch_size": 16, "image_size": 32}


def test_bench_measures_both_narrow_precisions(untested, work, run):
    said = run("bench", data_dir=untested, work_dir=work, what="step", repeats=2, **TINY_BENCH)
    assert said.code == 0, said.err
    report = json.loads((work / "data" / "bench" / "bench.json").read_text())
    assert report["machine"]["device_type"] == DEVICE
    names = {figure["name"].split(",")[0] for figure in report["parts"]["step"]["figures"]}
    assert {"plain", "ours", "bf16 alone", "fp16 alone", "GPU memory"} <= names


@pytest.mark.parametrize("what", ["loader", "train", "predict", "scale"])
def test_bench_goes_through(what, untested, work, run):
    said = run(
        "bench", data_dir=untested, work_dir=work, what=what, rows=64, repeats=1, **TINY_BENCH
    )
    assert said.code == 0, said.err
