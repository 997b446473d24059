"""Where a network runs and in what precision."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.machine import cpu_flags

PrecisionName = Literal["fp32", "bf16", "fp16"]
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Engine:
    """A device and the precision of autocast on it."""

    device: torch.device
    precision: PrecisionName

    @property
    def needs_scaler(self) -> bool:
        """Whether gradients need scaling: fp16 loses small ones."""
        return self.precision == "fp16"

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Autocast to the precision, or plain fp32."""
        if self.precision == "fp32":
            yield
        else:
            with torch.autocast(self.device.type, _TYPES[self.precision]):
                yield

    def describe(self) -> str:
        """'NVIDIA T4, fp16' or 'CPU, 2 threads, fp32'."""
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        if self.device.type == "mps":
            return f"Apple GPU, {self.precision}"
        return f"CPU, {torch.get_num_threads()} threads, {self.precision}"


def choose_engine(device: str, precision: str) -> Engine:
    """The engine for the settings device and precision. Raises SettingsError if there is none."""
    chosen = _choose_device(device)
    fast = fast_precision(chosen)
    if precision == "auto":
        return Engine(chosen, fast)
    if precision == "fp16" and chosen.type == "cpu":
        raise SettingsError("precision=fp16 needs a GPU; on a CPU use precision=bf16 or fp32")
    return Engine(chosen, precision)  # type: ignore[arg-type]  # the setting's own literals


def _choose_device(wish: str) -> torch.device:
    if wish == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wish)
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise SettingsError(f"device={wish}: this machine has {gpus} CUDA devices; use device=auto")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("device=mps: this machine has no Apple GPU; use device=auto")
    return device


def fast_precision(device: torch.device) -> PrecisionName:
    """The narrowest precision that the device has in hardware.

    Not torch.cuda.is_bf16_supported: it says yes on a T4, which emulates bf16 slowly.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    if device.type == "cpu" and cpu_flags() & {"avx512_bf16", "amx_bf16"}:
        return "bf16"
    return "fp32"
