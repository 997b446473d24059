"""A rule decides the same after it was written, and whatever constant the probabilities have."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from graphemes.evaluation.decide import SHAPE, Argmax, Decision, Joint, Prior, Tuned, decided
from graphemes.evaluation.decision_files import _counts, _rules, rule_digest, rule_json
from graphemes.evaluation.decision_schema import Parameters
from graphemes.foundation.heads import HEADS, PerHead
from properties import FEW

FEWER = settings(FEW, max_examples=8)  # Joint's counts are of 12,936 graphemes
POWERS = st.tuples(*[st.floats(0, 4)] * 3).map(lambda three: PerHead(*three))
UNSEEN = st.tuples(*[st.floats(1e-9, 1)] * 3).map(lambda three: PerHead(*three))


@st.composite
def rules(draw) -> dict[str, Decision]:
    random = np.random.default_rng(draw(st.integers(0, 99)))
    counts = random.integers(0, 3, SHAPE) * random.integers(1, 500)
    weights = HEADS.map(lambda h: np.exp(random.uniform(-20, 20, h.classes)).astype(np.float32))
    joint = Joint(draw(POWERS), draw(POWERS), draw(UNSEEN), counts)
    found = (Argmax(), Prior(draw(POWERS), counts), Tuned(weights), joint)
    return {rule.name: rule for rule in found}


@FEWER
@given(rules(), st.integers(0, 99))
def test_a_rule_that_is_written_and_read_decides_the_same(found, seed):
    table, _ = worlds.make_table(40, seed)
    written = json.loads(json.dumps({name: rule_json(rule) for name, rule in found.items()}))
    counts = _counts(written["joint"]["graphemes"])
    parameters = Parameters.model_validate({name: written[name] for name in written})
    read = _rules(parameters, counts)
    for name, rule in found.items():
        assert rule_digest(read[name]) == rule_digest(rule)
        pairs = zip(
            decided(read[name], table.probabilities),
            decided(rule, table.probabilities),
            strict=True,
        )
        assert all(np.array_equal(got, wanted) for got, wanted in pairs)


@FEWER
@given(rules(), st.integers(0, 99), st.integers(-8, 8))
def test_a_constant_factor_changes_nothing(found, seed, power):
    """A power of two, by which floats are exact."""
    table, _ = worlds.make_table(40, seed)
    scaled = table.probabilities.map(lambda head: head * np.float32(2.0**power))
    for rule in found.values():
        for got, wanted in zip(
            decided(rule, scaled), decided(rule, table.probabilities), strict=True
        ):
            assert np.array_equal(got, wanted)
