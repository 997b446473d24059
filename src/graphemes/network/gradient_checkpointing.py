"""Gradient checkpointing: blocks are recomputed in the backward pass instead of kept.

Chen et al. 2016 (arXiv:1604.06174).
"""

import contextlib
from collections.abc import Iterable, Iterator

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run_blocks(blocks: Iterable[nn.Module], x: Tensor, *, checkpointing: bool) -> Tensor:
    """What comes out of the last block; with checkpointing only the maps between them are kept."""
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False) if checkpointing else block(x)
    return x


@contextlib.contextmanager
def recomputing(network: nn.Module) -> Iterator[None]:
    """Around the backward pass: recomputing doesn't move batch norms' running statistics.

    The forward pass moved them; twice would be other weights than without checkpointing.
    """
    if not getattr(network, "checkpointing", False):
        yield
        return
    with frozen_norm_statistics(network):
        yield


@contextlib.contextmanager
def frozen_norm_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norms' running statistics stay where they are, whatever a network in training sees."""
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm)]
    kept = [(norm.momentum, _counted(norm)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)


def _counted(norm: _BatchNorm) -> Tensor | None:
    return None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
