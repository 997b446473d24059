"""decisions.json: fitted decision rules, what each reached when judged, and the one to take.

By `identity` (of a run), `tables` (the digest of each fold's out-of-fold table) and `seed` whoever
reads it knows whether it fits. `nested` has a row a rule, and one of `auto`: what it is to choose
among them. `rules` has their parameters, `graphemes` the training images of each grapheme by its
labels, "15 9 5", `graphemes_of_all` those of all rows, for what trained on every row. `checksum` is
of all else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from graphemes.evaluation.decide import SHAPE, Argmax, Decision, Joint, Prior, Tuned
from graphemes.evaluation.decision_report import nested_rows
from graphemes.evaluation.decision_schema import (
    FORMAT,
    RULES,
    FileContent,
    NestedRow,
    Parameters,
    Part,
)
from graphemes.evaluation.nested import Fitted
from graphemes.evaluation.winners import AUTO
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, read_json, write_json
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.types import Decide

_ADVICE = "delete it and run score again"


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
    whole: Integers | None  # images of each grapheme in all rows, where that is known

    def row(self, decide: Decide) -> NestedRow:
        """What was reached on images that nothing was fitted on, by what `decide` takes here."""
        return self.nested.get(decide, self.nested[self.winner])  # earlier files lack AUTO's

    def taken(self, decide: Decide, *, whole: bool = False) -> Decision:
        """The rule that `decide` takes here; of what trained on every row where `whole`."""
        rule = self.rules[self.winner if decide == AUTO else decide]
        if whole and self.whole is not None and isinstance(rule, Prior | Joint):
            return replace(rule, counts=self.whole)
        return rule


def read_decisions(path: Path) -> DecisionFile:
    """A checked file. Raises DataError that names what is off in it."""
    try:
        value = read_json(path)
        found = FileContent.model_validate(value)
        counts = _counts(found.graphemes)
        whole = None if found.graphemes_of_all is None else _counts(found.graphemes_of_all)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path}: {place}: {first['msg']}; {_ADVICE}") from None
    except IndexError:
        raise DataError(f"{path}: graphemes: a label is no class; {_ADVICE}") from None
    missing = [name for name in RULES if name not in found.nested]
    if missing:
        raise DataError(f"{path}: nested: has no {missing[0]}; {_ADVICE}")
    if found.checksum not in (None, _checksum(value)):
        raise DataError(f"{path}: isn't as it was written (another checksum); {_ADVICE}")
    return DecisionFile(
        path,
        found.identity,
        found.tables,
        found.seed,
        found.winner,
        found.images,
        {name: found.nested[name] for name in (*RULES, AUTO) if name in found.nested},
        found.judged_by,
        _rules(found.rules, counts),
        whole,
    )


def _rules(found: Parameters, counts: Integers) -> dict[str, Decision]:
    joint = found.joint
    return {
        Argmax.name: Argmax(),
        Prior.name: Prior(_values(found.prior.powers), counts),
        Tuned.name: Tuned(_values(found.tuned.weights).map(_float32)),
        Joint.name: Joint(
            _values(joint.powers), _values(joint.grapheme_powers), _values(joint.unseen), counts
        ),
    }


def _values(part: Part) -> PerHead[Any]:
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
    if fitted.whole is not None:
        value["graphemes_of_all"] = _graphemes(fitted.whole)
    write_json(path, {**value, "checksum": _checksum(value)})


def _checksum(value: Mapping[str, Any]) -> str:
    """A digest of a file's JSON but for its checksum itself."""
    rest = {key: inner for key, inner in value.items() if key != "checksum"}
    return digest(json.dumps(rest, sort_keys=True).encode())


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
