"""Tensors from a file that others wrote: safetensors, or torch.save of tensors by name.

Nothing in a file is run: pickles are read with torch's weights_only.
"""

import re
import warnings
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from graphemes.foundation.errors import one_line

# Where trainings put a network's tensors, the running mean of them first, as timm looks for them.
WRAPPED_IN = (
    "state_dict_ema",
    "model_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
)
_PACKED = 2**26  # bytes, unpacked: as much code has no archive
_ZIP = b"PK\3\4"
_CUT = "a torch.save that isn't whole; copy it again"


def read_tensors(file: Path) -> dict[str, Tensor]:
    """A file's tensors by name, unwrapped. Raises ValueError that says what is wrong with it."""
    found = _load(file)
    while isinstance(found, dict):
        inside = [found[key] for key in WRAPPED_IN if isinstance(found.get(key), dict)]
        if not inside:
            break
        found = inside[0]
    held: dict[Any, Any] = found if isinstance(found, dict) else {f"a {type(found).__name__}": None}
    if not held or not all(isinstance(one, Tensor) for one in held.values()):
        raise ValueError(
            f"it holds {named(held)}; expected tensors by name, bare or under"
            f" {', '.join(WRAPPED_IN[2:-1])} or {WRAPPED_IN[-1]}"
        )
    for key, tensor in held.items():
        if tensor.layout != torch.strided or _bytes(tensor) > tensor.untyped_storage().nbytes():
            raise ValueError(f"its tensor {key!r} isn't all there, or sparse; save it as it is")
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise ValueError(f"its tensor {key!r} has values that are not finite")
    return {str(key): tensor for key, tensor in held.items()}


def below_prefix(tensors: Mapping[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """The tensors below the prefix under which a network's names stand, without it.

    "module.", "model.backbone." and the like; all tensors as they are where no prefix gives half
    of the names. Raises ValueError where several hold the same.
    """
    found: Counter[str] = Counter()
    for key in tensors:
        starts = [0, *(match.end() for match in re.finditer(r"\.", key))]
        found.update(key[:start] for start in starts if key[start:] in names)
    best = max(found.values(), default=0)
    prefixes = [prefix for prefix, count in found.items() if count == best]
    if 2 * best < len(names):
        return dict(tensors)
    if len(prefixes) > 1:
        raise ValueError(f"it holds several such networks, under {named(prefixes)}; save one alone")
    return {
        key.removeprefix(prefixes[0]): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefixes[0])
    }


def named(keys: Collection[object]) -> str:
    """The first few, for a sentence: "'a', 'b', 'c' and 5 more"."""
    shown = ", ".join(repr(key) for key in [*keys][:3])
    return f"{shown} and {len(keys) - 3} more" if len(keys) > 3 else shown or "nothing"


def is_pickle(file: Path) -> bool:
    """Whether it begins as torch.save and pickle begin a file. Raises OSError."""
    with file.open("rb") as opened:
        head = opened.read(9)
    # A safetensors file has a brace there; its length before that may begin with these bytes too.
    return (head[:2] == b"PK" or head[:1] == b"\x80") and head[8:] != b"{"


def _bytes(tensor: Tensor) -> int:
    """What it takes as it is used: a few bytes in a file can be expanded to gigabytes."""
    return tensor.numel() * tensor.element_size()


def _load(file: Path) -> Any:
    try:
        return load_file(file)
    except SafetensorError as error:
        if not is_pickle(file):
            raise ValueError(
                f"not a whole safetensors file ({one_line(error)}), nor one of torch.save; copy it"
                " again"
            ) from None
    _check_unpacked(file)
    try:
        with warnings.catch_warnings(action="ignore"):  # it is said here what the file is
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # a damaged pickle's may be any
        raise ValueError(_why_unread(error)) from None


def _check_unpacked(file: Path) -> None:
    """torch.save packs no tensors; who did can have packed gigabytes into little."""
    with file.open("rb") as opened:
        if opened.read(4) != _ZIP:  # torch takes it for a pickle then
            return
    try:
        with ZipFile(file) as archive:
            inside = archive.infolist()
    except Exception:  # noqa: BLE001  # a damaged archive's may be any
        raise ValueError(_CUT) from None
    if sum(one.file_size for one in inside if one.compress_type != ZIP_STORED) > _PACKED:
        raise ValueError("it is a packed archive; save it with torch.save, or unpacked")


def _why_unread(error: Exception) -> str:
    held = re.search(r"GLOBAL ([\w.]+)", str(error))
    if "TorchScript" in str(error):
        what = "a TorchScript archive"
    elif held:
        what = f"a pickle with {held[1]} in it"
    elif isinstance(error, UnpicklingError):
        what = "a pickle of more than tensors"
    else:
        return _CUT
    return (
        f"it is {what}, which could run code; where it was made, save its tensors alone:"
        " torch.save(model.state_dict(), FILE)"
    )
