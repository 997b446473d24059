"""What the tests of networks share: random weights everywhere, and a difference of features."""

import torch
from torch import nn


def scatter(network: nn.Module) -> None:
    """Random weights everywhere: fresh ones leave most blocks, being zero, without a say."""
    random = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor.normal_(0, 1.4 / tensor[0].numel() ** 0.5, generator=random)
        elif name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.5, generator=random)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3, generator=random)


def pictures(*shape: int) -> torch.Tensor:
    """Random ones, always the same of one shape."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def difference(ours: nn.Module, judge: nn.Module, x: torch.Tensor) -> float:
    """The greatest difference of what both make of `x`, relative to the largest value."""
    with torch.no_grad():
        got, wanted = ours(x), judge(x)
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max() / wanted.abs().max())
