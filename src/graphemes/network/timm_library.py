"""timm, imported where torchvision's compiled part may be missing."""

import contextlib
import importlib
from types import ModuleType

import torch


def timm_library() -> ModuleType:
    """The module timm.

    Beside the CPU build of torch, torchvision from the package index has no compiled operators, and
    importing it (as timm does) stops at "operator torchvision::nms does not exist". Nothing here
    calls them, so declaring them first is enough.
    """
    with contextlib.suppress(
        RuntimeError
    ):  # declared already: torchvision is whole, or we were here
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        if not hasattr(torch.ops.torchvision, "nms"):
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
            _DECLARED.append(library)
    return importlib.import_module("timm")


# The declarations live as long as the object that made them.
_DECLARED: list[torch.library.Library] = []
