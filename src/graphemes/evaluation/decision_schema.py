"""What decisions.json may hold: checked as it is read, since anybody can have changed it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphemes.evaluation.decide import SHAPE

FORMAT = 1
# Beyond these float32 has no room for products.
_Power = Annotated[float, Field(ge=0, le=4)]
_Weight = Annotated[float, Field(ge=1e-9, le=1e9)]
_RuleName = Literal["argmax", "prior", "tuned", "joint"]
RULES: tuple[_RuleName, ...] = ("argmax", "prior", "tuned", "joint")


_Graphemes = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[0-9]{1,3} [0-9]{1,2} [0-9]$")],
        Annotated[int, Field(ge=1, le=10**9)],
    ],
    Field(min_length=1),
]


class Part(BaseModel):
    """Checked as it is read: types, sizes, bounds, no nan."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


class _Powers(Part):
    root: _Power
    vowel: _Power
    consonant: _Power


class _UnseenPriors(Part):
    root: _Weight
    vowel: _Weight
    consonant: _Weight


class _ClassWeights(Part):
    root: Annotated[list[_Weight], Field(min_length=SHAPE[0], max_length=SHAPE[0])]
    vowel: Annotated[list[_Weight], Field(min_length=SHAPE[1], max_length=SHAPE[1])]
    consonant: Annotated[list[_Weight], Field(min_length=SHAPE[2], max_length=SHAPE[2])]


class _Prior(Part):
    powers: _Powers


class _Tuned(Part):
    weights: _ClassWeights


class _Joint(Part):
    powers: _Powers
    grapheme_powers: _Powers
    unseen: _UnseenPriors


class Parameters(Part):
    """Of the rules that have some."""

    prior: _Prior
    tuned: _Tuned
    joint: _Joint


class NestedRow(Part):
    """What a rule reached when judged, as decisions.json has it."""

    score: float
    judged: float  # the score by which rules are chosen: weighted where images are unseen
    gain: float  # of it, over argmax's
    error: float  # the gain's standard error
    recall: dict[str, float]
    seen: float | None = None  # None where there are none, or nobody knows
    unseen: float | None = None
    weighted: float | None = None


class FileContent(Part):
    """All of it."""

    format: Literal[1]
    identity: dict[str, Any]
    tables: dict[str, str]
    seed: int
    images: Annotated[int, Field(ge=1)]
    judged_by: Literal["score", "weighted"]
    winner: _RuleName
    nested: dict[_RuleName | Literal["auto"], NestedRow]
    rules: Parameters
    graphemes: _Graphemes
    graphemes_of_all: _Graphemes | None = None
    checksum: str | None = None  # of all else; earlier files have none
