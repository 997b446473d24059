"""Runs command lines in forks of this process, in each of which a file operation may fail.

Reads attempts as JSON from stdin, a line each, and answers each in a line: see `Attempt` in
test_write_faults.py. The libraries are read once, before the forks. What fails is what Python's own
functions do to files below `root`, so that the project's code is as it is:

replace, fsync, open (for writing), mkdir: the call raises an OSError and does nothing;
short: a file that is about to be written may get a few bytes and no more, whoever writes it;
before, after: the process is killed just before or after a replace;
gone: `root` is removed just after one.
"""

import builtins
import importlib
import io
import json
import os
import re
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphemes.__main__ import main
from graphemes.foundation.files import target_of

for _library in ("sklearn.model_selection", "matplotlib.backends.backend_agg", "torch._dynamo"):
    importlib.import_module(_library)
importlib.import_module("graphemes.commands.train")

FEW = 40  # bytes
SECONDS = 120  # an attempt that hangs is ended
OPENED = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Faults:
    """Wraps Python's file functions; the one that is asked for fails, once or from then on."""

    def __init__(self, asked: dict[str, Any] | None, root: str, report: int) -> None:
        self.asked, self.root, self.report = asked or {"operation": ""}, root, report
        self.counts: Counter[str] = Counter()
        self.made: list[tuple[str, str]] = []  # (operation, path of what was to become of it)
        self.hit, self.met = False, 0
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.limits = limit, (FEW, limit[1])

    def install(self) -> None:
        """Take the functions' places."""
        for name in ("replace", "rename"):
            setattr(os, name, self._moving(getattr(os, name)))
        os.fsync, os.open = self._fsync(os.fsync), self._os_open(os.open)
        os.mkdir = self._mkdir(os.mkdir)
        io.open = builtins.open = self._open(builtins.open)

    def tell(self, **what: object) -> None:
        """Say it to the process that waits for this one."""
        os.write(self.report, json.dumps(what).encode() + b"\n")

    def _due(self, operation: str, path: str) -> bool:
        """Count an operation; whether it is the one that fails."""
        path = os.path.abspath(path)
        if not path.startswith(self.root):
            return False
        name = target_of(Path(path)) or Path(path).name
        became = str(Path(path).with_name(name))
        self.counts[operation] += 1
        self.made.append((operation, became))
        asked = self.asked
        # A file may be empty at first: one that gets few bytes gets them each time.
        again = asked.get("forever") or operation == "short"
        if operation != asked["operation"] or (self.hit and not again):
            return False
        here = asked.get("number") == self.counts[operation]
        if "path" in asked and re.search(asked["path"], became):
            self.met += 1
            here = self.met > asked.get("skip", 0)
        if here or (self.hit and asked.get("forever")):
            if not self.hit:
                self.tell(hit=became)
            self.hit = True
            return True
        return False

    def _raise(self, path: str) -> None:
        number = self.asked["errno"]
        raise OSError(number, os.strerror(number), path)

    def _moving(self, real: Callable[..., None]) -> Callable[..., None]:
        def move(source: Any, target: Any, **more: Any) -> None:
            place = os.fspath(target)
            if self._due("replace", place):
                self._raise(os.fspath(source))
            if self._due("before", place):
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target, **more)
            resource.setrlimit(resource.RLIMIT_FSIZE, self.limits[0])
            if self._due("gone", place):
                shutil.rmtree(self.root)
            if self._due("after", place):
                os.kill(os.getpid(), signal.SIGKILL)

        return move

    def _fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(file: int) -> None:
            if self._due("fsync", os.readlink(f"/proc/self/fd/{file}")):
                number = self.asked["errno"]
                raise OSError(number, os.strerror(number))  # as the system: without a name
            real(file)

        return fsync

    def _mkdir(self, real: Callable[..., None]) -> Callable[..., None]:
        def mkdir(path: Any, *rest: Any, **more: Any) -> None:
            place = os.fspath(path)
            if not os.path.isdir(place) and self._due("mkdir", place):
                self._raise(place)
            real(path, *rest, **more)

        return mkdir

    def _os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def os_open(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & OPENED and self._due("open", os.fspath(path)):
                self._raise(os.fspath(path))
            return real(path, flags, *rest, **more)

        return os_open

    def _open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if not isinstance(file, int) and set(mode) & set("wax+"):
                place = os.fspath(file)
                if self._due("open", place):
                    self._raise(place)
                # A file that only shows whether the folder can be written gets nothing.
                written = "w" in mode and place != self.root
                if written and self._due("short", place):
                    resource.setrlimit(resource.RLIMIT_FSIZE, self.limits[1])
            return real(file, mode, *rest, **more)

        return opening


def attempt(words: list[str], fault: dict[str, Any] | None, root: str) -> dict[str, Any]:
    """What became of a command line; `code` is None where it was killed."""
    pipes = [os.pipe() for _ in range(3)]
    child = os.fork()
    if child == 0:
        for number, (_, writing) in enumerate(pipes[:2], 1):
            os.dup2(writing, number)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
        faults = Faults(fault, root, pipes[2][1])
        code = 1
        try:
            signal.alarm(SECONDS)
            faults.install()
            code = main(words)
        except Exception:  # noqa: BLE001  # whoever reads what was said shall see it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            faults.tell(counts=faults.counts, made=faults.made)
            os._exit(code)
    for _, writing in pipes:
        os.close(writing)
    _, status = os.waitpid(child, 0)  # what it says fits into a pipe
    texts = []
    for reading, _ in pipes:
        with open(reading, encoding="utf-8") as pipe:
            texts.append(pipe.read())
    told: dict[str, Any] = {"hit": None}
    for line in texts[2].splitlines():
        told |= json.loads(line)
    code = None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
    return {"code": code, "out": texts[0], "err": texts[1], **told}


if __name__ == "__main__":
    for asked in sys.stdin:
        print(json.dumps(attempt(**json.loads(asked))), flush=True)
