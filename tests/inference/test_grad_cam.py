"""Where a network looks follows from its feature maps, whatever its trunk."""

import pytest
import torch

from graphemes.foundation.errors import NetworkError
from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import ImageSize
from graphemes.inference.grad_cam import grad_cam
from graphemes.network.devices import Engine
from graphemes.network.model import build_network

CPU = Engine(torch.device("cpu"), "fp32")
SIZE = ImageSize(64, 64)


def heats(trunk: str, ink: torch.Tensor, **options: object) -> PerHead:
    network = build_network(Architecture(trunk=trunk, **options), SIZE, seed=1).eval()
    return grad_cam(network, ink, PerHead(3, 1, 2), CPU)


@pytest.mark.parametrize("trunk", ["resnet18", "article", "timm/resnet10t", "timm/convnext_atto"])
def test_it_looks_where_the_ink_is(trunk):
    ink = torch.zeros(1, 64, 64)
    ink[:, 8:20, 40:56] = 1
    found = heats(trunk, ink)
    for heat in found:
        assert heat.shape == (64, 64)
        assert heat.dtype.name == "float32"
        assert 0 <= heat.min() <= heat.max() <= 1
    looked = [heat for heat in found if heat.max() == 1]  # nothing may speak for a label
    assert looked
    # Not the same everywhere, though the last maps may be of 2x2.
    assert min(heat.std() for heat in looked) > 0.05


def test_it_agrees_with_the_gradient_of_the_mean():
    # With mean pooling and linear heads the gradient of every position is the head's weight / hw.
    network = build_network(Architecture(trunk="resnet18"), SIZE, seed=1).eval()
    ink = torch.rand(1, 224, 224)  # maps of 7x7 at the end
    kept = []
    handle = network.trunk.pool.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    with torch.no_grad():
        network(ink[None])
    handle.remove()
    weights = network.heads["root"].weight.detach()
    label = int((weights @ kept[0].mean((0, 2, 3))).argmax())  # something speaks for it
    found = grad_cam(network, ink, PerHead(label, 1, 2), CPU).root
    expected = torch.relu(torch.einsum("k,bkhw->bhw", weights[label], kept[0]))[:, None]
    expected = torch.nn.functional.interpolate(expected, size=(224, 224), mode="bilinear")
    torch.testing.assert_close(
        torch.from_numpy(found), (expected / expected.max())[0, 0], rtol=1e-3, atol=1e-4
    )


def test_frozen_weights_look_the_same():
    network = build_network(Architecture(trunk="resnet18"), SIZE, seed=1).eval()
    ink = torch.rand(1, 64, 64)
    before = grad_cam(network, ink, PerHead(3, 1, 2), CPU)
    network.requires_grad_(requires_grad=False)
    for one, other in zip(before, grad_cam(network, ink, PerHead(3, 1, 2), CPU), strict=True):
        assert (one == other).all()


def test_a_transformer_has_no_maps():
    with pytest.raises(NetworkError, match="no feature maps to look at"):
        heats("timm/vit_tiny_patch16_224", torch.zeros(1, 64, 64))
