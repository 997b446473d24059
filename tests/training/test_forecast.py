"""A forecast is drawn from a fold's first steps, says what they mean, and only once."""

import pytest

from conftest import Clock
from graphemes.foundation.settings.groups import Learning
from graphemes.training.forecast import BATCHES, SECONDS, WARM, Deadline, Forecast, Work


def forecast(
    done: int = 0, to_come: int = 0, ends: float | None = None, **changed: object
) -> Forecast:
    known = {"images": 160_000, "pixels": (64 * 64,) * 8, "validation_pixels": 64 * 64}
    return Forecast("0", Work(**{**known, **changed}), done, Deadline(ends), to_come)


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
    made = forecast(
        done=8,
        images=90,
        pixels=(9,) * 10,
        validation_images=30,
        validation_pixels=9,
        to_come=2,
    )
    assert made.sentence(1.0, 30) == (
        "fold 0: about 3m20s for 2 epochs more, 36m40s with the 2 folds after it"
        " (from the first 30 batches, 1 images/s; validation counted, tables not)"
    )


@pytest.mark.parametrize(("seconds", "last"), [(10, 1), (199, 2), (201, 3), (699, 7), (701, None)])
def test_a_time_limit_that_is_too_short_is_said(seconds, last, clock):
    """Epochs of 100 s."""
    made = forecast(pixels=(16,) * 7, images=100, ends=clock.now + seconds)
    made.watching(print)
    said = made.sentence(1.0, 30)
    stop = f"; time_limit will stop it in about epoch {last} of 7, and the same command goes on"
    assert said.endswith(stop) == (last is not None)
    assert ("time_limit" in said) == (last is not None)


def test_pictures_that_grow_take_longer_and_so_does_validation_at_the_full_size(clock):
    settings = Learning(epochs=4, image_sizes="16,32", image_size="32")
    work = Work.of(settings, 90, 30)
    assert work.epochs == (90 * 256 + 10 * 1024,) * 2 + (100 * 1024,) * 2
    small = Work.of(settings, 1, 0)
    said = Forecast("0", small, 0, Deadline(), 1).sentence(0.01, 30)  # 100 s an epoch, then 400
    assert said.startswith("fold 0: about 16m40s for 4 epochs, 33m20s with the 1 fold after it (")
    # An epoch of large pictures seen: so many images/s are four times as many small ones.
    said = Forecast("0", small, 3, Deadline(), 1).sentence(0.01, 30)
    assert said.startswith("fold 0: about 1m40s for 1 epoch more, 5m50s with the 1 fold after it (")
    for seconds, last in ((199, 2), (201, 3), (599, 3), (601, 4), (1001, None)):
        made = Forecast("0", small, 0, Deadline(clock.now + seconds, setting="minutes"))
        made.watching(print)
        stop = f"; minutes will stop it in about epoch {last} of 4, and the same command goes on"
        assert made.sentence(0.01, 30).endswith(stop) == (last is not None)


def test_what_comes_afterwards_and_a_begun_epoch_are_counted(clock):
    work = Work(100, (16,) * 3)  # epochs of 100 s at 1 image/s
    deadline = Deadline(clock.now + 290)
    made = Forecast("0", work, 0, deadline, begun=30)
    made.watching(print)
    assert made.sentence(1.0, 30).startswith("fold 0: about 4m30s for 3 epochs (")
    assert "time_limit" not in made.sentence(1.0, 30)
    deadline.afterwards = 16 * 40  # pixels, 40 s
    assert "time_limit will stop it in about epoch 3 of 3" in made.sentence(1.0, 30)
