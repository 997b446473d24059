"""A checksum of tensors and what goes with them: what a disk has changed is noticed when it's read.

safetensors has none, and torch.load doesn't look at those of its archive.
"""

import hashlib
from typing import Any

import torch
from torch import Tensor


def checksum(value: Any) -> str:
    """128 bits of BLAKE2b, in hex, over tensors in dicts, lists and tuples, and plain values."""
    summary = hashlib.blake2b(digest_size=16)
    _add(summary, value)
    return summary.hexdigest()


def _add(summary: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        summary.update(f"{value.dtype} {tuple(value.shape)}".encode())
        # Not contiguous(): one value without a stride of its own would stay as it is.
        flat = value.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(-1)
        summary.update(flat.view(torch.uint8).numpy())
    elif isinstance(value, dict):
        summary.update(f"dict {len(value)}".encode())
        for key, inner in value.items():
            summary.update(f"{key!r}:".encode())
            _add(summary, inner)
    elif isinstance(value, list | tuple):
        summary.update(f"list {len(value)}".encode())
        for inner in value:
            _add(summary, inner)
    else:
        summary.update(f"{value!r};".encode())
