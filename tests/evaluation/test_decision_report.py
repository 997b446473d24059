"""What people read of judged rules: a gain stands behind the score that it is of."""

from graphemes.evaluation.decision_report import decision_lines
from graphemes.evaluation.decision_schema import NestedRow

PLAIN = {"score": 0.9, "judged": 0.8, "gain": 0.0, "error": 0.0, "recall": {}}


def row(**changed: float) -> NestedRow:
    return NestedRow.model_construct(**{**PLAIN, "unseen": None, "weighted": None, **changed})


def test_gains_are_of_the_score_before_them():
    rows = {"argmax": row(), "prior": row(score=0.91, gain=0.01, error=0.002)}
    assert [line.split() for line in decision_lines(rows)] == [
        ["decide", "score", "gain", "+-"],
        ["argmax", "0.9000"],
        ["prior", "0.9100", "+0.0100", "0.0020"],
    ]
    apart = {"seen": 0.95, "unseen": 0.7, "weighted": 0.8}
    rows = {"argmax": row(**apart), "joint": row(**apart, gain=0.03, error=0.01)}
    assert [line.split() for line in decision_lines(rows)] == [
        ["decide", "score", "seen", "unseen", "weighted", "gain", "+-"],
        ["argmax", "0.9000", "0.9500", "0.7000", "0.8000"],
        ["joint", "0.9000", "0.9500", "0.7000", "0.8000", "+0.0300", "0.0100"],
    ]
