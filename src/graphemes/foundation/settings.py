"""Settings: one frozen model a command, built from shared groups, checked at the door."""

import difflib
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from graphemes.foundation.errors import SettingsError

Crop = Literal["ink", "none"]
Wish = Literal["auto", "true", "false"]


class ImageSize(NamedTuple):
    """Pixels of a picture, height first."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


def _image_size(value: Any) -> ImageSize:
    if isinstance(value, ImageSize):
        return value
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", str(value))
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or min(sides) < 16 or max(sides) > 1024:
        raise ValueError("no size")
    return ImageSize(sides[0], sides[-1])


def _duration(value: Any) -> int:
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", str(value))
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
    if not re.fullmatch(r"\d+(,\d+)*", str(value)):
        raise ValueError("no folds")
    return tuple(sorted({int(part) for part in str(value).split(",")}))


def _fold_source(value: Any) -> int | Path:
    if isinstance(value, (int, Path)):
        return value
    if re.fullmatch(r"[+-]?\d+", value):
        if not 2 <= int(value) <= 100:
            raise ValueError("no count")
        return int(value)
    if not value.endswith(".csv"):
        raise ValueError("no path")
    return _path(value)


def _path(value: Any) -> Path:
    if not str(value):
        raise ValueError("no path")
    return Path(value).expanduser().absolute()


def _paths(value: Any) -> tuple[Path, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(_path(part) for part in str(value).split(","))


def _run_name(value: Any) -> str:
    name = str(value)
    # Names that the files of runs without a name have already.
    taken = r"folds?[0-9.].*|folds?|foldnone|scores\.json|submission|probabilities|README\.md"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or re.fullmatch(taken, name):
        raise ValueError("no name")
    return name


def _device(value: Any) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,2})?", str(value)):
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
SomePath = Annotated[Path, BeforeValidator(_path), Expected("a path")]
SomePaths = Annotated[
    tuple[Path, ...],
    BeforeValidator(_paths),
    Expected("a path, or several with commas between"),
]
RunName = Annotated[
    str,
    BeforeValidator(_run_name),
    Expected("a word of letters, digits, '.', '_', '-', other than fold0, submission and the like"),
]
DeviceName = Annotated[
    str, BeforeValidator(_device), Expected("auto, cpu, mps, cuda or cuda:NUMBER")
]
Workers = Annotated[int, Field(ge=0, le=64)]


class Settings(BaseModel):
    """What every command's settings share: frozen, no unknown keys, no nan."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False
    )

    def with_values(self, values: dict[str, Any]) -> Self:
        """A checked copy with `values` in place of what the user left open."""
        given = {key: getattr(self, key) for key in self.model_fields_set}
        return type(self).model_validate({**values, **given})


Model = TypeVar("Model", bound=Settings)


class Places(Settings):
    """Where things are read and written."""

    data_dir: SomePath | None = Field(
        None, description="the competition's files (default: the usual places, else the demo)"
    )
    work_dir: SomePath | None = Field(
        None, description="holds folds/, submissions/, data/cache/ (default: beside run.sh)"
    )
    name: RunName | None = Field(
        None, description="keeps a run apart: folds/NAME/, submissions/NAME.csv"
    )


class Machine(Settings):
    """What it runs on."""

    device: DeviceName = Field("auto", description="auto takes a GPU if there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the arithmetic; auto takes what the device does fast"
    )
    workers: Workers | Literal["auto"] = Field(
        "auto", description="processes that make pictures; the pictures stay the same"
    )


class Folding(Settings):
    """How the images are split."""

    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")
    seed: int = Field(0, ge=0, lt=2**32, description="of folds, first weights and augmentation")


class Learning(Settings):
    """What decides which weights come out: two runs that differ here are different runs."""

    epochs: int = Field(40, ge=1, le=10_000, description="passes over the training rows")
    batch_size: int = Field(64, ge=2, le=65_536, description="images a step")
    lr: float = Field(3e-3, gt=0, le=10, description="highest learning rate of AdamW")
    weight_decay: float = Field(0.02, ge=0, le=10, description="of weights; norms, biases none")
    schedule: Literal["onecycle", "cosine"] = Field("onecycle", description="of the learning rate")
    warmup: float = Field(0.15, ge=0, lt=1, description="share of the steps spent warming up")
    clip: float = Field(5.0, gt=0, description="greatest norm of a step's gradient")
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the weights' running mean; 0: off")
    image_size: Size = Field(ImageSize(128, 128), description="of the pictures")
    crop: Crop = Field("ink", description="cut scans to their ink, or take them whole")
    shift: float = Field(0.06, ge=0, le=0.5, description="training: share of the side")
    scale: float = Field(0.15, ge=0, le=0.9, description="training: 0.1 is 0.9 to 1.1")
    rotate: float = Field(10.0, ge=0, le=180, description="training: degrees")
    shear: float = Field(10.0, ge=0, le=60, description="training: degrees")
    trunk: Literal["resnet34"] = Field("resnet34", description="the network below the heads")
    init: SomePath | None = Field(None, description="weights file to start from")
    limit: int | None = Field(
        None, ge=2, description="at most so many rows of each fold's training and validation"
    )
    exclude: SomePath | None = Field(None, description="file of image ids to leave out, one a line")


