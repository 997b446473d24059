"""Batch norms over the batches of all processes: the same statistics as over one large batch.

Between GPUs torch's own, which has no kernels for a CPU: there the same in plain tensors.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graphemes.foundation.errors import SettingsError
from graphemes.network.ranks import Ranks

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d)


class SyncedNorm(_BatchNorm):
    """A batch norm (B, C, ...) that takes mean and variance over the processes' batches.

    These are of one size, or the shares in the mean would differ.
    """

    def __init__(self, norm: _BatchNorm, ranks: Ranks) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.ranks = ranks
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, maps: Tensor) -> Tensor:
        """The maps with mean 0 and variance 1 over all processes' images, scaled and moved."""
        if not self.training:
            return super().forward(maps)
        whole = (1, -1, *(1 for _ in maps.shape[2:]))
        over = [0, *range(2, maps.ndim)]
        count = maps.numel() // maps.shape[1] * self.ranks.size
        values = maps.float()
        mean = self.ranks.sum(values.sum(over)) / count
        centred = values - mean.view(whole)
        variance = self.ranks.sum(centred.square().sum(over)) / count
        self._note(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(whole) + self.bias.view(whole)).to(maps.dtype)

    def _note(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)

    def _check_input_dim(self, _input: Any) -> None: ...


def need_plain_norms(network: nn.Module) -> None:
    """Raise SettingsError for batch norms that do more than torch's: it would be lost."""
    kinds = {type(part) for part in network.modules() if isinstance(part, _BatchNorm)}
    if odd := sorted(kind.__name__ for kind in kinds if kind not in PLAIN):
        raise SettingsError(
            f"sync_norm=true: this trunk has norms of its own kind ({', '.join(odd)}), expected"
            " torch's BatchNorm alone; leave it out, or take another trunk"
        )


def synchronise_norms(network: nn.Module, ranks: Ranks) -> nn.Module:
    """The network with batch norms over all processes in place of its own, of the same tensors."""
    if next(network.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return, no-untyped-call]
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, PLAIN):
                setattr(module, name, SyncedNorm(child, ranks))
    return network
