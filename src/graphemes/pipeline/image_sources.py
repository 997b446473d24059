"""Pictures from wherever people have them: arrays, files, folders, Pillow's images.

N pictures, H x W pixels; scans are (137, 236) uint8, 255 paper .. 0 ink.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from graphemes.foundation.errors import DataError, one_line
from graphemes.images.photographs import WORKED_AT, Picture, check_size, scan_of

Array = npt.NDArray[Any]
OneImage: TypeAlias = Array | Image.Image | str | os.PathLike[str]
# One picture, several, or an array (N, H, W).
ImageSource: TypeAlias = OneImage | Sequence[OneImage]
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Images:
    """Pictures to be read, each made into a scan when its turn comes."""

    count: int
    scan: Callable[[int], Picture]  # (137, 236); DataError names the picture that is none
    names: list[str] | None = None  # of files

    def __len__(self) -> int:
        return self.count


def image_source(images: ImageSource) -> Images:
    """The pictures of what was given. Raises DataError for none, or for what is no picture."""
    if isinstance(images, np.ndarray):
        images = [images] if images.ndim == 2 else _rows(images)
    elif isinstance(images, str | os.PathLike | Image.Image):
        images = [images]
    given = list(images)
    if not given:
        raise DataError("no pictures: expected one or more")
    files = [Path(one) for one in given if isinstance(one, str | os.PathLike)]
    names = [str(path) for path in files] if len(files) == len(given) else None
    return Images(len(given), lambda row: _scan(given[row], row), names)


def _rows(images: Array) -> list[Array]:
    """The pictures of an array (N, H, W) or (N, H, W, 3 or 4), or a single (H, W, 3 or 4)."""
    if images.ndim == 3 and images.shape[2] in (3, 4):
        return [images]
    if images.ndim not in (3, 4):
        raise DataError(
            f"an array of shape {images.shape}; expected (N, H, W), or (H, W) for one picture"
        )
    return list(images)


def image_files(path: Path) -> list[Path]:
    """The picture files of a folder and those below it, by name; or the one file.

    Raises DataError if there is none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise DataError(f"images={path}: no such file or folder")
        return [path]
    found = sorted(
        file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not found:
        raise DataError(f"images={path}: no picture files; expected {', '.join(SUFFIXES)}")
    return found


def check_image_files(paths: Sequence[Path]) -> None:
    """Raise DataError for the first file whose head isn't a picture's, before any is read whole."""
    for path in paths:
        with _opened(path):
            pass


def _scan(image: OneImage, row: int) -> Picture:
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        with _opened(path) as picture:
            try:
                return scan_of(_pixels(picture))
            except (DataError, *_FAULTS) as error:
                raise DataError(f"{path}: {one_line(error)}; is it a whole picture?") from None
    try:
        return scan_of(_pixels(image) if isinstance(image, Image.Image) else np.asarray(image))
    except (DataError, *_FAULTS) as error:
        raise DataError(f"picture {row}: {one_line(error)}") from None


# What Pillow raises over a damaged file.
_FAULTS = (OSError, SyntaxError, ValueError, EOFError)


def _opened(path: Path) -> Image.Image:
    """A picture file, its head read. Raises DataError where it is none, or too large."""
    try:
        with warnings.catch_warnings():  # our own bound is below that of its error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: no picture that can be read; expected one of {', '.join(FORMATS)}"
        ) from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}: a picture of too many pixels; make it smaller") from None
    except _FAULTS as error:
        why = getattr(error, "strerror", None) or one_line(error)
        raise DataError(f"{path}: can't be read: {why}") from None
    try:
        check_size(picture.height, picture.width)
    except DataError as error:
        picture.close()
        raise DataError(f"{path}: {error}") from None
    return picture


def _pixels(picture: Image.Image) -> Picture:
    """(H, W) grey or (H, W, 4) uint8, upright as its camera noted."""
    check_size(picture.height, picture.width)
    picture.draft("L", (WORKED_AT, WORKED_AT))  # a JPEG is decoded no larger than is of use
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":  # more than 8 bits a pixel
        values = np.asarray(picture, np.float64)
        lowest, highest = float(values.min()), float(values.max())
        return np.rint((values - lowest) * (255 / max(highest - lowest, 1))).astype(np.uint8)
    see_through = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    picture = picture.convert("RGBA" if see_through else "L")
    if max(picture.size) > WORKED_AT:
        picture.thumbnail((WORKED_AT, WORKED_AT))
    return np.asarray(picture, np.uint8)
