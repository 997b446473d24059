"""Pictures from wherever people have them: arrays, files, folders, Pillow's images.

N pictures, H x W pixels; scans are (137, 236) uint8, 255 paper .. 0 ink.
"""

import io
import os
import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
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
MOST_SCANS = 100  # of a progressive JPEG, each a pass over all its pixels; cameras make about ten
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
    given = _given(images)
    if not given:
        raise DataError("no pictures: expected one or more")
    files = [Path(one) for one in given if isinstance(one, str | os.PathLike)]
    names = [str(path) for path in files] if len(files) == len(given) else None
    return Images(len(given), lambda row: _scan(given[row], row), names)


def _given(images: Any) -> Sequence[OneImage]:
    if isinstance(images, str | os.PathLike):
        path = Path(images)
        return image_files(path) if path.is_dir() and str(images) else [path]
    if isinstance(images, Image.Image):
        return [images]
    if hasattr(images, "__array__"):  # also of torch
        array = np.asarray(images)
        if array.dtype.kind in "UO":
            return [str(name) for name in array.ravel().tolist()]
        return [array] if array.ndim == 2 else _rows(array)
    if isinstance(images, Sequence) and not isinstance(images, bytes | bytearray):
        return images
    raise DataError(
        f"pictures: got {type(images).__name__}; expected an array, a file name, one of Pillow's"
        " images, or a list of these"
    )


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
            raise DataError(
                f"{path}: no such file or folder; expected a picture, or a folder of some"
            )
        return [path]
    found = sorted(
        file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    # What other systems leave beside pictures: ._a.png is none.
    shown = [file for file in found if not _is_hidden(file.relative_to(path))]
    if not shown:
        raise DataError(f"{path}: no picture files; expected {', '.join(SUFFIXES)}")
    return shown


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def check_image_files(paths: Sequence[Path]) -> None:
    """Raise DataError for the first file whose head isn't a picture's, before any is read whole."""
    for path in paths:
        with _opened(path, str(path), FORMATS):
            pass


def _scan(image: OneImage, row: int) -> Picture:
    if isinstance(image, str | os.PathLike):
        return scan_of_file(Path(image), str(image))
    try:
        return scan_of(_pixels(image) if isinstance(image, Image.Image) else np.asarray(image))
    except (DataError, *_FAULTS) as error:
        raise DataError(f"picture {row}: {one_line(error)}") from None


def scan_of_file(source: Path | io.BytesIO, name: str, formats: Sequence[str] = FORMATS) -> Picture:
    """The scan (137, 236) of a picture file or its bytes. DataError says by name what is off."""
    with _opened(source, name, formats) as picture:
        try:
            picture.draft("L", (WORKED_AT, WORKED_AT))  # decoded no larger than is of use
            if picture.mode in ("L", "RGB", "RGBA"):
                # Before it is turned and converted: copies of 80 million pixels are 320 MB each.
                picture.thumbnail((WORKED_AT, WORKED_AT))
            return scan_of(_pixels(picture))
        except (DataError, *_FAULTS) as error:
            raise DataError(f"{name}: {one_line(error)}; is it a whole picture?") from None


# What Pillow raises over a damaged file.
_FAULTS = (
    *(OSError, SyntaxError, ValueError, EOFError),
    # Over notes of a camera's, and over odd shapes.
    *(struct.error, TypeError, LookupError, AttributeError, cv2.error),
)


def _opened(source: Path | io.BytesIO, name: str, formats: Sequence[str]) -> Image.Image:
    """A picture file, its head read. Raises DataError where it is none, or too large."""
    try:
        with warnings.catch_warnings():  # our own bound is below that of its error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(source, formats=list(formats))
    except UnidentifiedImageError:
        raise DataError(
            f"{name}: no picture that can be read; expected {_any_of(formats)}"
        ) from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: a picture of too many pixels; make it smaller") from None
    except _FAULTS as error:
        why = getattr(error, "strerror", None) or one_line(error)
        raise DataError(f"{name}: can't be read: {why}") from None
    try:
        check_size(picture.height, picture.width)
        _check_scans(picture)
    except DataError as error:
        picture.close()
        raise DataError(f"{name}: {error}") from None
    return picture


def _check_scans(picture: Image.Image) -> None:
    """Raise DataError for a JPEG that makes work without end: of 114 bytes a pass over it."""
    file: Any = getattr(picture, "fp", None)
    if picture.format != "JPEG" or file is None:
        return
    place = file.tell()
    file.seek(0)
    # In data a byte of FF is followed by 00, so that these two begin a scan (or one of a preview).
    scans = file.read().count(b"\xff\xda")
    file.seek(place)
    if scans > MOST_SCANS:
        raise DataError(f"a JPEG of {scans:,} scans; expected at most {MOST_SCANS}; save it anew")


def _any_of(formats: Sequence[str]) -> str:
    return f"{'one of ' if len(formats) > 1 else ''}{', '.join(formats)}"


def _pixels(picture: Image.Image) -> Picture:
    """(H, W) grey or (H, W, 4) uint8, upright as its camera noted."""
    check_size(picture.height, picture.width)
    if picture.mode.startswith("I") or picture.mode == "F":  # more than 8 bits a pixel
        return _levels(np.asarray(ImageOps.exif_transpose(picture)))
    see_through = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    picture = ImageOps.exif_transpose(picture).convert("RGBA" if see_through else "L")
    if max(picture.size) > WORKED_AT:
        picture.thumbnail((WORKED_AT, WORKED_AT))
    return np.asarray(picture, np.uint8)


def _levels(values: Array) -> Picture:
    """(H, W) of any range to uint8, the lowest 0 and the highest 255; no larger than is of use."""
    wide = values if values.dtype == np.uint16 else values.astype(np.float32)
    factor = WORKED_AT / max(wide.shape)
    if factor < 1:  # first: a picture of 16 bits may have 80 million pixels
        wide = cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    lowest, highest = float(wide.min()), float(wide.max())
    if not np.isfinite(lowest + highest):
        raise DataError("pixels that are not finite")
    levels = (wide.astype(np.float32) - lowest) * (255 / max(highest - lowest, 1))
    return np.asarray(np.rint(levels), np.uint8)
