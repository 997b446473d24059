"""Attention is that of timm; the spatial one that timm lacks is the paper's formula."""

import importlib

import pytest
import torch
from judges import difference, pictures, scatter

from graphemes.network import resnet
from graphemes.network.attention import ATTENTIONS
from graphemes.network.cost import parameters
from graphemes.network.timm_library import timm_library

CHANNELS = 128


def layer(module: str, name: str) -> torch.nn.Module:
    timm_library()
    return getattr(importlib.import_module(f"timm.layers.{module}"), name)


def carry(ours: torch.nn.Module, judge: torch.nn.Module) -> None:
    tensors = list(judge.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))


@pytest.mark.parametrize(
    ("kind", "judge"),
    [
        ("se", lambda: layer("squeeze_excite", "SEModule")(CHANNELS)),
        ("cbam", lambda: layer("cbam", "CbamModule")(CHANNELS)),
    ],
)
def test_it_is_timms(kind, judge):
    theirs, ours = judge().eval(), ATTENTIONS[kind](CHANNELS).eval()
    scatter(theirs)
    carry(ours, theirs)
    assert difference(ours, theirs, pictures(3, CHANNELS, 9, 14)) < 1e-5


def test_scse_adds_channels_and_positions():
    ours, x = ATTENTIONS["scse"](CHANNELS).eval(), pictures(2, CHANNELS, 5, 6)
    scatter(ours)
    with torch.no_grad():
        weights = torch.einsum("bchw,c->bhw", x, ours.positions.weight[0, :, 0, 0]).sigmoid()
        wanted = ATTENTIONS["se"].forward(ours.channels, x) + x * weights[:, None]
        torch.testing.assert_close(ours(x), wanted)


@pytest.mark.parametrize("kind", [kind for kind in ATTENTIONS if kind != "none"])
@pytest.mark.parametrize("make", [resnet.resnet18, resnet.resnet50])
def test_blocks_have_it_and_keep_their_shapes(kind, make):
    network, bare = make(attention=kind), make()
    assert network(pictures(2, 1, 48, 40)).shape == (2, network.width)
    blocks = [block for stage in network.stages for block in stage]
    added = sum(parameters(block.attention) for block in blocks)
    assert all(parameters(block.attention) for block in blocks)
    assert parameters(network) == parameters(bare) + added
