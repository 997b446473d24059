"""Random streams have keys: neighbours differ, order and company don't matter."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from graphemes.foundation import seeds
from graphemes.foundation.seeds import LibraryPurpose, Purpose, PythonPurpose, seed_at, stream


def first(*key: int) -> tuple[float, ...]:
    return tuple(stream(*key).random(4))


def test_the_same_key_gives_the_same_stream():
    assert first(7, 1, 2) == first(7, 1, 2)


def test_a_longer_key_is_another_key():
    keys = [(7,), (7, 0), (7, 0, 0), (0, 7), (0,), (0, 0), (8,), (7, 1), (1, 7)]
    assert len({first(*key) for key in keys}) == len(keys)
    # The trap: numpy pads its entropy with zeros.
    assert np.random.default_rng([7]).random() == np.random.default_rng([7, 0]).random()


def test_a_small_box_of_keys_has_no_two_alike():
    box = list(itertools.product(range(3), range(3), range(3), range(20)))
    assert len({seed_at(*key) for key in box}) == len(box)


def test_streams_do_not_depend_on_who_drew_before():
    alone = first(3, 5)
    stream(3, 4).random(1000)
    other = stream(3, 5, 1)
    other.random(17)
    np.random.default_rng().random()
    assert first(3, 5) == alone


def test_the_numbers_stay_the_same_over_versions():
    """Pinned: other streams would be other folds, pictures and weights for the same seed."""
    assert stream(0, 1, 2).integers(1000, size=4).tolist() == GOLDEN
    assert 0 <= seed_at(0) < 2**63
    assert seed_at(0, 1) == GOLDEN_SEED


GOLDEN = [695, 53, 112, 568]
GOLDEN_SEED = 6246038554070098266
GOLDEN_DRAW = 0.2762447945915456


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_every_allowed_seed_serves(seed):
    assert 0 <= seed_at(seed, 2**16, 10_000, 200_840) < 2**63


PURPOSES = {name: value for name, value in vars(seeds).items() if isinstance(value, Purpose)}


def overlap(one: Purpose, other: Purpose) -> bool:
    """Whether numbers of the callers' can make their keys equal."""
    return len(one.key) == len(other.key) and all(
        a is None or b is None or a == b for a, b in zip(one.key, other.key, strict=True)
    )


def test_no_two_purposes_share_a_key():
    assert len(PURPOSES) > 10
    for (name, one), (other_name, other) in itertools.combinations(PURPOSES.items(), 2):
        apart = one.of != other.of or type(one) is not type(other)
        assert apart or not overlap(one, other), f"{name}, {other_name}"


def test_a_purpose_fills_its_key_with_the_callers_numbers():
    purpose = Purpose("run", (None, 4, None))
    assert purpose.stream(9, 1, 2).random() == stream(9, 1, 4, 2).random()
    assert LibraryPurpose("run", (None, 4)).seed(9, 1) == seed_at(9, 1, 4)
    with pytest.raises(AssertionError):
        purpose.stream(9, 1)
    with pytest.raises(AssertionError):
        purpose.stream(9, 1, 2, 3)


def test_pythons_generator_has_a_key_too():
    purpose = PythonPurpose("run", (None, 4))
    draws = {purpose.random(seed, number).random() for seed in range(20) for number in range(20)}
    assert len(draws) == 400
    assert purpose.random(1, 2).random() == purpose.random(1, 2).random() == GOLDEN_DRAW
    assert purpose.random(0, 7).random() != PythonPurpose("run", (4,)).random(7).random()


def test_whoever_draws_names_a_purpose():
    """A stream of a bare key could be another's."""
    source = Path(seeds.__file__).parents[1]
    bare = re.compile(
        r"import .*\b(stream|seed_at)\b|^    (stream|seed_at),$|random\.Random\(", re.MULTILINE
    )
    found = [
        path.relative_to(source).as_posix()
        for path in sorted(source.rglob("*.py"))
        if path != Path(seeds.__file__) and bare.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
