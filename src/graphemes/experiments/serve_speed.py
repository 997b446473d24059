"""bench what=serve: the page's server on the loopback, against the bare network, and its waits."""

import contextlib
import functools
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.stages import fresh_weights
from graphemes.experiments.step_speed import inference_speed
from graphemes.experiments.timings import Figure, Mark, alternating, ratios
from graphemes.foundation.environment import import_path
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.model import build_network

_LIVE = Mark(150.0, "most")  # milliseconds from the last stroke to all that the page shows
_SECONDS = 3.0  # of one timing
_CLIENTS = 16  # at once, each sending when it has its answer
_SCANS = 64  # of a request that brings many


class Told(NamedTuple):
    """What clients saw of a while of asking."""

    seconds: float
    waits: list[float]  # ms, of each answer


def measure_serve(bench: Bench) -> Findings:
    """Answers a second and their waits: one client, many at once, many scans a request."""
    size = bench.settings.sizes[0]
    learning = bench.train_settings(size)
    network = build_network(learning, size, 0)
    place = scratch(bench, "serve")
    weights = fresh_weights(place / "weights.safetensors", learning)
    words = [f"weights={weights}", "port=0", "rate=0", f"device={bench.settings.device}"]
    with _server([*words, f"precision={bench.settings.precision}"], place) as port:
        if isinstance(port, str):
            return Findings([], [f"the server didn't start, so it isn't measured: {port}"])
        ways = {
            "one": functools.partial(_ask, port, 1, 1, ""),
            "looks": functools.partial(_ask, port, 1, 1, "?explain=true"),
            "many": functools.partial(_ask, port, _CLIENTS, 1, ""),
            "batches": functools.partial(_ask, port, 2, _SCANS, ""),
        }
        told: dict[str, list[Told]] = {name: [] for name in ways}

        def asked(name: str) -> float:
            found = ways[name]()
            told[name].append(found)
            return len(found.waits) / found.seconds

        each = {name: functools.partial(asked, name) for name in ways}
        each["bare"] = functools.partial(inference_speed, network, size, _SCANS, 1, bench.engine)
        speeds = alternating(each, bench.settings.repeats, bench.until)
    return Findings(_figures(size, speeds, told))


def _figures(
    size: ImageSize, speeds: dict[str, tuple[float, ...]], told: dict[str, list[Told]]
) -> list[Figure]:
    bare = f"bare network, {size}, batch {_SCANS}"
    figures = [Figure(bare, "images/s", speeds["bare"], _SCANS)]
    for name, label, scans in (
        ("one", "one client", 1),
        ("many", f"{_CLIENTS} clients", 1),
        ("batches", f"2 clients, {_SCANS} scans a request", _SCANS),
    ):
        images = tuple(scans * speed for speed in speeds[name])
        shares = ratios(images, speeds["bare"])
        figures.append(Figure(f"served, {label}", "images/s", images, None, bare, shares))
        figures.append(_waits(f"wait, {label}", told[name], 99))
    figures.append(_waits("wait, one client, where it looks too", told["looks"], 99, _LIVE))
    return figures


def _waits(name: str, told: list[Told], percent: int, mark: Mark | None = None) -> Figure:
    values = tuple(float(np.percentile(one.waits, percent)) for one in told)
    middle = float(np.median([wait for one in told for wait in one.waits]))
    about = f"the {percent}th percentile; the median is {middle:.1f}"
    return Figure(name, "ms", values, mark=mark, about=about)


@contextlib.contextmanager
def _server(words: list[str], place: Path) -> Iterator[int | str]:
    """A server in a process of its own: its port, or what it said where it ended."""
    command = [sys.executable, "-P", "-m", "graphemes", "serve", *words]
    environment = {**os.environ, "PYTHONPATH": import_path()}
    with (place / "serve.log").open("w+") as errors:
        process = subprocess.Popen(
            command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None
        try:
            line = next((one for one in process.stdout if "draw there" in one), None)
            if line is None:
                process.wait()
                errors.seek(0)
                yield (errors.read().strip() or "it said nothing").splitlines()[-1]
            else:
                yield int(line.split("/: ")[0].rpartition(":")[2])
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def _ask(port: int, clients: int, scans: int, query: str) -> Told:
    """Clients that ask for a while, each over a connection of its own."""
    until = time.perf_counter() + _SECONDS
    made = np.full((scans, HEIGHT, WIDTH), 255, np.uint8)
    made[:, 40:100, 70:160:9] = 20
    request = f"/predict{query}", made.tobytes()
    waits: list[list[float]] = [[] for _ in range(clients)]
    faults: list[str] = []
    threads = [
        threading.Thread(target=_client, args=(port, request, until, mine, faults))
        for mine in waits
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"the server answered {faults[0]}")
    all_waits = [wait for mine in waits for wait in mine]
    return Told(time.perf_counter() - began, all_waits)


def _client(
    port: int, request: tuple[str, bytes], until: float, waits: list[float], faults: list[str]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    # As browsers do: else head and body, sent apart, wait 40 ms for each other.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"Content-Type": "application/octet-stream"}
    while time.perf_counter() < until and not faults:
        began = time.perf_counter()
        connection.request("POST", *request, headers)
        answer = connection.getresponse()
        said = answer.read()
        waits.append(1000 * (time.perf_counter() - began))
        if answer.status != 200:
            faults.append(f"{answer.status}: {said[:200].decode()}")
    connection.close()
