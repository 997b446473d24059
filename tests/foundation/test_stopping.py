"""SIGTERM waits for the end of a step; whoever insists doesn't wait."""

import signal
import threading

import pytest

from graphemes.foundation import stopping
from graphemes.foundation.errors import Stopped
from graphemes.foundation.stopping import holding_back_stop


def stop(*_: object) -> None:
    raise Stopped("at once")


@pytest.fixture
def heeded():
    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_first_is_noted_and_the_handler_of_before_comes_back(heeded):
    def end() -> None:
        with holding_back_stop() as wish:
            assert not wish.asked
            signal.raise_signal(signal.SIGTERM)
            assert wish.asked
            signal.raise_signal(signal.SIGTERM)  # the same wish, passed on by who started us
            raise Stopped("after the step")

    with pytest.raises(Stopped, match="after the step") as stopped:
        end()
    assert stopped.value.signalled
    assert signal.getsignal(signal.SIGTERM) is stop


def test_an_end_that_no_signal_asked_for_says_so():
    with pytest.raises(Stopped) as stopped, holding_back_stop():
        raise Stopped("time_limit")
    assert not stopped.value.signalled


@pytest.mark.parametrize("fault", [None, RuntimeError("of the step")])
def test_a_wish_that_the_block_did_not_grant_is_not_lost(heeded, fault):
    """Another process's end, which makes a step fail, comes with a signal for this one."""

    def end() -> None:
        with holding_back_stop():
            signal.raise_signal(signal.SIGTERM)
            if fault is not None:
                raise fault

    with pytest.raises(Stopped, match="at once"):
        end()
    assert signal.getsignal(signal.SIGTERM) is stop


def test_one_that_comes_later_is_heeded_at_once(heeded, monkeypatch):
    monkeypatch.setattr(stopping, "TOGETHER", -1.0)

    def insist() -> None:
        with holding_back_stop():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match="at once"):
        insist()
    assert signal.getsignal(signal.SIGTERM) is stop


def test_another_thread_holds_nothing_back(heeded):
    """Python has signals handled in the main thread alone."""
    seen = []

    def work() -> None:
        with holding_back_stop() as wish:
            seen.append((wish.asked, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, stop)]
