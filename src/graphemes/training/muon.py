"""Muon, timm's: hidden weights step along the nearest orthogonal matrix of their gradient's."""

import functools
import sys
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import fast_precision
from graphemes.network.timm_library import timm_library

_LAST = ("heads", "graphemes")  # the parts of a network whose weights are its last layers'


def has_muon() -> bool:
    """Whether optimiser=muon is here."""
    try:
        timms_muon()
    except MissingPackage:
        return False
    return True


def timms_muon() -> Any:
    """timm's class. Raises MissingPackage where timm, or its Muon, isn't here."""
    timm = timm_library("optimiser=muon")
    from timm import optim  # noqa: PLC0415  # a plain run doesn't need it

    if not hasattr(optim, "Muon"):
        raise MissingPackage(
            f"optimiser=muon: timm {timm.__version__} has none, 1.0.21 is the first that has; "
            "pip install -U timm, or leave it out"
        )
    return optim.Muon


def make_muon(network: nn.Module, settings: Learning) -> Optimizer:
    """Muon for hidden weights, AdamW for the rest: Jordan 2024, kellerjordan.github.io/posts/muon.

    A convolution is one matrix with a row an output. A step is as long as one of AdamW's, 0.2 lr in
    the root of its mean square: Liu et al. 2025 (arXiv:2502.16982). So lr and weight_decay mean
    what they mean for AdamW. Newton-Schulz runs in bfloat16 where the network's device has that in
    hardware, else in float32.

    Raises MissingPackage.
    """
    hidden, last, others = [], [], []
    for name, p in network.named_parameters():
        if p.ndim <= 1:
            others.append(p)
        # Of one channel are the first convolution, which sees ink, and depthwise ones.
        elif name.split(".")[0] in _LAST or 1 in p.shape[:2]:
            last.append(p)
        else:
            hidden.append(p)
    decay = settings.weight_decay
    adamw = {"use_fallback": True, "nesterov": False, "betas": (0.9, 0.999), "eps": 1e-8}
    groups = [
        {"params": hidden, "weight_decay": decay, "use_muon": True},
        {"params": last, "weight_decay": decay, **adamw},
        {"params": others, "weight_decay": 0.0, **adamw},
    ]
    kind = timms_muon()
    if fast_precision(next(network.parameters()).device) != "bf16":
        kind = _in_float32(kind)
    optimiser = kind(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        momentum=0.95,
        nesterov=True,
        adjust_lr_fn="match_rms_adamw",
        conv_mode="flatten",
    )
    optimiser.register_step_pre_hook(_one_rate)
    optimiser.register_load_state_dict_pre_hook(_without_own_rate)
    return optimiser  # type: ignore[no-any-return]


def _in_float32(kind: Any) -> Any:
    """timm's Muon with Newton-Schulz in float32, which it has no setting for.

    A CPU without bfloat16 multiplies such matrices 30 times as slowly as float32: 12.4 s a step
    beside 0.42 for ResNet-34's blocks with 32 to 320 channels, two cores of a Zen 3. A T4 emulates
    it too.
    """
    module: Any = sys.modules[kind.__module__]

    class Float32Muon(kind):  # type: ignore[misc]  # a class that is only known here
        def step(self, closure: Any = None) -> Any:
            timms = module.zeropower_via_newtonschulz
            module.zeropower_via_newtonschulz = functools.partial(timms, dtype=torch.float32)
            try:
                return super().step(closure)
            finally:
                module.zeropower_via_newtonschulz = timms

    return Float32Muon


def _one_rate(optimiser: Optimizer, _args: Any, _kwargs: Any) -> None:
    # Up to 1.0.26 at least, timm's AdamW beside Muon has a rate that no schedule moves.
    for group in optimiser.param_groups:
        group["adamw_lr"] = group["lr"]


def _without_own_rate(_optimiser: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    # A state of 1.0.26 has the rate of its last step there. Since 1.0.31 timm reads it as the scale
    # of all that follow, over the rate a schedule began with.
    groups = [{**group, "fallback_lr_scale": 1.0} for group in state["param_groups"]]
    for group in groups:
        group.pop("adamw_lr", None)
    return {**state, "param_groups": groups}
