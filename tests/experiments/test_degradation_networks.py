"""Plain and residual networks differ in their shortcuts alone, learn, and are compared by seeds."""

import pytest
import torch
from torch import nn

from graphemes.experiments import degradation_networks as degradation
from graphemes.experiments.degradation_networks import (
    DEPTHS,
    KINDS,
    draw_degradation,
    fresh_network,
    training_errors,
    verdict,
)
from graphemes.foundation.errors import UserError
from graphemes.network.devices import Engine
from graphemes.network.resnet import BasicBlock

ENGINE = Engine(torch.device("cpu"), "fp32")


@pytest.mark.parametrize("layers", DEPTHS)
def test_depths_are_counted_as_the_paper_counts(layers):
    blocks = [b for b in fresh_network("plain", layers, 0).modules() if isinstance(b, BasicBlock)]
    assert 2 * len(blocks) + 2 == layers


def test_both_kinds_begin_with_the_same_weights_and_differ_in_their_shortcuts():
    plain, residual = (fresh_network(kind, 18, 3) for kind in ("plain", "residual"))
    ours, theirs = plain.state_dict(), residual.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    x = torch.rand(2, 1, 32, 32)
    assert not torch.equal(plain(x), residual(x))
    assert not torch.equal(ours["classify.weight"], fresh_network("plain", 18, 4).classify.weight)
    for block in residual.modules():
        if isinstance(block, BasicBlock):
            assert bool((block.norm2.weight == 1).all())


@pytest.fixture
def few(monkeypatch):
    """64 roots, each with a picture of its own, and networks of ten layers."""
    for layers in DEPTHS:
        monkeypatch.setitem(degradation.DEPTHS, layers, (1, 1, 1, 1))
    random = torch.Generator().manual_seed(0)
    return torch.rand(64, 1, 16, 16, generator=random), torch.arange(64)


def errors_of(few, **others) -> list[float]:
    words = {"layers": 18, "kind": "plain", "epochs": 4, "seed": 0, **others}
    return training_errors(*few, **words, engine=ENGINE, advance=lambda *_a, **_k: None)


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_error(few, kind):
    errors = errors_of(few, kind=kind)
    assert len(errors) == 4
    assert errors[-1] < 0.1  # a guess: 0.98


def test_the_same_call_gives_the_same_errors(few):
    assert errors_of(few, epochs=2) == errors_of(few, epochs=2)


def test_judging_leaves_running_statistics_as_training_left_them(few, monkeypatch):
    seen: list[nn.Module] = []
    real = degradation.fresh_network

    def kept(*words: object) -> nn.Module:
        seen.append(real(*words))
        return seen[-1]

    monkeypatch.setattr(degradation, "fresh_network", kept)
    errors_of(few, epochs=1)
    (network,) = seen
    steps = len(few[0]) // degradation.BATCH
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {int(norm.num_batches_tracked) for norm in norms} == {steps}
    judged = [norm.running_mean.clone() for norm in norms]
    # The same training, judged without a trace because it isn't judged at all.
    monkeypatch.setattr(degradation, "_right", lambda *_words: 0)
    errors_of(few, epochs=1)
    norms = [part for part in seen[1].modules() if isinstance(part, nn.BatchNorm2d)]
    for was, norm in zip(judged, norms, strict=True):
        assert torch.equal(was, norm.running_mean)


def test_a_broken_loss_is_told(few):
    with pytest.raises(
        UserError, match="plain, 18 layers, seed 0, epoch 1, step 1: the loss is nan"
    ):
        errors_of((few[0] * torch.nan, few[1]))


@pytest.mark.parametrize(
    ("deep", "said"),
    [
        ([0.5, 0.4], "degradation: every training of 66 layers ends with a greater error"),
        ([0.1, 0.05], "depth helps: every training of 66 layers ends with a smaller error"),
        ([0.25, 0.4], "no degradation at this scale"),
    ],
)
def test_the_verdict_compares_seeds(deep, said):
    errors = {18: [[0.9, 0.2], [0.9, 0.3]], 34: [[1.0, 1.0]] * 2, 66: [[0.0, e] for e in deep]}
    assert verdict(errors).startswith(said)


def test_the_picture_is_drawn(tmp_path):
    errors = {kind: {layers: [[0.9, 0.5], [0.8, 0.4]] for layers in DEPTHS} for kind in KINDS}
    draw_degradation(tmp_path / "d.png", errors, "few images")
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG"
