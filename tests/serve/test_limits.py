"""An address may ask so often; others aren't touched by it."""

from graphemes.serve import limits
from graphemes.serve.limits import RateLimit


def test_a_rate_with_some_at_once(monkeypatch):
    now = [0.0]
    limit = RateLimit(10, lambda: now[0])
    assert [limit.seconds_to_wait("a") for _ in range(20)] == [0.0] * 20
    assert limit.seconds_to_wait("a") == 0.1
    assert limit.seconds_to_wait("b") == 0.0
    now[0] += 0.1
    assert limit.seconds_to_wait("a") == 0.0
    assert limit.seconds_to_wait("a") > 0
    now[0] += 1000
    assert [limit.seconds_to_wait("a") for _ in range(20)] == [0.0] * 20
    assert limit.seconds_to_wait("a") > 0
    monkeypatch.setattr(limits, "ADDRESSES", 3)
    for address in "cdefgh":
        limit.seconds_to_wait(address)
    assert len(limit._buckets) <= 4


def test_none_is_none():
    limit = RateLimit(0)
    assert not any(limit.seconds_to_wait("a") for _ in range(1000))
