"""decisions.json: fitted decision rules, what each reached when judged, and the one to take.

By `identity` (of a run), `tables` (the digest of each fold's out-of-fold table) and `seed` whoever
reads it knows whether it fits. `nested` has a row a rule, `rules` their parameters, `graphemes` the
training images of each grapheme by its labels: "15 9 5".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphemes.evaluation.decide import SHAPE, Argmax, Decision, Joint, Prior, Tuned
from graphemes.evaluation.nested import Fitted, Outcome
from graphemes.evaluation.unseen import SubsetScores
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, read_json, write_json
from graphemes.foundation.heads import HEADS, PerHead

FORMAT = 1
_ADVICE = "delete it and run score again"
# Beyond these float32 has no room for products.
_Power = Annotated[float, Field(ge=0, le=4)]
_Weight = Annotated[float, Field(ge=1e-9, le=1e9)]
_RuleName = Literal["argmax", "prior", "tuned", "joint"]
RULES: tuple[_RuleName, ...] = ("argmax", "prior", "tuned", "joint")


class _Part(BaseModel):
    """Checked as it is read: types, sizes, bounds, no nan."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


class _Powers(_Part):
    root: _Power
    vowel: _Power
    consonant: _Power


class _UnseenPriors(_Part):
    root: _Weight
    vowel: _Weight
    consonant: _Weight


class _ClassWeights(_Part):
    root: Annotated[list[_Weight], Field(min_length=SHAPE[0], max_length=SHAPE[0])]
    vowel: Annotated[list[_Weight], Field(min_length=SHAPE[1], max_length=SHAPE[1])]
    consonant: Annotated[list[_Weight], Field(min_length=SHAPE[2], max_length=SHAPE[2])]


class _Prior(_Part):
    powers: _Powers


class _Tuned(_Part):
    weights: _ClassWeights


class _Joint(_Part):
    powers: _Powers
    grapheme_powers: _Powers
    unseen: _UnseenPriors


class _Rules(_Part):
    prior: _Prior
    tuned: _Tuned
    joint: _Joint


class NestedRow(_Part):
    """What a rule reached when judged, as decisions.json has it."""

    score: float
    judged: float  # the score by which rules are chosen: weighted where images are unseen
    gain: float  # of it, over argmax's
    error: float  # the gain's standard error
    recall: dict[str, float]
    seen: float | None = None  # None where there are none, or nobody knows
    unseen: float | None = None
    weighted: float | None = None


class _File(_Part):
    format: Literal[1]
    identity: dict[str, Any]
    tables: dict[str, str]
    seed: int
    images: Annotated[int, Field(ge=1)]
    judged_by: Literal["score", "weighted"]
    winner: _RuleName
    nested: dict[_RuleName, NestedRow]
    rules: _Rules
    graphemes: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^\d{1,3} \d{1,2} \d$")],
            Annotated[int, Field(ge=1, le=10**9)],
        ],
        Field(min_length=1),
    ]


@dataclass(frozen=True)
class DecisionFile:
    """What decisions.json holds."""

    path: Path
    identity: dict[str, Any]  # of the run
    tables: dict[str, str]  # digests, by fold
    seed: int
    winner: str
    images: int
    nested: dict[str, NestedRow]
    judged_by: str
    rules: dict[str, Decision]


def read_decisions(path: Path) -> DecisionFile:
    """A checked file. Raises DataError that names what is off in it."""
    try:
        found = _File.model_validate(read_json(path))
        counts = _counts(found.graphemes)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path}: {place}: {first['msg']}; {_ADVICE}") from None
    except IndexError:
        raise DataError(f"{path}: graphemes: a label is no class; {_ADVICE}") from None
    missing = [name for name in RULES if name not in found.nested]
    if missing:
        raise DataError(f"{path}: nested: has no {missing[0]}; {_ADVICE}")
    return DecisionFile(
        path,
        found.identity,
        found.tables,
        found.seed,
        found.winner,
        found.images,
        {name: found.nested[name] for name in RULES},
        found.judged_by,
        _rules(found.rules, counts),
    )


def _rules(found: _Rules, counts: Integers) -> dict[str, Decision]:
    joint = found.joint
    return {
        Argmax.name: Argmax(),
        Prior.name: Prior(_values(found.prior.powers), counts),
        Tuned.name: Tuned(_values(found.tuned.weights).map(_float32)),
        Joint.name: Joint(
            _values(joint.powers), _values(joint.grapheme_powers), _values(joint.unseen), counts
        ),
    }


