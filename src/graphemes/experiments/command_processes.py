"""Commands in processes of their own, as people start them: exit code, seconds, what they load."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from graphemes.foundation.environment import import_path

# What takes long to import, or memory: a command that has no use for it should do without.
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "pandas",
    "pyarrow",
    "sklearn",
    "scipy",
    "albumentations",
    "cv2",
    "matplotlib",
    "onnx",
    "skimage",
)
# The door, and then what it has imported, written where the first word says.
_CODE = """
import json, pathlib, sys
from graphemes.__main__ import main
place, sys.argv[1:] = sys.argv[1], sys.argv[2:]
code = main()
pathlib.Path(place).write_text(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
sys.exit(code)
"""


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    seconds: float  # from the process's start to its end
    loaded: list[str]  # of HEAVY
    said: str  # the last line on stderr, or on stdout


def run_command(words: list[str], cwd: Path, limit: float = 600.0) -> Ended:
    """Run one command line of the package. Raises subprocess.TimeoutExpired after `limit` s."""
    environment = {**os.environ, "PYTHONPATH": import_path()}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "modules.json"
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", "-c", _CODE, str(place), *words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
        seconds = time.perf_counter() - started
        loaded = json.loads(place.read_text(encoding="utf-8")) if place.exists() else []
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    heavy = [name for name in HEAVY if name in loaded]
    return Ended(done.returncode, seconds, heavy, lines[-1] if lines else "")
