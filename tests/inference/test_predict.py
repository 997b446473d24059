"""Probabilities are the mean of the networks' softmaxes, in the batches' order."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine
from graphemes.network.model import Logits

FP32 = Engine(torch.device("cpu"), "fp32")


class Small(nn.Module):
    """A network with the real one's interface: a linear layer a head, and things that depend on
    whether it is in training."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.norm = nn.BatchNorm2d(1)
            self.drop = nn.Dropout(0.5)
            self.heads = nn.ModuleList(nn.Linear(36, head.classes) for head in HEADS)

    def forward(self, ink: Tensor) -> Logits:
        features = self.drop(self.norm(ink)).flatten(1)
        return Logits(PerHead(*(4 * head(features) for head in self.heads)))


INK = torch.rand(11, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def batches(size: int) -> list[tuple[Tensor, PerHead[Tensor]]]:
    return [(part, PerHead(*[torch.zeros(len(part))] * 3)) for part in INK.split(size)]


def nothing(_count: int, **_facts: str) -> None: ...


@pytest.mark.parametrize("count", [1, 3])
def test_the_mean_of_softmaxes(count):
    networks = [Small(seed) for seed in range(count)]
    got = probabilities(networks, batches(4), FP32, nothing)
    for place, head in enumerate(HEADS):
        with torch.no_grad():
            each = [network.eval()(INK).heads[place].softmax(1) for network in networks]
        wanted = torch.stack(each).mean(0).numpy()
        assert got[place].shape == (11, head.classes)
        assert got[place].dtype == np.float32
        np.testing.assert_allclose(got[place], wanted, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(got[place].sum(1), 1, atol=1e-5)


def test_probabilities_are_averaged_and_not_logits():
    networks = [Small(0), Small(1)]
    got = probabilities(networks, batches(11), FP32, nothing)
    with torch.no_grad():
        logits = torch.stack([network.eval()(INK).heads.root for network in networks]).mean(0)
    assert np.abs(got.root - logits.softmax(1).numpy()).max() > 1e-3


@pytest.mark.parametrize("size", [1, 3, 11])
def test_the_size_of_a_batch_does_not_matter(size):
    networks = [Small(0), Small(1)]
    whole = probabilities(networks, batches(7), FP32, nothing)
    parts = probabilities(networks, batches(size), FP32, nothing)
    for first, second in zip(whole, parts, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)


def test_networks_are_put_out_of_training_and_kept_as_they_are():
    network = Small(0).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first = probabilities([network], batches(4), FP32, nothing)
    again = probabilities([network], batches(4), FP32, nothing)
    assert all(map(np.array_equal, first, again))
    assert not network.training
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_no_images_give_empty_tables():
    got = probabilities([Small(0)], [], FP32, nothing)
    assert [table.shape for table in got] == [(0, 168), (0, 11), (0, 7)]
    assert all(table.dtype == np.float32 for table in got)


def test_progress_counts_images():
    counted: list[int] = []
    probabilities([Small(0)], batches(4), FP32, lambda count, **_: counted.append(count))
    assert counted == [4, 4, 3]


def test_half_precision_sums_to_one_too():
    networks = [Small(0), Small(1)]
    exact = probabilities(networks, batches(4), FP32, nothing)
    bf16 = probabilities(networks, batches(4), Engine(torch.device("cpu"), "bf16"), nothing)
    for first, second in zip(exact, bf16, strict=True):
        assert second.dtype == np.float32
        np.testing.assert_allclose(second.sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(first, second, atol=0.03)
    assert not np.array_equal(exact.root, bf16.root)
