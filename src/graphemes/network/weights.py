"""The weights file: a network that can be rebuilt from it alone.

safetensors holds the tensors, and one metadata entry: `graphemes`, a JSON object that says what
built them, with a checksum of both. Of several entries it writes the order by chance, and the same
network would be other bytes each time.
"""

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from graphemes.foundation.errors import DataError, MissingPackage, NetworkError, one_line
from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import LATER, Architecture, Learning
from graphemes.foundation.settings.types import TIMM
from graphemes.foundation.settings.words import (
    contradiction,
    expectation,
    faulty_key,
    shown,
)
from graphemes.network.checksums import checksum
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.tensor_files import is_pickle

FORMAT = 1
CHANGEABLE = ("dropout", "drop_path", "grapheme_pool")  # of a network, keeping its weights
NO_FILE = "no such weights file; train first, or give weights=PATH"
_WIDEST = 512  # channels of a stage that ours have by themselves
TRAINED_ON = "trained_on"  # int64 fingerprints of the images it saw, beside the tensors


@dataclass(frozen=True)
class WeightsRecord:
    """What a weights file says of itself."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")

    settings: dict[str, Any]  # of learning, as train's words
    fold: str  # "0" .. or "none"
    epoch: int
    score: float | None
    digests: dict[str, str]  # of data and folds
    versions: dict[str, str]
    demo: bool
    classes: list[int]
    format: int = FORMAT
    checksum: str = ""  # of all else and the tensors; "" in memory, and in files of before


_RECORD = TypeAdapter(WeightsRecord)  # checks the types of what a file says


def save_weights(
    path: Path,
    tensors: dict[str, torch.Tensor],
    record: WeightsRecord,
    trained_on: npt.NDArray[np.int64],
) -> None:
    """Write tensors, record and the fingerprints of the training images, whole or not at all."""
    # Copies: safetensors refuses tensors that modules of a network share.
    state = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    state[TRAINED_ON] = torch.from_numpy(np.sort(trained_on))
    sealed = replace(record, checksum=_checksum(_said(record), state))
    metadata = {"graphemes": _said(sealed)}
    with replacing(path) as temporary:
        try:
            save_file(state, temporary, metadata)
        except SafetensorError as error:  # a full disk
            raise OSError(one_line(error)) from None


def copy_weights(source: Path, target: Path, *, half: bool) -> None:
    """Copy a weights file whole or not at all; half: matrices and kernels as float16.

    What is read of either is the same network: `load_weights` makes float32 of both. Biases and
    norms stay float32: they are few, and a variance may be less than float16 knows. Raises
    DataError for a file that isn't ours, NetworkError for weights beyond float16.
    """
    tensors, record = _read(source)
    if half:
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and tensor.ndim > 1:
                check_half(name, tensor)
                tensors[name] = tensor.to(torch.float16)
    save_weights(target, tensors, record, trained_on(source))


def check_half(name: str, tensor: torch.Tensor) -> None:
    """Raise NetworkError for a tensor that float16 can't hold."""
    most = float(tensor.abs().max()) if tensor.is_floating_point() and tensor.numel() else 0.0
    if most > torch.finfo(torch.float16).max:
        raise NetworkError(
            f"dtype=fp16: tensor '{name}' goes up to {most:.3g}, float16 to"
            f" {torch.finfo(torch.float16).max:g}; use dtype=fp32"
        )


def write_settings(path: Path, settings: dict[str, Any]) -> None:
    """Let a file's record have these settings, of the same network; whole or not at all."""
    tensors, record = _read(path)
    if record.settings != settings:
        save_weights(path, tensors, replace(record, settings=settings), trained_on(path))


def load_weights(path: Path) -> tuple[GraphemeNetwork, WeightsRecord]:
    """The network on the CPU, ready to infer, and its record. DataError says what's off."""
    tensors, record = _read(path)
    learning = network_settings(path, record)
    try:
        # Of ours only those wider than their articles' can be asked to take gigabytes.
        if max(learning.widths) > _WIDEST or learning.trunk.startswith(TIMM):
            _check_outline(path, tensors, learning)
        network = build_network(learning, learning.image_size)
    except (MissingPackage, NetworkError) as error:
        raise DataError(f"{path}: its network can't be built here: {error}") from None
    _load_tensors(path, network, tensors)
    return network.eval(), record


def check_weights(path: Path) -> None:
    """Read all of a file. DataError says what isn't as it was written."""
    _read(path)


def _check_outline(path: Path, tensors: dict[str, torch.Tensor], learning: Learning) -> None:
    """Refuse what a file hasn't the tensors of before it is built, which may take gigabytes.

    The outline takes none; it takes a second of imports, where timm hasn't made them already.
    """
    # Some older models of timm's can't be built so; those are of sizes that timm knows.
    with contextlib.suppress(NetworkError), torch.device("meta"):
        outline = build_network(learning, learning.image_size)
        _check_shapes(path, tensors, outline.state_dict())


