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
from graphemes.evaluation.decision_report import caution, why_won
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
    found: DecisionFile | None = None  # what it is of
    nested: float | None = None  # what it reached on images that it wasn't fitted on
    passed_over: bool = False  # whether a decisions.json is there that couldn't be taken

    @property
    def file(self) -> Path | None:
        """The decisions.json that it is of."""
        return None if self.found is None else self.found.path

    def fitted_on(self, data: str) -> bool:
        """Whether it was fitted on images of the data with this digest."""
        return self.found is not None and _identity(self.found).digests.get("data") == data

    @property
    def summary(self) -> str:
        """What a submission remembers of it: name and, of parameters, a digest."""
        digest = "" if isinstance(self.rule, Argmax) else f" {rule_digest(self.rule)}"
        return f"{self.rule.name}{digest}"


def choose_rule(
    decide: Decide, weights: Sequence[Path], identities: Sequence[RunIdentity]
) -> ChosenRule:
    """The rule for what weights say, whose runs are `identities`; argmax where auto finds no other.

    Raises DataError where a rule is asked for by name, if there is no decisions.json that fits, or
    one that can't be read.
    """
    written = f"this run's out-of-fold tables ({CALL} score decide={decide} writes it)"
    absent = f"no {DECISIONS} beside the weights"
    return choose_among(decision_files(weights), decide, identities, absent, written)


def choose_among(
    files: Sequence[Path],
    decide: Decide,
    identities: Sequence[RunIdentity],
    absent: str,
    written: str,
) -> ChosenRule:
    """The rule of the first of these files that fits. Raises DataError as `choose_rule` does.

    `absent`: what is said where there is no file. `written`: on what one is fitted, and how.
    """
    if decide == "argmax":
        return ChosenRule(Argmax(), "decide=argmax: the likeliest class of each head")
    reason = absent
    for path in files:
        try:
            found = read_decisions(path)
            misfit = differences(found, identities)
        except DataError as error:
            if decide != "auto":
                raise
            reason = str(error)  # after hours of training no reason to end without a submission
            continue
        if not misfit:
            return _taken(decide, found, identities)
        reason = f"{path} was fitted for another run ({'; '.join(misfit[:4])})"
    if decide == "auto":
        return ChosenRule(Argmax(), f"decide=auto: argmax; {reason}", passed_over=bool(files))
    raise DataError(
        f"decide={decide}: {reason}; expected one that is fitted on {written}; or leave decide out"
    )


def _taken(decide: Decide, found: DecisionFile, identities: Sequence[RunIdentity]) -> ChosenRule:
    whole = all("folds" not in one.digests for one in identities)
    rule, nested = found.taken(decide, whole=whole), found.row(decide).judged
    argmax = found.nested[Argmax.name].judged
    # auto's own: for each part of the images the rule that won on the others, so no rule's alone.
    own = "nested as auto" if decide == "auto" else "nested"
    won = f"{own} {nested:.4f}, argmax {argmax:.4f}"
    if rule.name == Argmax.name:
        won = f"nested {argmax:.4f}"
        won += f"; {why_won(rule.name, found.images)}" if decide == "auto" else ""
    warning = caution(found.winner, found.nested) if decide == "auto" else ""
    why = f"decide={decide}: {rule.name} by {found.path} ({won})"
    return ChosenRule(rule, f"{why}; {warning}" if warning else why, found, nested)


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
            for difference in kept.differences(_filled(asked, kept), "here")
        )
    )


def _identity(found: DecisionFile) -> RunIdentity:
    try:
        return RunIdentity.from_json(found.identity)
    except ValueError:
        raise DataError(
            f"{found.path}: identity: holds no run's; delete it and run score again"
        ) from None


def _filled(asked: RunIdentity, kept: RunIdentity) -> RunIdentity:
    """With the other's folds and epochs, where it has none (`without_folds`)."""
    folds = {key: value for key, value in kept.digests.items() if key == "folds"}
    epochs = {key: value for key, value in kept.settings.items() if key == "epochs"}
    return replace(asked, settings={**epochs, **asked.settings}, digests={**folds, **asked.digests})


def without_folds(identity: RunIdentity) -> RunIdentity:
    """An identity that decisions fit whatever their folds: of what was trained on every row.

    Whatever their epochs too: of more rows, recipes take as many passes in fewer epochs.
    """
    digests = {key: value for key, value in identity.digests.items() if key != "folds"}
    settings = {key: value for key, value in identity.settings.items() if key != "epochs"}
    return replace(identity, settings=settings, digests=digests)


def identities_of(
    records: Sequence[WeightsRecord], otherwise: Mapping[str, str] = MappingProxyType({})
) -> list[RunIdentity]:
    """Of each file's record its run's, with what is asked to be otherwise than in training."""
    # Not with other views: they move probabilities little, and what rules know is of classes.
    otherwise = {key: value for key, value in otherwise.items() if key != "tta"}
    found = []
    for record in records:
        one = RunIdentity.of_weights(record)
        one = replace(one, settings={**one.settings, **otherwise})
        found.append(without_folds(one) if record.fold == "none" else one)
    return found
