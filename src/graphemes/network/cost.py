"""What a network costs: its parameters, and the multiply-adds of one picture."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    """How many numbers training moves."""
    return sum(part.numel() for part in network.parameters())


def multiply_adds(network: nn.Module, channels: int, height: int, width: int) -> int:
    """Of one picture, in convolutions and matrix products.

    torch counts multiplications and additions each; papers and timm count a pair as one.
    """
    was = network.training
    picture = torch.zeros(1, channels, height, width, device=next(network.parameters()).device)
    # torch's own kernels of attention count nothing; as matrix products it is counted.
    plain = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        network.eval()(picture)
    network.train(was)
    return counter.get_total_flops() // 2  # type: ignore[no-any-return]
