"""Weights of timm's for its models: from a file, from its cache on this machine, or fetched."""

import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.setting_types import TIMM
from graphemes.network.timm_library import FAULTS, timm_library

FETCHED = "fetched"  # timm's own weights, from its cache or the network
HUB_NAMES = ("model.safetensors", "pytorch_model.bin")  # in the order timm asks for them
WRAPPED_IN = ("state_dict_ema", "model_ema", "state_dict", "model")  # by trainings, as timm looks
LOADED = 0.9  # of its tensors a weights file must change, or it is another network's


def with_weights(
    name: str, given: dict[str, Any], weights: Path | str, fresh: nn.Module
) -> nn.Module:
    """A model of that name like `fresh`, built of the same arguments, with a file's weights.

    weights: the file's path, or FETCHED. Raises SettingsError, DataError.
    """
    timm = timm_library()
    file: Path | None
    if isinstance(weights, Path):
        what, file = f"init={weights}: isn't weights of {TIMM}{name}", weights
        if not weights.is_file():
            raise DataError(f"init={weights}: no such weights file")
    else:
        what = f"pretrained=true: the weights of {TIMM}{name} can't be fetched"
        file = _kept_by_hub(name)
    try:
        overlay = None if file is None else {"state_dict": _read(file)}
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **given)
    except (*FAULTS, *_fetching_faults()) as error:  # type: ignore[misc]  # known when it runs
        raise DataError(f"{what} ({' '.join(str(error).split())[:300]})") from None
    # timm's note of where the weights come from: with the tensors in it, each copy of the model
    # would copy them too.
    model.pretrained_cfg["state_dict"] = None
    _check_loaded(what, model, fresh)
    return model  # type: ignore[no-any-return]


def _read(file: Path) -> dict[str, torch.Tensor]:
    """A file's tensors. Ours to read: some of timm's versions open pickles that can run code."""
    found: Any
    try:
        found = load_file(file)
    except SafetensorError:
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError:
            raise ValueError("neither safetensors nor a torch.save of bare tensors") from None
    for key in WRAPPED_IN:
        found = found.get(key, found)
    return timm_library().models.clean_state_dict(found)  # type: ignore[no-any-return]


def _hub() -> ModuleType:
    import huggingface_hub  # noqa: PLC0415  # timm's: our own networks don't need it

    return huggingface_hub


def _fetching_faults() -> tuple[type[Exception], ...]:
    """What the hub's client raises: its error, and those of the library that asks for it.

    Which library that is depends on its version; its error is built on theirs.
    """
    kinds = _hub().errors.HfHubHTTPError.__mro__
    return tuple(kind for kind in kinds if issubclass(kind, Exception) and kind is not Exception)


def _kept_by_hub(name: str) -> Path | None:
    """The file of timm's weights on this machine where their hub can't be reached; else None.

    The hub's own client asks a dozen times, for a minute, before it says that there is no network.
    """
    hub = _hub()
    known = timm_library().models.get_pretrained_cfg(name)
    if known is None or not known.has_weights:
        raise SettingsError(
            f"pretrained=true: timm has no weights for {TIMM}{name}; leave it out, or give"
            " init=FILE"
        )
    if not known.hf_hub_id or _answers(hub.constants.ENDPOINT):
        return None
    names = [known.hf_hub_filename] if known.hf_hub_filename else HUB_NAMES
    for one in names:
        path = hub.try_to_load_from_cache(known.hf_hub_id, one)
        if isinstance(path, str):
            return Path(path)
    raise SettingsError(
        f"pretrained=true: {hub.constants.ENDPOINT} can't be reached for the weights of"
        f" {TIMM}{name}, and they aren't on this machine; is there a network? init=FILE takes them"
        " from a file"
    )


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # an answer, too
    except (OSError, ValueError, HTTPException):
        return False
    return True


def _check_loaded(what: str, model: nn.Module, fresh: nn.Module) -> None:
    """timm passes over names that it doesn't find; a file of another network would change none."""
    pairs = zip(model.state_dict().values(), fresh.state_dict().values(), strict=True)
    changed = [not torch.equal(a, b) for a, b in pairs if a.is_floating_point()]
    if sum(changed) < LOADED * len(changed):
        raise DataError(
            f"{what}: {sum(changed)} of its {len(changed)} tensors are there; are they of another"
            " network?"
        )
