"""The whole network: shapes, size, and the same seed for the same weights."""

import pytest
import torch

from graphemes.foundation.heads import HEADS
from graphemes.network.model import INK_MEAN, INK_SPREAD, TRUNKS, build_network


@pytest.fixture(scope="module")
def network():
    return build_network("resnet34", 3).eval()


def test_logits_have_the_shape_of_the_heads(network):
    with torch.no_grad():
        for size in ((64, 64), (45, 77)):
            logits = network(torch.rand(3, 1, *size))
            assert [tuple(head.shape) for head in logits] == [(3, 168), (3, 11), (3, 7)]
            assert all(head.dtype == torch.float32 for head in logits)


def test_parameters_are_counted(network):
    assert sum(p.numel() for p in network.parameters()) == 21_373_818
    heads = sum((512 + 1) * head.classes for head in HEADS)
    assert sum(p.numel() for p in network.heads.parameters()) == heads


def test_each_head_is_a_linear_layer_on_the_normalised_ink(network):
    ink = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        logits = network(ink)
        features = network.trunk((ink - INK_MEAN) / INK_SPREAD)
        for head, got in zip(HEADS, logits, strict=True):
            layer = network.heads[head.name]
            torch.testing.assert_close(got, features @ layer.weight.T + layer.bias)


def test_the_same_seed_gives_the_same_weights_whoever_drew_before(network):
    first = network.state_dict()
    torch.rand(100)
    again = build_network("resnet34", 3).state_dict()
    other = build_network("resnet34", 4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if not torch.equal(first[name], other[name])]
    assert {"trunk.stem.0.weight", "heads.root.weight", "heads.consonant.bias"} <= set(drawn)


def test_building_leaves_the_global_stream_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    build_network("resnet34")
    build_network("resnet34", 1)
    assert torch.equal(torch.rand(3), wanted)


def test_the_trunks_are_those_that_the_setting_allows():
    from graphemes.foundation.setting_words import expectation, read_words
    from graphemes.foundation.settings import TrainSettings

    for trunk in TRUNKS:
        assert read_words(TrainSettings, [f"trunk={trunk}"]).trunk == trunk
        assert trunk in expectation(TrainSettings, "trunk")
