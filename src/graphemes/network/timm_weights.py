"""Weights of timm's for its models: from a file, from its cache on this machine, or fetched."""

import contextlib
import logging
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from graphemes.foundation.errors import DataError, NetworkError, one_line
from graphemes.foundation.settings.types import TIMM
from graphemes.network.tensor_files import below_prefix, read_tensors
from graphemes.network.timm_library import FAULTS, timm_library

FETCHED = "fetched"  # timm's own weights, from its cache or the network
HUB_NAMES = ("model.safetensors", "pytorch_model.bin")  # in the order timm asks for them
# Share of tensors that a model may lack in a file, and of those that may find no place in it: more,
# and the file is another network's.
ASTRAY = 0.1


class Loading(NamedTuple):
    """What became of the tensors when a model was filled from a file."""

    wanted: int  # the model's tensors
    missing: list[str]  # of these, in no file
    unexpected: list[str]  # the file's, without a place


def with_weights(
    name: str, given: dict[str, Any], weights: Path | str, names: Collection[str]
) -> nn.Module:
    """A model of that name, built of these arguments, with a file's weights.

    weights: the file's path, or FETCHED. names: of the model's tensors. Raises NetworkError,
    DataError.
    """
    timm = timm_library()
    file: Path | None
    if isinstance(weights, Path):
        what, file = f"init={weights}: isn't weights of {TIMM}{name}", weights
    else:
        what = f"pretrained=true: the weights of {TIMM}{name} can't be fetched"
        file = _kept_by_hub(name)
    try:
        overlay = None if file is None else {"state_dict": _read(file, names)}
        with _watched() as loadings:
            model = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, **given
            )
    except (*FAULTS, *_fetching_faults()) as error:  # type: ignore[misc]  # known when it runs
        raise DataError(f"{what} ({one_line(error)})") from None
    # timm's note of where the weights come from: with the tensors in it, each copy of the model
    # would copy them too.
    model.pretrained_cfg["state_dict"] = None
    for loading in loadings:
        _check_loaded(what, loading)
    return model  # type: ignore[no-any-return]


def _read(file: Path, names: Collection[str]) -> dict[str, torch.Tensor]:
    """A file's tensors. Ours to read: some of timm's versions open pickles that can run code."""
    return below_prefix(timm_library().models.clean_state_dict(read_tensors(file)), names)


def _hub() -> ModuleType:
    # timm's: our own networks don't need it. It loads its parts when they are named.
    import huggingface_hub.constants  # noqa: PLC0415
    import huggingface_hub.errors  # noqa: PLC0415

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
        raise NetworkError(
            f"pretrained=true: timm has no weights for {TIMM}{name}; leave it out, or give"
            " init=FILE"
        )
    names = [known.hf_hub_filename] if known.hf_hub_filename else HUB_NAMES
    if not known.hf_hub_id or _answers(_hub_address(known.hf_hub_id, names[0])):
        return None
    for one in names:
        path = hub.try_to_load_from_cache(known.hf_hub_id, one)
        if isinstance(path, str):
            return Path(path)
    raise NetworkError(
        f"pretrained=true: {hub.constants.ENDPOINT} can't be reached for the weights of"
        f" {TIMM}{name}, and they aren't on this machine; is there a network? init=FILE takes them"
        " from a file"
    )


def _hub_address(repository: str, file: str) -> str:
    return str(_hub().hf_hub_url(repository, file, endpoint=_hub().constants.ENDPOINT))


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code < 500  # such a no is an answer, too
    except (OSError, ValueError, HTTPException):
        return False
    return True


@contextlib.contextmanager
def _watched() -> Iterator[list[Loading]]:
    """What timm fills models with in the block, which it only logs, and that far from here.

    It makes and fills a model in one call, so that no hook of the model's sees it.
    """
    found: list[Loading] = []
    load = nn.Module.load_state_dict

    def watched(model: nn.Module, tensors: Any, *words: Any, **options: Any) -> Any:
        result = load(model, tensors, *words, **options)
        names = (list(model.state_dict()), result.missing_keys, result.unexpected_keys)
        # Older files lack the count that norms keep of their batches; nothing is read off it.
        wanted, missing, unexpected = (
            [name for name in some if not name.endswith("num_batches_tracked")] for some in names
        )
        found.append(Loading(len(wanted), missing, unexpected))
        return result

    logger = logging.getLogger("timm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    nn.Module.load_state_dict = watched  # type: ignore[method-assign, assignment]
    try:
        yield found
    finally:
        nn.Module.load_state_dict = load  # type: ignore[method-assign]
        logger.setLevel(level)


def _check_loaded(what: str, loading: Loading) -> None:
    """timm passes over names that it doesn't find, so another network's file may fill a model."""
    for names, fault in (
        (loading.missing, f"{len(loading.missing)} of its {loading.wanted} tensors aren't there"),
        (loading.unexpected, f"{len(loading.unexpected)} tensors have no place in it"),
    ):
        if len(names) > ASTRAY * loading.wanted:
            raise DataError(f"{what}: {fault}, as {names[0]!r}; are they of another network?")
