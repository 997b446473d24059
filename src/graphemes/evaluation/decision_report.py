"""How decision rules did when judged: as rows for decisions.json, and as lines for people."""

from collections.abc import Mapping

from graphemes.evaluation.decide import Argmax, Joint
from graphemes.evaluation.decision_schema import NestedRow
from graphemes.evaluation.nested import Fitted, Outcome
from graphemes.evaluation.unseen import SubsetScores
from graphemes.evaluation.winners import LEAST


def why_won(winner: str, images: int) -> str:
    """Why auto takes the rule that won, for people."""
    if winner != Argmax.name:
        return "it gains most beyond its error"
    if images < LEAST:
        return f"{images:,} images are too few to choose a rule by ({LEAST})"
    return "no gain is beyond its error"


def caution(winner: str, nested: Mapping[str, NestedRow]) -> str:
    """What to know of a winner that doubts unseen graphemes unjudged, for people; "" of others."""
    if winner != Joint.name or nested[Joint.name].unseen is not None:
        return ""
    return "no image of an unseen grapheme judged it; decide=tuned is safer where many are unseen"


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
    """The nested scores as a table for people; seen and unseen apart where both are there.

    Gains stand behind the score that they are of: the last one.
    """
    unseen = nested[Argmax.name].unseen is not None
    titles = ("seen", "unseen", "weighted") if unseen else ()
    apart = "".join(f"{one:>10}" for one in titles)
    lines = [f"decide{'score':>9}{apart}{'gain':>9}{'+-':>9}"]
    for name, row in nested.items():
        gain = "" if name == Argmax.name else f"{row.gain:>+9.4f}{row.error:>9.4f}"
        found = [getattr(row, title) for title in titles]
        apart = "".join(f"{'' if one is None else f'{one:.4f}':>10}" for one in found)
        lines.append(f"{name:<6}{row.score:>9.4f}{apart}{gain}".rstrip())
    return lines