def read_record(path: Path) -> WeightsRecord:
    """What a file says of itself, without its tensors. DataError says what's off."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: {_why(path, error)}") from None
    return replace(_record(path, metadata), checksum="")


def start_from(path: Path, network: GraphemeNetwork, architecture: Architecture) -> None:
    """Put a file's weights into a network of the same tensors. DataError says what's off."""
    tensors, record = _read(path)
    kept = network_settings(path, record)
    # Some options change no tensor's shape, but what the tensors mean to the next.
    for key in Architecture.model_fields:
        was, wanted = (getattr(one, key) for one in (kept, architecture))
        if was != wanted and key not in CHANGEABLE:
            raise DataError(
                f"init={path}: its {key} is {shown(was)}, expected {shown(wanted)}; give"
                f" {key}={shown(was)}, or weights of the other"
            )
    _load_tensors(path, network, tensors)


def is_ours(path: Path) -> bool:
    """Whether a file is a safetensors file of train's, whole or not."""
    try:
        with safe_open(path, "pt") as file:
            return "graphemes" in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def _load_tensors(path: Path, network: GraphemeNetwork, tensors: dict[str, torch.Tensor]) -> None:
    _check_shapes(path, tensors, network.state_dict())
    network.load_state_dict(tensors)


def network_settings(path: Path, record: WeightsRecord) -> Learning:
    """The settings that decide network and pictures, as a file's record has them.

    Those that weren't always there are left at their defaults where it lacks them.
    """
    keys = [key for key in Architecture.model_fields if key not in LATER]
    recorded = {key: record.settings.get(key) for key in (*keys, "image_size", "crop")}
    recorded |= {
        key: record.settings[key]
        for key in (*Architecture.model_fields, "tta")
        if key in record.settings
    }
    try:
        return Learning.model_validate(recorded)
    except ValidationError as error:
        key = faulty_key(error)
        if key is None:
            raise DataError(
                f"{path}: its network can't be built here: {contradiction(error)}"
            ) from None
        raise DataError(
            f"{path}: its record says {key} is {recorded[key]!r}, expected"
            f" {expectation(Learning, key)}; train again"
        ) from None


def trained_on(path: Path) -> npt.NDArray[np.int64]:
    """The fingerprints of the images that the weights were trained on, sorted."""
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor(TRAINED_ON).numpy()  # type: ignore[no-any-return]
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: {_why(path, error)}") from None


def _read(path: Path) -> tuple[dict[str, torch.Tensor], WeightsRecord]:
    if not path.is_file():
        raise DataError(f"{path}: {NO_FILE}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: {_why(path, error)}") from None
    record = _record(path, metadata)
    known, said = record.checksum, _said(replace(record, checksum=""))
    if not known:  # of earlier files it is an entry of its own, or there is none
        known, said = metadata.get("checksum", ""), metadata["graphemes"]
    if known not in ("", _checksum(said, tensors)):
        raise DataError(
            f"{path}: its tensors or its record aren't as they were written (another checksum);"
            " copy it again from where it is whole, or train again"
        )
    tensors.pop(TRAINED_ON, None)
    return tensors, replace(record, checksum="")


def _said(record: WeightsRecord) -> str:
    return json.dumps(asdict(record), allow_nan=False)


def _checksum(said: str, tensors: dict[str, torch.Tensor]) -> str:
    return checksum([said, {name: tensors[name] for name in sorted(tensors)}])


def _record(path: Path, metadata: dict[str, str]) -> WeightsRecord:
    if "graphemes" not in metadata:
        raise DataError(
            f"{path}: its metadata has no 'graphemes' entry, so it isn't from this project;"
            " expected a weights.safetensors written by train"
        )
    try:
        record = _RECORD.validate_json(metadata["graphemes"])
    except ValidationError as error:
        # Of a record that is no JSON the place is empty.
        told = [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()[:3]]
        reason = "; ".join(": ".join(filter(None, one)) for one in told)
        raise DataError(f"{path}: its record can't be read ({reason}); train again") from None
    if record.format != FORMAT:
        raise DataError(
            f"{path}: written in format {record.format}, expected {FORMAT}; train again"
        )
    classes = [head.classes for head in HEADS]
    if record.classes != classes:
        raise DataError(f"{path}: it has {record.classes} classes, expected {classes}; train again")
    return record


def _check_shapes(
    path: Path, got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]
) -> None:
    for name, tensor in expected.items():
        if name not in got:
            raise DataError(f"{path}: tensor '{name}' is missing; is it of another network?")
        if got[name].shape != tensor.shape:
            raise DataError(
                f"{path}: tensor '{name}' is {tuple(got[name].shape)},"
                f" expected {tuple(tensor.shape)}; is it of another network?"
            )
        if not torch.isfinite(got[name]).all():
            raise DataError(f"{path}: tensor '{name}' has values that are not finite; train again")
    extra = sorted(set(got) - set(expected))
    if extra:
        raise DataError(f"{path}: tensor '{extra[0]}' is unknown; is it of another network?")


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and not path.is_file():
        return "no such weights file"
    try:
        pickled = is_pickle(path)
    except OSError as unreadable:
        return f"can't be read: {unreadable.strerror}"
    if pickled:
        return "it is a pickle (.pt, .pth), which can run code; expected a .safetensors file"
    return f"not a whole safetensors file ({one_line(error)}); copy it again"
