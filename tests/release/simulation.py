"""Kaggle simulated: its packages, a read-only input, no network, 8 GB of memory, two cores.

By hand: python simulation.py NOTEBOOK WORKING OUT.ipynb NAME=FOLDER ... (folders of /kaggle/input).
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "kaggle-requirements.txt"
MEMORY = 8 * 2**20  # kB of its own that a process may have: RLIMIT_DATA
# Without root these need a user namespace as well.
UNSHARE = ["unshare", "-m", "-n", *(["-r"] if os.geteuid() else [])]


@dataclass(frozen=True)
class Session:
    """What a session left."""

    error: str | None  # of the cell that ended it
    seconds: float
    peak: int  # bytes of anonymous memory of all its processes
    notebook: dict[str, Any]  # with its outputs
    working: Path

    @property
    def said(self) -> str:
        """All that its cells printed, and the text of what they showed."""
        texts = []
        for cell in self.notebook["cells"]:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                texts.append(output.get("text", data.get("text/plain", "")))
        return "\n".join("".join(text) for text in texts)

    def pictures(self) -> int:
        """How many PNGs its cells showed."""
        outputs = [out for cell in self.notebook["cells"] for out in cell.get("outputs", [])]
        return sum("image/png" in output.get("data", {}) for output in outputs)


def why_not() -> str | None:
    """Why no session can be simulated here; None where one can."""
    script = "mount --make-rprivate / && mount -t tmpfs none /mnt"
    try:
        done = subprocess.run(
            [*UNSHARE, "bash", "-c", script], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return f"no unshare: {error}"
    return None if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


def kaggle_venv() -> Path:
    """Kaggle's packages, made at first use: minutes, and 2 GB outside the repository.

    In GRAPHEMES_KAGGLE_VENVS, or else where temporary files go; one for each state of the list.
    """
    places = Path(os.environ.get("GRAPHEMES_KAGGLE_VENVS", tempfile.gettempdir()))
    state = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    venv = places / f"graphemes-kaggle-{state}"
    whole = venv / "whole"
    if not whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
        whole.touch()
    return venv


def run_session(notebook: Path, inputs: dict[str, Path], working: Path, out: Path) -> Session:
    """Execute a notebook as Kaggle would, with these folders at /kaggle/input/NAME."""
    working.mkdir(parents=True, exist_ok=True)
    mounts = [f"{name}={path}" for name, path in inputs.items()]
    words = [kaggle_venv(), working, MEMORY, HERE / "run_notebook.py", *mounts, "--", notebook, out]
    done = subprocess.run(
        [*UNSHARE, "bash", HERE / "session.sh", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    executed = json.loads(out.read_text(encoding="utf-8"))
    return Session(told["error"], told["seconds"], told["peak"], executed, working)


def main(notebook: str, working: str, out: str, *mounts: str) -> None:
    inputs = dict(mount.split("=", 1) for mount in mounts)
    places = {name: Path(path).resolve() for name, path in inputs.items()}
    session = run_session(
        Path(notebook).resolve(), places, Path(working).absolute(), Path(out).absolute()
    )
    print(session.said)
    print(f"{session.seconds:.0f} s, {session.peak / 1e9:.2f} GB, error: {session.error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
