"""The packages of ONNX, imported where they are used: an ordinary run needs none of them."""

from types import ModuleType

from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.versions import check_versions

PACKAGES = ("onnx", "onnxruntime", "onnxscript")  # the extra called export


def onnx_library() -> ModuleType:
    """The module onnx, beside which torch finds onnxscript. Raises MissingPackage."""
    check_versions(PACKAGES)
    try:
        import onnx  # noqa: PLC0415  # may be absent
        import onnx.compose  # noqa: PLC0415
        import onnxscript  # noqa: F401, PLC0415  # torch's exporter stands on it
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return onnx


def onnxruntime_library() -> ModuleType:
    """The module onnxruntime, with its quantisation. Raises MissingPackage."""
    check_versions(PACKAGES)
    try:
        import onnxruntime  # noqa: PLC0415  # may be absent
        import onnxruntime.quantization  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    runtime: ModuleType = onnxruntime
    return runtime


def _missing(error: ModuleNotFoundError) -> MissingPackage:
    return MissingPackage(
        f"format=onnx: {error.name} isn't installed; pip install {' '.join(PACKAGES)}, or take"
        " format=torch_export, hub or weights"
    )
