"""Our ResNet-34 computes what timm's does, at any size of picture."""

import pytest
import torch

from graphemes.network.resnet import DEPTHS, ResNet
from graphemes.network.timm_library import timm_library

SIZES = [(64, 64), (128, 128), (137, 236), (45, 77), (33, 16)]


def scatter(network: torch.nn.Module) -> None:
    """Random weights everywhere: fresh ones leave most blocks, being zero, without a say."""
    random = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor.normal_(0, 1.4 / tensor[0].numel() ** 0.5, generator=random)
        elif name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.5, generator=random)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3, generator=random)


@pytest.fixture(scope="module")
def judge():
    network = timm_library().create_model("resnet34", in_chans=1, num_classes=0).eval()
    scatter(network)
    return network


@pytest.fixture(scope="module")
def ours(judge):
    """Ours with timm's weights: both list their tensors in the same order."""
    network = ResNet(DEPTHS["resnet34"]).eval()
    names, tensors = list(network.state_dict()), list(judge.state_dict().values())
    assert len(names) == len(tensors) == 216
    network.load_state_dict(dict(zip(names, tensors, strict=True)))
    return network


def difference(ours, judge, height: int, width: int) -> float:
    """The greatest difference of features, relative to the largest."""
    ink = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(height))
    with torch.no_grad():
        got, wanted = ours(ink), judge(ink)
    assert got.shape == wanted.shape == (2, 512)
    return float((got - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("size", SIZES)
def test_features_are_those_of_timm(ours, judge, size):
    assert difference(ours, judge, *size) < 1e-5


@pytest.mark.parametrize(
    ("stage", "branch"),
    [(0, "shortcut"), (3, "shortcut"), (0, "norm1"), (1, "norm2"), (2, "relu"), (3, "conv2")],
)
def test_a_wrong_block_would_be_noticed(ours, judge, monkeypatch, stage, branch):
    block = ours.stages[stage][0]
    if stage and branch == "shortcut":
        monkeypatch.setitem(block.shortcut._modules, "1", torch.nn.Identity())
    else:
        planted = Nothing() if branch == "shortcut" else torch.nn.Identity()
        monkeypatch.setitem(block._modules, branch, planted)
    assert difference(ours, judge, 45, 77) > 1e-3
    monkeypatch.undo()
    assert difference(ours, judge, 45, 77) < 1e-5


class Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


def test_parameters_are_counted(ours):
    assert sum(p.numel() for p in ours.parameters()) == 21_278_400


def test_a_fresh_block_is_its_shortcut():
    """So that a deep network begins as a shallow one."""
    with torch.random.fork_rng(devices=[]):
        block = ResNet([1]).eval().stages[0][0]
    x = torch.rand(1, 64, 5, 7)
    torch.testing.assert_close(block(x), x)
