"""The packages that only drawing needs: an ordinary run doesn't have to install them."""

import importlib
from typing import Any

from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.versions import check_versions


def drawing_package(module: str, package: str) -> Any:
    """The module, imported now. Raises MissingPackage naming what to install."""
    check_versions((package,))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingPackage(
            f"drawing handwriting needs the package {package}: pip install {package}"
        ) from None
