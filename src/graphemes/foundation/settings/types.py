"""The types of settings that are more than a number or a word, and what they are called."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from graphemes.foundation.addresses import Address, read_address
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.places import need_utf8

Crop = Literal["ink", "none"]
EraseKind = Literal["box", "grid"]
FoldRule = Literal["stratified", "grapheme"]
Wish = Literal["auto", "true", "false"]
Pool = Literal["avg", "gem", "max", "avgmax"]
GraphemePool = Literal["mean", "sum"]
Decide = Literal["auto", "argmax", "prior", "tuned", "joint"]
Shortcut = Literal["project", "pad", "none"]
Stem = Literal["7x7", "3x3", "3x3s1", "deep"]
Attention = Literal["none", "se", "scse", "cbam"]
Mix = Literal["none", "cutmix", "mixup", "fmix", "resizemix", "any"]
LossName = Literal["cross_entropy", "focal", "balanced", "adjusted"]
Tta = Literal["none", "shifts", "scales"]
NAMELESS = "-"  # in runs=, the run without a name: no run can be called that
TIMM = "timm/"  # before the name of a trunk of that library


class ImageSize(NamedTuple):
    """Pixels of a picture, height first."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


def _image_size(value: Any) -> ImageSize:
    if isinstance(value, ImageSize):
        return value
    found = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", str(value))
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or min(sides) < 16 or max(sides) > 1024:
        raise ValueError("no size")
    return ImageSize(sides[0], sides[-1])


