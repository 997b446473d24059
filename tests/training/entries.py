"""What processes of test_launch.py are started with."""

import os
import signal
import time
from pathlib import Path


def one_is_killed(words: list[str]) -> None:
    """The second process is killed; the first would wait for ever, having written its id down."""
    if os.environ["RANK"] == "1":
        while not Path(words[0]).exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    Path(words[0]).write_text(str(os.getpid()))
    time.sleep(600)
