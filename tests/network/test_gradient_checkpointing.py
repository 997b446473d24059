"""Recomputing blocks gives the same weights, and holds less."""

import pytest
import torch
from judges import pictures
from torch import nn

from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import Architecture, Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.training.epoch import make_learner, train_epoch

CPU = Engine(torch.device("cpu"), "fp32")
SIZE = ImageSize(32, 32)


def trained(trunk: str, checkpointing: bool) -> GraphemeNetwork:
    """After three steps."""
    drop_path = 0.0 if trunk == "article" else 0.4  # which the second forward pass must draw alike
    asked = Architecture(trunk=trunk, dropout=0.2, drop_path=drop_path)
    network = build_network(asked, SIZE, 0)
    network.trunk.checkpointing = checkpointing
    learning = Learning(lr=1e-3, schedule="cosine", warmup=0)
    learner = make_learner(network, learning, CPU, 3)
    labels = HEADS.map(lambda head: torch.arange(8) % head.classes)
    train_epoch(learner, [(pictures(8, 1, *SIZE), labels)] * 3, (0, 0, 0), lambda *_, **__: None)
    return network


@pytest.mark.parametrize("trunk", ["resnet18", "article", "timm/resnet18"])
def test_the_weights_are_the_same(trunk):
    plain, again = (trained(trunk, checkpointing).state_dict() for checkpointing in (False, True))
    for name, tensor in plain.items():
        torch.testing.assert_close(again[name], tensor, msg=name)


@pytest.mark.parametrize("trunk", ["resnet18", "article", "timm/resnet18"])
def test_less_is_held_for_the_backward_pass(trunk):
    held = {}
    for checkpointing in (False, True):
        network = build_network(Architecture(trunk=trunk), SIZE, 0)
        network.trunk.checkpointing = checkpointing
        sizes = {}

        def keep(tensor, sizes=sizes):
            if tensor.shape[:1] == (5,):  # of the pictures, not a weight
                sizes[tensor.data_ptr()] = tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(pictures(5, 1, *SIZE)).heads.root.sum()
        held[checkpointing] = sum(sizes.values())
    assert held[True] < 0.6 * held[False]  # stem and pooling aren't computed again


@pytest.mark.parametrize("trunk", ["resnet18", "article", "timm/resnet18"])
def test_branches_are_computed_twice_in_training_only(trunk):
    network = build_network(Architecture(trunk=trunk), SIZE, 0)
    network.trunk.checkpointing = True
    deep = [part for part in network.modules() if isinstance(part, nn.Conv2d)][-2]
    calls: list[int] = []
    deep.register_forward_hook(lambda *_: calls.append(1))
    network(pictures(2, 1, *SIZE)).heads.root.sum().backward()
    assert len(calls) == 2
    with torch.no_grad():
        network.eval()(pictures(2, 1, *SIZE))
    assert len(calls) == 3
