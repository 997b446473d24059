"""Kills a training again and again, at moments by chance: python killing.py RUNS OUT key=value ...

A run is killed up to three times and then goes on to its end; OUT/whole is one that nobody killed.
Each attempt is a fork of this process, which has read the libraries already. Prints, as JSON, how
often each run was killed, and what any attempt said that ended otherwise than well.
"""

import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from graphemes.__main__ import main

# Read once, before the forks: else most moments by chance would fall into the reading.
for _library in ("sklearn.model_selection", "matplotlib.figure"):
    importlib.import_module(_library)
for _room in ("commands.train", "network.timm_library", "images.albumentations_library"):
    importlib.import_module(f"graphemes.{_room}")
importlib.import_module("graphemes.training.muon").has_muon()

KILLS = 3  # of a run, at most


def attempt(words: list[str], said: Path, seconds: float | None) -> int | None:
    """The exit code of a command line; None if it was killed after so many seconds."""
    child = os.fork()
    if child == 0:
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = 1
        try:
            code = main(words)
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # one that has ended stays until it is waited for
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def killed(words: list[str], out: Path, whole: float, chance: random.Random) -> int:
    """One run to its end; how often it was killed on the way. Raises RuntimeError if it fails."""
    said, kills = out.with_suffix(".txt"), 0
    asked = [*words, f"work_dir={out}"]
    for _ in range(KILLS):
        code = attempt(asked, said, chance.uniform(0, whole))
        if code is not None:
            break
        kills += 1
    if code is None:
        code = attempt(asked, said, None)
    if code != 0:
        raise RuntimeError(f"ended with {code}: {said.read_text()[-2000:]}")
    return kills


def run(runs: int, out: Path, words: list[str]) -> list[int]:
    """All of them; how often each was killed."""
    chance = random.Random(7)
    started = time.monotonic()
    code = attempt([*words, f"work_dir={out / 'whole'}"], out / "whole.txt", None)
    if code != 0:
        raise RuntimeError(f"ended with {code}: {(out / 'whole.txt').read_text()}")
    whole = time.monotonic() - started
    return [killed(words, out / f"run{number}", whole, chance) for number in range(runs)]


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])))
