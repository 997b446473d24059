"""A forecast is drawn from a fold's first steps, says what they mean, and only once."""

import pytest

from graphemes.training.forecast import BATCHES, SECONDS, WARM, Forecast


class Clock:
    """time.monotonic that goes when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    ours = Clock()
    monkeypatch.setattr("time.monotonic", ours)
    return ours


def forecast(**changed) -> Forecast:
    known = {"fold": "0", "epochs": 8, "done": 0, "images": 160_000}
    return Forecast(**{**known, **changed})


def steps(made: Forecast, clock: Clock, seconds: float, count: int, *, warm: float = 0) -> list:
    """So many batches of 64, the first ones `warm` seconds slower; what the progress was told."""
    told: list = []
    advance = made.watching(lambda images, **facts: told.append((images, facts)))
    for batch in range(count):
        clock.now += seconds + (warm if batch < WARM else 0)
        advance(64, loss="1.0")
    return told


def test_it_is_said_once_after_the_first_steps_whose_warming_up_does_not_count(clock, capsys):
    told = steps(forecast(), clock, 0.64, 100, warm=7)
    assert told == [(64, {"loss": "1.0"})] * 100
    assert capsys.readouterr().out == (
        "fold 0: about 3h33m for 8 epochs"
        f" (from the first {WARM + BATCHES} batches, 100 images/s; tables not counted)\n"
    )


def test_quick_steps_are_watched_for_some_seconds(clock, capsys):
    made = forecast()
    steps(made, clock, 0.01, int(SECONDS * 100) + WARM - 2)
    assert capsys.readouterr().out == ""  # an epoch that ends here says itself what is left
    steps(made, clock, 0.5, 100)
    assert capsys.readouterr().out == ""  # nor do later ones


def test_validation_epochs_done_and_folds_to_come_are_counted():
    made = forecast(epochs=10, done=8, images=90, validation_images=30, to_come=2)
    assert made.sentence(1.0, 30) == (
        "fold 0: about 3m20s for 2 epochs more, 36m40s with the 2 folds after it"
        " (from the first 30 batches, 1 images/s; validation counted, tables not)"
    )


@pytest.mark.parametrize(
    ("seconds", "last"), [(10, 1), (215, 2), (315, 3), (405, 3), (705, 6), (800, None)]
)
def test_a_time_limit_that_is_too_short_is_said(seconds, last, clock):
    """Epochs of 100 s: one begins where it fits with a tenth to spare, the first one anyhow."""
    made = forecast(epochs=7, images=100, ends=clock.now + seconds)
    made.watching(print)
    said = made.sentence(1.0, 30)
    stop = f"; time_limit will stop it after about epoch {last} of 7, and the same command goes on"
    assert said.endswith(stop) == (last is not None)
    assert ("time_limit" in said) == (last is not None)