def _image_sizes(value: Any) -> tuple[ImageSize, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(_image_size(part) for part in str(value).split(","))


def _widths(value: Any) -> tuple[int, ...]:
    if isinstance(value, tuple):
        return value
    if not re.fullmatch(r"[0-9]{1,4}(,[0-9]{1,4}){3}", str(value)):
        raise ValueError("no four widths")
    widths = [int(part) for part in str(value).split(",")]
    if any(w % 8 for w in widths) or widths[0] < 8 or widths[-1] > 2048 or widths != sorted(widths):
        raise ValueError("no such widths")
    return tuple(widths)


def _listed(values: tuple[Any, ...] | None) -> str | None:
    return None if values is None else ",".join(map(str, values))


class Share(NamedTuple):
    """A share that goes in a straight line from the first epoch's to the last epoch's, 0 to 1."""

    first: float
    last: float

    def __str__(self) -> str:
        ends = [f"{end:.12g}" for end in self]
        return ":".join(dict.fromkeys(ends))

    def at(self, epoch: int, epochs: int) -> float:
        """The share in epoch 0, 1, ... of so many; a single epoch has the first."""
        return self.first + (self.last - self.first) * epoch / max(1, epochs - 1)

    @property
    def whole(self) -> bool:
        """Whether it is 1 throughout."""
        return self.first == self.last == 1


def _share(value: Any) -> Share:
    if isinstance(value, Share):
        return value
    number = r"([0-9]*\.?[0-9]+(?:e-?[0-9]+)?)"
    found = re.fullmatch(f"{number}(?::{number})?", str(value))
    ends = [float(end) for end in found.groups() if end] if found else []
    if not ends or max(ends) > 1:
        raise ValueError("no share")
    return Share(ends[0], ends[-1])


class HeadWeights(NamedTuple):
    """What each head weighs in the loss, in the order of the heads."""

    root: float
    vowel: float
    consonant: float

    def __str__(self) -> str:
        return ":".join(f"{weight:.12g}" for weight in self)


def _head_weights(value: Any) -> HeadWeights:
    if isinstance(value, HeadWeights):
        return value
    parts = str(value).split(":")
    if len(parts) != 3 or not all(re.fullmatch(r"[0-9]{0,4}\.?[0-9]{1,4}", part) for part in parts):
        raise ValueError("no three weights")
    weights = HeadWeights(*map(float, parts))
    if not any(weights):
        raise ValueError("no weight above 0")
    return weights


def _duration(value: Any) -> int:
    found = re.fullmatch(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", str(value))
    if isinstance(value, int):
        return value
    if not found or not any(found.groups()):
        raise ValueError("no duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if not hours + minutes + seconds:
        raise ValueError("no time at all")
    return 3600 * hours + 60 * minutes + seconds


def _fold_choice(value: Any) -> tuple[int, ...] | str:
    if isinstance(value, tuple) or value in ("all", "none"):
        return value  # type: ignore[no-any-return]
    if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", str(value)):
        raise ValueError("no folds")
    folds = [int(part) for part in str(value).split(",")]
    _check_once([f"fold={fold}" for fold in folds])
    return tuple(sorted(folds))


def _fold_source(value: Any) -> int | Path:
    if isinstance(value, (int, Path)):
        return value
    if re.fullmatch(r"[+-]?[0-9]+", value):
        if not 2 <= int(value) <= 100:
            raise ValueError("no count")
        return int(value)
    if not value.endswith(".csv"):
        raise ValueError("no path")
    return _path(value)


def _synthetic_source(value: Any) -> int | Path:
    if isinstance(value, (int, Path)):
        return value
    if not re.fullmatch(r"[+-]?[0-9]+", value):
        return _path(value)
    if not 1 <= int(value) <= 10_000_000:
        raise ValueError("no count")
    return int(value)


def _grapheme_choice(value: Any) -> str | Path:
    return value if value in ("seen", "unseen", "all") else _path(value)


def _path(value: Any) -> Path:
    if not str(value) or "\0" in str(value):
        raise ValueError("no path")
    try:
        path = Path(value).expanduser().absolute()
    except RuntimeError as error:  # ~somebody who isn't there
        raise ValueError(str(error)) from None
    need_utf8(path)
    return path


def _data_place(value: Any) -> Path | Address:
    found = read_address(value) if isinstance(value, str) else None
    return found if found and not isinstance(found, Path) else _path(found or value)


def _csv_path(value: Any) -> Path:
    path = _path(value)
    if path.suffix != ".csv":
        raise ValueError("no CSV")
    return path


def _paths(value: Any) -> tuple[Path, ...]:
    if isinstance(value, tuple):
        return value
    paths = tuple(_path(part) for part in str(value).split(","))
    _check_once([str(path) for path in paths])
    return paths


def _packed_weights(value: Any) -> tuple[Path, ...] | str:
    return value if value == "none" else _paths(value)


def _run_name(value: Any) -> str:
    name = str(value)
    # Names that the files of runs without a name have already.
    taken = (
        r"folds?[0-9.].*|folds?|folds-by-grapheme\..*|foldnone|scores\.json|shares\.json"
        r"|decisions\.json|ensembles|report\.html|runs\.html"
        r"|submission|probabilities|README\.md|pack|export|images|ablation\..*"
    )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or re.fullmatch(taken, name):
        raise ValueError("no name")
    return name


def _run_names(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, tuple) else tuple(str(value).split(","))
    names = tuple(part if part == NAMELESS else _run_name(part) for part in parts)
    _check_once([f"runs={name}" for name in names])
    if len(names) < 2:
        raise ValueError("one run")
    return names


def _shares(value: Any) -> tuple[float, ...] | str:
    if value in ("auto", "equal"):
        return str(value)
    parts = value if isinstance(value, tuple) else str(value).split(",")
    shares = tuple(float(part) for part in parts)
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError("no shares")
    return shares


def _trunk(value: Any) -> str:
    name = str(value)
    if not re.fullmatch(rf"({TIMM})?[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError("no name")
    return name


def _trunks(value: Any) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    trunks = tuple(_trunk(part) for part in str(value).split(","))
    _check_once([f"trunk={trunk}" for trunk in trunks])
    return trunks


def _check_once(parts: list[str]) -> None:
    """Raise SettingsError for a part of a list that stands in it twice."""
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is given twice; give it once")


def _kaggle_user(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{3,}", str(value)):
        raise ValueError("no user name")
    return str(value)


def _device(value: Any) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?", str(value)):
        raise ValueError("no device")
    return str(value)


class Expected(NamedTuple):
    """How a type is named to people, in errors and in help."""

    text: str


Size = Annotated[
    ImageSize,
    BeforeValidator(_image_size),
    PlainSerializer(str),
    Expected("a side or HEIGHTxWIDTH, 16 to 1024, as 64 or 137x236"),
]
Sizes = Annotated[
    tuple[ImageSize, ...],
    BeforeValidator(_image_sizes),
    PlainSerializer(_listed),
    Expected("sizes as image_size takes them, with commas between, as 32,48,64"),
]
Widths = Annotated[
    tuple[int, ...],
    BeforeValidator(_widths),
    PlainSerializer(_listed),
    Expected("four multiples of 8, 8 to 2048, none below the one before, as 64,128,256,512"),
]
ShareOfEpochs = Annotated[
    Share,
    BeforeValidator(_share),
    PlainSerializer(str),
    Expected("a share from 0 to 1, as 0.5, or the first and the last epoch's, as 0.8:0.2"),
]
LossWeights = Annotated[
    HeadWeights,
    BeforeValidator(_head_weights),
    PlainSerializer(str),
    Expected("weights of root, vowel and consonant, not all 0, as 2:1:1"),
]
Duration = Annotated[int, BeforeValidator(_duration), Expected("a time, as 8h30m, 45m or 90s")]
FoldChoice = Annotated[
    tuple[int, ...] | Literal["all", "none"],
    BeforeValidator(_fold_choice),
    Expected("a fold, as 0; some, as 0,2; all; or none"),
]
FoldSource = Annotated[
    int | Path,
    BeforeValidator(_fold_source),
    Expected("a count from 2 to 100, or the path of a .csv"),
]
GraphemeChoice = Annotated[
    Literal["seen", "unseen", "all"] | Path,
    BeforeValidator(_grapheme_choice),
    Expected("seen, unseen, all, or the path of a file with a grapheme or label triple a line"),
]
SyntheticSource = Annotated[
    int | Path,
    BeforeValidator(_synthetic_source),
    Expected("a folder that synthesise made, or how many images to draw, 1 to 10,000,000"),
]
SomePath = Annotated[Path, BeforeValidator(_path), Expected("a path")]
DataPlace = Annotated[
    Path | Address,
    BeforeValidator(_data_place),
    Expected("a path, or an address as s3://bucket/folder"),
]
CsvPath = Annotated[Path, BeforeValidator(_csv_path), Expected("the path of a .csv")]
SomePaths = Annotated[
    tuple[Path, ...],
    BeforeValidator(_paths),
    Expected("a path, or several with commas between"),
]
PackedWeights = Annotated[
    tuple[Path, ...] | Literal["none"],
    BeforeValidator(_packed_weights),
    Expected("a path, several with commas between, or none"),
]
TrunkName = Annotated[
    str,
    BeforeValidator(_trunk),
    Expected("one of our own that `networks` lists, as resnet34, or timm/NAME"),
]
TrunkNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_trunks),
    Expected("a trunk as train takes it, or several with commas between"),
]
RunName = Annotated[
    str,
    BeforeValidator(_run_name),
    Expected("a word of letters, digits, '.', '_', '-', other than fold0, submission and the like"),
]
RunNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_run_names),
    Expected("two or more runs as name= has them, with commas between; - is the one without"),
]
Shares = Annotated[
    tuple[float, ...] | Literal["auto", "equal"],
    BeforeValidator(_shares),
    Expected("auto, equal, or a share from 0 to 1 for each run, together 1, as 0.6,0.4"),
]
KaggleUser = Annotated[
    str,
    BeforeValidator(_kaggle_user),
    Expected("a Kaggle user name, as in kaggle.com/NAME: 3 or more letters, digits, '-', '_'"),
]
DeviceName = Annotated[
    str, BeforeValidator(_device), Expected("auto, cpu, mps, cuda or cuda:NUMBER")
]
Workers = Annotated[int, Field(ge=0, le=64)]
