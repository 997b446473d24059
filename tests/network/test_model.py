"""The whole network: shapes, size, the same seed for the same weights, and what a head is given."""

import pytest
import torch
from judges import pictures
from torch import nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.grapheme_head import of_classes
from graphemes.network.model import INK_MEAN, INK_STD, GraphemeNetwork, Logits, build_network

SIZE = ImageSize(64, 64)


def built(seed: int | None = 3, **options) -> GraphemeNetwork:
    return build_network(Architecture(**options), SIZE, seed).eval()


@pytest.fixture(scope="module")
def network():
    return built()


def test_logits_have_the_shape_of_the_heads(network):
    with torch.no_grad():
        for size in ((64, 64), (45, 77)):
            logits = network(torch.rand(3, 1, *size))
            assert [tuple(head.shape) for head in logits.heads] == [(3, 168), (3, 11), (3, 7)]
            assert all(head.dtype == torch.float32 for head in logits.heads)
            assert logits.graphemes is None


def test_parameters_are_counted(network):
    assert sum(p.numel() for p in network.parameters()) == 21_373_818
    heads = sum((512 + 1) * head.classes for head in HEADS)
    assert sum(p.numel() for p in network.heads.parameters()) == heads


def test_each_head_is_a_linear_layer_on_the_normalised_ink(network):
    ink = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        logits = network(ink)
        features = network.trunk((ink - INK_MEAN) / INK_STD)
        for head, got in zip(HEADS, logits.heads, strict=True):
            layer = network.heads[head.name]
            torch.testing.assert_close(got, features @ layer.weight.T + layer.bias)


def test_the_same_seed_gives_the_same_weights_whoever_drew_before(network):
    first = network.state_dict()
    torch.rand(100)
    again = built().state_dict()
    other = built(4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if not torch.equal(first[name], other[name])]
    assert {"trunk.stem.0.weight", "heads.root.weight", "heads.consonant.bias"} <= set(drawn)


def test_building_leaves_the_global_stream_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    built(None)
    built(1)
    assert torch.equal(torch.rand(3), wanted)


def test_a_neck_stands_between_features_and_heads():
    network = built(trunk="resnet18", neck=48, dropout=0.4)
    kinds = [type(part) for part in network.neck]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]
    assert network.neck[-1].p == 0.4
    assert [network.heads[head.name].in_features for head in HEADS] == [48] * 3
    assert network(pictures(2, 1, *SIZE)).heads.root.shape == (2, 168)


def test_dropout_is_for_training_only():
    network, x = built(trunk="resnet18", dropout=0.5), pictures(4, 1, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(network(x).heads.root, network(x).heads.root)
        for part in network.modules():
            part.training = isinstance(part, nn.Dropout)
        assert not torch.allclose(network(x).heads.root, network(x).heads.root)


def test_a_grapheme_head_says_what_graphemes_there_are():
    network, x = built(trunk="resnet18", grapheme_head=True), pictures(3, 1, *SIZE)
    with torch.no_grad():
        logits = network(x)
    assert logits.graphemes.shape == (3, 1295)
    assert logits.pool == "mean"
    assert built(trunk="resnet18", grapheme_head=True, grapheme_pool="sum")(x).pool == "sum"


def test_probabilities_are_the_mean_of_both_ways():
    random = torch.Generator().manual_seed(1)
    heads = HEADS.map(lambda head: torch.randn(5, head.classes, generator=random))
    graphemes = 4 * torch.randn(5, 1295, generator=random)
    alone = Logits(heads).probabilities()
    for got, values in zip(alone, heads, strict=True):
        torch.testing.assert_close(got, values.softmax(1))
    assert all(map(torch.equal, alone, Logits(heads, graphemes, None).probabilities()))
    for pool in ("mean", "sum"):
        got = Logits(heads, graphemes, pool).probabilities()
        others = of_classes(graphemes.softmax(1), pool)
        wanted = PerHead(*((a + b) / 2 for a, b in zip(alone, others, strict=True)))
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other)
            torch.testing.assert_close(one.sum(1), torch.ones(5))


EVERYTHING = {
    "trunk": "resnet50",
    "shortcut": "pad",
    "stem": "deep",
    "stem_pool": False,
    "attention": "scse",
    "pool": "gem",
    "neck": 32,
    "dropout": 0.1,
    "grapheme_head": True,
    "grapheme_pool": "sum",
}


def test_all_options_go_together_and_learn():
    network = built(**EVERYTHING).train()
    logits = network(pictures(2, 1, 32, 32))
    total = sum(head.square().mean() for head in (*logits.heads, logits.graphemes))
    total.backward()
    assert all(p.grad is not None for p in network.parameters())
