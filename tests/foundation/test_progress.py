"""Where there is no terminal, a long run says a plain line now and then."""

import sys

import pytest

from graphemes.foundation import progress as place
from graphemes.foundation.progress import counted, duration, progress, say


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (12.4, "12s"),
        (59.6, "1m00s"),
        (187, "3m07s"),
        (3599.7, "1h00m"),
        (29_100, "8h05m"),
    ],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_one_is_no_plural():
    assert [counted(count, "epoch") for count in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]


def test_plain_lines_come_seldom_and_tell_rate_and_rest(capsys, clock):
    with progress("fold 0 epoch 1/2", 10_000) as advance:
        for _ in range(10):
            clock.now += 10
            advance(500, loss="0.710")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "fold 0 epoch 1/2: 1,500 of 10,000 images, loss 0.710, 50 images/s, 2m50s left",
        "fold 0 epoch 1/2: 3,000 of 10,000 images, loss 0.710, 50 images/s, 2m20s left",
        "fold 0 epoch 1/2: 4,500 of 10,000 images, loss 0.710, 50 images/s, 1m50s left",
    ]


def test_short_work_and_its_end_are_silent(capsys, clock):
    with progress("decoding", 100) as advance:
        clock.now += place.PLAIN_SECONDS - 1
        advance(50)
        clock.now += 60
        advance(50)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("decoding", 100, "shard") as advance:
        advance(40, loss="0.5")
        advance(60)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "decoding" in captured.err


def test_a_line_is_said_at_once(capfd):
    say("a line")
    assert capfd.readouterr().out == "a line\n"