def _values(part: _Part) -> PerHead[Any]:
    return HEADS.map(lambda head: getattr(part, head.name))


def _float32(values: list[float]) -> Any:
    return np.array(values, np.float32)


def _counts(graphemes: Mapping[str, int]) -> Integers:
    counts = np.zeros(SHAPE, np.int64)
    for labels, images in graphemes.items():
        counts[tuple(map(int, labels.split()))] = images
    return counts


def write_decisions(
    path: Path,
    fitted: Fitted,
    *,
    identity: dict[str, Any],
    tables: Mapping[str, str],
    seed: int,
) -> None:
    """Write decisions.json whole or not at all: the rules and how they were judged."""
    rules = {name: rule_json(rule) for name, rule in fitted.rules.items()}
    graphemes = rules[Joint.name]["graphemes"]
    parameters = {
        name: {key: value for key, value in rule.items() if key not in ("rule", "graphemes")}
        for name, rule in rules.items()
        if name != Argmax.name
    }
    value = {
        "format": FORMAT,
        "winner": fitted.winner,
        "judged_by": "weighted" if fitted.weighted else "score",
        "images": fitted.outcomes[Argmax.name].overall.n,
        "nested": {name: row.model_dump() for name, row in nested_rows(fitted).items()},
        "identity": identity,
        "tables": dict(tables),
        "seed": seed,
        "rules": parameters,
        "graphemes": graphemes,
    }
    write_json(path, value)


def rule_json(rule: Decision) -> dict[str, Any]:
    """A rule alone, as exports carry it: its name, its parameters, and the counts it needs."""
    if isinstance(rule, Prior):
        own: dict[str, Any] = {"powers": rule.powers._asdict()}
    elif isinstance(rule, Tuned):
        # As decimals that give the same float32 and no more digits.
        lists = rule.weights.map(lambda each: [float(str(value)) for value in each])
        return {"rule": rule.name, "weights": lists._asdict()}
    elif isinstance(rule, Joint):
        own = {
            "powers": rule.powers._asdict(),
            "grapheme_powers": rule.grapheme_powers._asdict(),
            "unseen": rule.unseen._asdict(),
        }
    else:
        return {"rule": rule.name}
    return {"rule": rule.name, **own, "graphemes": _graphemes(rule.counts)}


def rule_digest(rule: Decision) -> str:
    """Other parameters, other digest."""
    return digest(json.dumps(rule_json(rule), sort_keys=True).encode())


def _graphemes(counts: Integers) -> dict[str, int]:
    return {
        " ".join(map(str, labels)): int(counts[tuple(labels)])
        for labels in np.argwhere(counts).tolist()
    }


def nested_rows(fitted: Fitted) -> dict[str, NestedRow]:
    """A row a rule."""
    return {name: _row(one) for name, one in fitted.outcomes.items()}


def _row(one: Outcome) -> NestedRow:
    subsets = one.subsets or SubsetScores(None, None, None)
    return NestedRow(
        score=one.overall.score,
        judged=one.judged,
        gain=one.gain,
        error=one.error,
        recall=one.overall.recall._asdict(),
        seen=None if subsets.seen is None else subsets.seen.score.score,
        unseen=None if subsets.unseen is None else subsets.unseen.score.score,
        weighted=None if subsets.weighted is None else subsets.weighted.score,
    )


def decision_lines(nested: Mapping[str, NestedRow]) -> list[str]:
    """The nested scores as a table for people; seen and unseen apart where both are there."""
    unseen = nested[Argmax.name].unseen is not None
    titles = ("seen", "unseen", "weighted") if unseen else ()
    lines = [f"decide{'score':>9}{'gain':>9}{'+-':>9}" + "".join(f"{one:>10}" for one in titles)]
    for name, row in nested.items():
        gain = "" if name == Argmax.name else f"{row.gain:>+9.4f}{row.error:>9.4f}"
        found = [getattr(row, title) for title in titles]
        apart = "".join(f"{'' if one is None else f'{one:.4f}':>10}" for one in found)
        lines.append(f"{name:<6}{row.score:>9.4f}{gain:<18}{apart}".rstrip())
    return lines
