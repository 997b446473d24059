"""decisions.json: what is written is read back, and what was tampered with is one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from graphemes.evaluation.decide import SHAPE, Tuned, decided
from graphemes.evaluation.decision_files import (
    read_decisions,
    rule_digest,
    rule_json,
    write_decisions,
)
from graphemes.evaluation.decision_schema import RULES
from graphemes.evaluation.nested import Fitted, fit_and_judge
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead, Probabilities
from graphemes.foundation.seeds import stream


@pytest.fixture(scope="module")
def found() -> Probabilities:
    random = stream(1)
    return HEADS.map(lambda head: random.dirichlet(np.ones(head.classes), 60).astype(np.float32))


@pytest.fixture(scope="module")
def fitted(found) -> Fitted:
    random = stream(2)
    counts = random.integers(0, 3, SHAPE) * 70
    truth = PerHead(*(random.integers(0, head.classes, 60) for head in HEADS))
    table = OofTable([str(row) for row in range(60)], np.zeros(60, np.int64), truth, found)
    return fit_and_judge(table, {0: counts}, seed=0)


@pytest.fixture
def path(fitted, tmp_path) -> Path:
    write_decisions(
        tmp_path / "decisions.json", fitted, identity={"demo": False}, tables={"0": "ab"}, seed=7
    )
    return tmp_path / "decisions.json"


def test_what_is_written_is_read_back(path, fitted, found):
    kept = read_decisions(path)
    assert (kept.identity, kept.tables, kept.seed) == ({"demo": False}, {"0": "ab"}, 7)
    assert (kept.winner, kept.judged_by) == (fitted.winner, "score")
    assert tuple(kept.rules) == RULES == tuple(fitted.rules)
    for name, rule in kept.rules.items():
        assert rule_digest(rule) == rule_digest(fitted.rules[name])
        assert kept.nested[name].judged == fitted.outcomes[name].judged
        for got, wanted in zip(
            decided(rule, found), decided(fitted.rules[name], found), strict=True
        ):
            assert got.tolist() == wanted.tolist()


def test_float32_weights_stay_what_they_are_and_other_rules_have_other_digests():
    weights = HEADS.map(lambda head: np.exp(stream(3).random(head.classes)).astype(np.float32))
    written = json.loads(json.dumps(rule_json(Tuned(weights))))["weights"]
    for head, own in zip(HEADS, weights, strict=True):
        assert np.array_equal(np.array(written[head.name], np.float32), own)
    other = weights._replace(vowel=weights.vowel * 2)
    assert rule_digest(Tuned(weights)) != rule_digest(Tuned(other))


def tampered(value: dict, place: str, new: object) -> dict:
    """The value with another at a place, or without it."""
    *way, last = place.split(".")
    inside = value
    for key in way:
        inside = inside[key]
    if new is None:
        del inside[last]
    else:
        inside[last] = new
    return value


@pytest.mark.parametrize(
    ("place", "new", "said"),
    [
        ("format", 2, "format"),
        ("winner", "best", "winner"),
        ("rules.tuned.weights.vowel", [1.0] * 10, "rules.tuned.weights.vowel"),
        ("rules.tuned.weights.root", [1.0] * 167 + [0.0], "rules.tuned.weights.root.167"),
        ("rules.tuned.weights.root", [1.0] * 167 + [-1.0], "rules.tuned.weights.root.167"),
        ("rules.tuned.weights.root", [1.0] * 167 + [float("nan")], "rules.tuned.weights.root.167"),
        ("rules.tuned.weights.root", [1.0] * 167 + ["1"], "rules.tuned.weights.root.167"),
        ("rules.prior.powers.root", -1, "rules.prior.powers.root"),
        ("rules.prior.powers.root", 1e9, "rules.prior.powers.root"),
        ("rules.joint.unseen.root", 0, "rules.joint.unseen.root"),
        ("rules.joint", None, "rules.joint"),
        ("nested.joint", None, "nested: has no joint"),
        ("nested.prior.judged", None, "nested.prior.judged"),
        ("graphemes", {}, "graphemes"),
        ("graphemes", {"168 0 0": 1}, "graphemes: a label is no class"),
        ("graphemes", {"1 0": 1}, "graphemes.1 0"),
        ("graphemes", {"1 0 0": 0}, "graphemes.1 0 0"),
        ("identity", "me", "identity"),
        ("tables", {"0": 1}, "tables.0"),
        ("images", True, "images"),
    ],
)
def test_what_was_tampered_with_is_named(path, place, new, said):
    path.write_text(json.dumps(tampered(json.loads(path.read_text()), place, new)))
    with pytest.raises(DataError) as caught:
        read_decisions(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: {said}")
    assert text.endswith("; delete it and run score again")
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "7"])
def test_what_is_no_object_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(DataError, match=r"decisions\.json: "):
        read_decisions(path)