class TrainSettings(Learning, Folding, Machine, Places):
    """Settings of train."""

    recipe: Literal["auto", "quick", "reference"] = Field(
        "auto", description="values for what isn't given; auto: quick on the demo, else reference"
    )
    fold: FoldChoice = Field((0,), description="which folds to train; none: every row, unvalidated")
    resume: Wish = Field("auto", description="go on with an unfinished fold; false starts afresh")
    time_limit: Duration | None = Field(
        None, description="stop cleanly after the last epoch that fits"
    )
    overwrite: bool = Field(False, description="replace results of other settings or data")
    submission: SomePath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )


class FoldsSettings(Folding, Places):
    """Settings of folds."""

    overwrite: bool = Field(False, description="replace a folds.csv of other data or count")


class ScoreSettings(Machine, Places):
    """Settings of score."""

    oof: SomePaths | None = Field(None, description="out-of-fold tables to read, .parquet")
    weights: SomePaths | None = Field(
        None, description="weights to score on data_dir's images outside their training rows"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time, with weights=")


class PredictSettings(Machine, Places):
    """Settings of predict."""

    weights: SomePaths | None = Field(
        None, description="weights files or folders of them (default: the run's finished folds)"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time")
    overwrite: bool = Field(False, description="replace a submission of other weights or data")
    submission: SomePath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )


class DoctorSettings(Machine, Places):
    """Settings of doctor."""

    fold: FoldChoice = Field((0,), description="folds that a run would train")
    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")


class BenchSettings(Machine, Places):
    """Settings of bench."""

    what: Literal["all", "decode", "step"] = Field("all", description="what to measure")
    repeats: int = Field(3, ge=1, le=100, description="of each; medians are printed")
    batch_size: int = Field(64, ge=2, le=65_536, description="of the training step")
    image_size: Size = Field(ImageSize(64, 64), description="of the training step")


def read_words(model: type[Model], words: list[str]) -> Model:
    """The settings of `key=value` words. Raises SettingsError with a guess or the bounds."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(f"'{word}' is no setting; expected key=value, as fold=0")
        if key in values:
            raise SettingsError(f"setting '{key}' is given twice; give it once")
        if key not in model.model_fields:
            raise SettingsError(f"unknown setting '{key}'{guess(key, list(model.model_fields))}")
        values[key] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise SettingsError(
            f"setting '{key}': got '{values[key]}', expected {expectation(model, key)}"
        ) from None


def guess(word: str, known: list[str]) -> str:
    """'; did you mean X?' if something known is near, else what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"


def expectation(model: type[Settings], key: str) -> str:
    """What values a setting takes: 'an integer of at least 1, at most 10000'."""
    schema = model.model_json_schema()["properties"][key]
    for note in _notes(model.model_fields[key]):
        if isinstance(note, Expected):
            return note.text
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(_option(option) for option in options)


def _notes(field: Any) -> list[Any]:
    """A field's annotations, also those inside `X | None`."""
    parts = getattr(field.annotation, "__args__", ())
    return [
        *field.metadata,
        *(note for part in parts for note in getattr(part, "__metadata__", ())),
    ]


def _option(option: dict[str, Any]) -> str:
    if "const" in option:
        return str(option["const"])
    if "enum" in option:
        return ", ".join(option["enum"][:-1]) + f" or {option['enum'][-1]}"
    name = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f"{word} {option[key]:g}" for key, word in words.items() if key in option]
    text = name.get(option["type"], "text")
    return f"{text}, {', '.join(bounds)}" if bounds else text


def shown(value: Any) -> str:
    """A setting's value as it is written on the command line."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else str(value)
    if isinstance(value, tuple) and not isinstance(value, ImageSize):
        return ",".join(map(str, value))
    return str(value)


def help_lines(model: type[Settings]) -> list[str]:
    """One entry a key: what it means, what it takes, its default."""
    lines = []
    for key, field in model.model_fields.items():
        lines.append(f"  {key}={shown(field.default)}")
        lines.append(f"      {field.description}")
        lines.append(f"      {expectation(model, key)}")
    return lines
