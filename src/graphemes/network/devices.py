"""Where a network runs and in what precision."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from graphemes.foundation.errors import NetworkError, SettingsError
from graphemes.foundation.machine import cpu_flags
from graphemes.foundation.progress import counted
from graphemes.network.ranks import ALONE, Ranks

PrecisionName = Literal["fp32", "bf16", "fp16"]
_NO_SUCH_WAY = "does not have a deterministic implementation"  # torch's words
# Pixels of width that leave a trunk's last strided convolution (the image over 16) a map one wide.
# There the weight gradient in bf16 is whatever memory held, wherever the kernel meets nothing but
# padding: torch 2.13 on CPUs with avx512_bf16. Such pictures are soon done in fp32, too.
NARROW = 16
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
    def autocast(self, training_width: int | None = None) -> Iterator[None]:
        """Autocast to the precision, or plain fp32.

        training_width: of the pictures in pixels, where a gradient follows. A CPU's bf16 trains
        on none of 16 or fewer: see NARROW.
        """
        narrow = training_width is not None and training_width <= NARROW
        if self.precision == "fp32" or (narrow and self.device.type == "cpu"):
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
        return f"CPU, {counted(torch.get_num_threads(), 'thread')}, {self.precision}"


def choose_engine(device: str, precision: str, ranks: Ranks = ALONE) -> Engine:
    """The engine for the settings device and precision. Raises SettingsError if there is none.

    Of several processes each has a GPU of its own, or its share of a CPU.
    """
    chosen = _choose_device(device)
    if ranks.size > 1:
        chosen = _own_device(device, chosen, ranks)
    fast = fast_precision(chosen)
    if precision == "auto":
        return Engine(chosen, fast)
    if precision == "fp16" and chosen.type == "cpu":
        raise SettingsError("precision=fp16 needs a GPU; on a CPU use precision=bf16 or fp32")
    return Engine(chosen, precision)  # type: ignore[arg-type]  # the setting's own literals


def _choose_device(wish: str) -> torch.device:
    if wish == "auto":
        if torch.cuda.is_available() and idle_gpu() is None:
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wish)
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise SettingsError(f"device={wish}: this machine has {gpus} CUDA devices; use device=auto")
    if device.type == "cuda" and (sentence := idle_gpu(device)):
        raise SettingsError(f"device={wish}: {sentence}; use device=cpu, or another GPU")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("device=mps: this machine has no Apple GPU; use device=auto")
    return device


def _own_device(wish: str, chosen: torch.device, ranks: Ranks) -> torch.device:
    if chosen.type == "mps" or chosen.index is not None:
        raise SettingsError(
            f"device={wish}, processes={ranks.size}: expected a device for each process; give"
            " device=cuda, device=cpu or one process"
        )
    if chosen.type != "cuda":
        return chosen
    gpus = torch.cuda.device_count()
    if ranks.local_size > gpus:
        raise SettingsError(
            f"processes: {ranks.local_size} on this machine, which has {gpus} CUDA device(s);"
            " expected one for each; give fewer processes, or device=cpu"
        )
    return torch.device("cuda", ranks.local_rank)


def idle_gpu(device: torch.device | None = None) -> str | None:
    """Why a GPU that is here can't be used: this torch was built without kernels for it.

    Kaggle's image has a torch without those of its P100s, yet torch.cuda.is_available() is true.
    device: the current one where none is given. None where it can be used, or there is none.
    """
    if not torch.cuda.is_available():
        return None
    capability = torch.cuda.get_device_capability(device)
    built_for = torch.cuda.get_arch_list()
    if not built_for or has_kernels(capability, built_for):
        return None
    needed = f"sm_{capability[0]}{capability[1]}"
    return (
        f"torch {torch.__version__} has no kernels for the {torch.cuda.get_device_name(device)}"
        f" ({needed}; it has {', '.join(built_for)})"
    )


def has_kernels(capability: tuple[int, int], built_for: list[str]) -> bool:
    """Whether a GPU of that compute capability runs code built for sm_XY or compute_XY.

    Binaries (sm) run on the same X from Y on, intermediate code (compute) on everything newer:
    CUDA C++ Programming Guide, sections 3.1.2 and 3.1.3. An a or f behind is of that model alone.
    """
    for built in built_for:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", built)
        if found is None:
            continue
        made = (int(found[2]), int(found[3]))
        if found[4]:
            runs = capability == made
        elif found[1] == "sm":
            runs = capability[0] == made[0] and capability >= made
        else:
            runs = capability >= made
        if runs:
            return True
    return False


@contextlib.contextmanager
def same_bits(*, asked: bool) -> Iterator[None]:
    """Let torch compute in ways alone that give the same bits each time, if asked for.

    On a CPU ours do anyway; on a GPU sums come in the order in which its cores end. Raises
    NetworkError at an operation that torch has no such way for.
    """
    if not asked:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic
    # cuBLAS reads it once, at its first product: docs.nvidia.com/cuda/cublas, "Reproducibility".
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    try:
        yield
    except RuntimeError as error:
        if _NO_SUCH_WAY not in str(error):
            raise
        raise NetworkError(
            f"deterministic=true: of {str(error).split()[0]} torch has no way that gives the same"
            " bits each time here; leave deterministic out, or what needs this operation"
        ) from None
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.deterministic = before[1]


def fast_precision(device: torch.device) -> PrecisionName:
    """The narrowest precision that the device has in hardware.

    Not torch.cuda.is_bf16_supported: it says yes on a T4, which emulates bf16 slowly.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    if device.type == "cpu" and cpu_flags() & {"avx512_bf16", "amx_bf16"}:
        return "bf16"
    return "fp32"
