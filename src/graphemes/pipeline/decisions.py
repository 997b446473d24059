"""The decision rule that labels are given by: the one asked for, or the one that won on tables.

decisions.json lies in a run's folder beside its folds, in a pack beside theirs, or beside weights
that were exported. It fits weights of the run whose tables it was fitted on; and those that this
run trained on every row, whose settings and data are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from graphemes.evaluation.decide import Argmax, Decision
from graphemes.evaluation.decision_files import DecisionFile, read_decisions, rule_digest
from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import CALL, DECISIONS
from graphemes.foundation.settings.types import Decide
from graphemes.network.weights import WeightsRecord
from graphemes.pipeline.identity import RunIdentity


@dataclass(frozen=True)
class ChosenRule:
    """A rule, and where it comes from."""

    rule: Decision
    why: str  # a line for people
    file: Path | None = None  # the decisions.json that it is of

    @property
    def summary(self) -> str:
        """What a submission remembers of it: name and, of parameters, a digest."""
        digest = "" if isinstance(self.rule, Argmax) else f" {rule_digest(self.rule)}"
        return f"{self.rule.name}{digest}"


def choose_rule(
    decide: Decide, weights: Sequence[Path], identities: Sequence[RunIdentity]
) -> ChosenRule:
    """The rule for what weights say, whose runs are `identities`; argmax where auto finds no other.

    Raises DataError for a decisions.json that can't be read and, where a rule is asked for by
    name, if there is none that fits.
    """
    if decide == "argmax":
        return ChosenRule(Argmax(), "decide=argmax: the likeliest class of each head")
    reason = f"no {DECISIONS} beside the weights"
    for path in decision_files(weights):
        found = read_decisions(path)
        misfit = differences(found, identities)
        if not misfit:
            return _taken(decide, found)
        reason = f"{path} was fitted for another run ({'; '.join(misfit[:4])})"
    if decide == "auto":
        return ChosenRule(Argmax(), f"decide=auto: argmax; {reason}")
    raise DataError(
        f"decide={decide}: {reason}; expected one that is fitted on this run's out-of-fold tables"
        f" ({CALL} score decide={decide} writes it); or leave decide out"
    )


def _taken(decide: Decide, found: DecisionFile) -> ChosenRule:
    name = found.winner if decide == "auto" else decide
    row, argmax = found.nested[name], found.nested[Argmax.name]
    won = f"nested {row.judged:.4f}, argmax {argmax.judged:.4f}"
    if name == Argmax.name:
        won = f"nested {argmax.judged:.4f}, and no other gains beyond its error"
    return ChosenRule(
        found.rules[name], f"decide={decide}: {name} by {found.path} ({won})", found.path
    )


def decision_files(weights: Sequence[Path]) -> list[Path]:
    """The decisions.json beside weights, or beside the folders of their folds, each once."""
    places = [path.parent / DECISIONS for path in weights]
    # Only of a fold's folder, as runs, packs and exports name them: the next is somebody else's.
    places += [
        path.parent.parent / DECISIONS
        for path in weights
        if path.parent.name.startswith(("fold", "weights"))
    ]
    return [path for path in dict.fromkeys(places) if path.is_file()]


def differences(found: DecisionFile, identities: Sequence[RunIdentity]) -> list[str]:
    """What differs between the run of a decisions.json and others, for people. Raises DataError."""
    kept = _identity(found)
    return list(
        dict.fromkeys(
            difference
            for asked in identities
            for difference in kept.differences(_with_folds(asked, kept), "here")
        )
    )


def _identity(found: DecisionFile) -> RunIdentity:
    try:
        return RunIdentity.from_json(found.identity)
    except ValueError:
        raise DataError(
            f"{found.path}: identity: holds no run's; delete it and run score again"
        ) from None


def _with_folds(asked: RunIdentity, kept: RunIdentity) -> RunIdentity:
    """With the other's folds, where it has none (`without_folds`)."""
    folds = {key: value for key, value in kept.digests.items() if key == "folds"}
    return replace(asked, digests={**folds, **asked.digests})


def without_folds(identity: RunIdentity) -> RunIdentity:
    """An identity that decisions fit whatever their folds: of what was trained on every row."""
    kept = {key: value for key, value in identity.digests.items() if key != "folds"}
    return replace(identity, digests=kept)


def identities_of(
    records: Sequence[WeightsRecord], otherwise: Mapping[str, str] = MappingProxyType({})
) -> list[RunIdentity]:
    """Of each file's record its run's, with what is asked to be otherwise than in training."""
    # Not with other views: they move probabilities little, and what rules know is of classes.
    otherwise = {key: value for key, value in otherwise.items() if key != "tta"}
    found = []
    for record in records:
        settings = {**record.settings, **otherwise}
        one = RunIdentity(settings, record.digests, record.classes, record.demo)
        found.append(without_folds(one) if record.fold == "none" else one)
    return found
