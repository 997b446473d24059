"""timm, imported where torchvision's compiled part may be missing."""

import importlib
from types import ModuleType

import torch
from safetensors import SafetensorError

from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.settings.types import TIMM
from graphemes.foundation.versions import check_versions

# What timm and the libraries below it raise over a size, an argument or a file.
FAULTS = (
    AssertionError,
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)


def timm_library(wanted_by: str = f"trunk={TIMM}NAME") -> ModuleType:
    """The module timm. Raises MissingPackage, with the setting that it is wanted by.

    Beside a CPU build of torch, torchvision from the package index can't load its compiled
    operators, and importing it (as timm does) stops at "operator torchvision::nms does not exist".
    Nothing here calls them, so declaring them and importing again is enough. Where the compiled
    operators do load they must not be declared before: a second declaration aborts the process.
    """
    check_versions(("timm", "torchvision"))
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"{wanted_by}: {error.name} isn't installed; pip install timm, or take another"
        ) from None
    except RuntimeError as error:
        if _DECLARED or "torchvision::nms" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _DECLARED.append(library)
    return importlib.import_module("timm")


# The declarations live as long as the object that made them.
_DECLARED: list[torch.library.Library] = []
