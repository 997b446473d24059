"""Within a session: execute a notebook, write it with its outputs, say time and memory as JSON."""

import json
import sys
import threading
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

SECONDS = 0.5  # between two looks at the memory


def anonymous_bytes() -> int:
    """Memory of their own of all processes that have begun below this one."""
    parents, sizes = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:  # ended meanwhile
            continue
        pid = int(fields["Pid"])
        parents[pid] = int(fields["PPid"])
        sizes[pid] = int(fields.get("RssAnon", "0 kB").split()[0]) * 1024
    ours, found = {int(Path("/proc/self").resolve().name)}, True
    while found:
        found = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= found
    return sum(sizes.get(pid, 0) for pid in ours)


class Watch(threading.Thread):
    """Looks at the memory now and then."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        while True:
            self.peak = max(self.peak, anonymous_bytes())
            time.sleep(SECONDS)


def main(notebook: Path, out: Path) -> None:
    watch, started, error = Watch(), time.monotonic(), None
    watch.start()
    executed = nbformat.read(notebook, as_version=4)
    # Sockets in files: there is no network, not even to this machine itself.
    config = Config({"KernelManager": {"transport": "ipc"}})
    try:
        NotebookClient(executed, timeout=None, coalesce_streams=True, config=config).execute()
    except CellExecutionError as failure:
        error = f"{failure.ename}: {failure.evalue}"
    nbformat.write(executed, out)
    told = {"error": error, "seconds": time.monotonic() - started, "peak": watch.peak}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
