import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graphemes.foundation import machine
from graphemes.foundation.machine import (
    cpu_flags,
    machine_name,
    shared_memory,
    take_share_of_cores,
    usable_cores,
    usable_memory,
)

SOURCE = Path(machine.__file__).resolve().parents[2]


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Have the machine's files say this: its cpuinfo and a container's bound of memory."""

    def tell(cpuinfo: str, bound: str):
        paths = tmp_path / "cpuinfo", tmp_path / "memory.max"
        for path, text in zip(paths, (cpuinfo, bound), strict=True):
            path.write_text(text)
        monkeypatch.setattr(machine, "CPUINFO", paths[0])
        monkeypatch.setattr(machine, "MEMORY_BOUNDS", paths[1:])
        machine._cpuinfo.cache_clear()

    yield tell
    machine._cpuinfo.cache_clear()


def test_the_machine_is_asked_without_harm():
    assert usable_cores() >= 1
    assert (usable_memory() or 1) > 0
    assert isinstance(cpu_flags(), frozenset)
    assert isinstance(machine_name(), str)


def test_the_first_processor_speaks_for_all(told):
    told("model name\t: A: B\nflags\t\t: fma avx2\n\nmodel name\t: C\nflags\t\t: sse\n", "max")
    assert machine_name() == "A: B"
    assert cpu_flags() == {"fma", "avx2"}


def test_a_container_may_bound_memory(told):
    told("", "max\n")
    whole = usable_memory()
    told("", "1048576\n")
    assert usable_memory() == 2**20
    assert cpu_flags() == frozenset()
    assert whole is None or whole > 2**20


def test_shared_memory_is_what_is_free_there(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(machine.sys, "platform", "linux")
    free = shutil.disk_usage(tmp_path).free
    assert shared_memory() == pytest.approx(free, rel=0.1)
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path / "absent")
    assert shared_memory() == 0
    monkeypatch.setattr(machine, "SHARED_MEMORY", Path("/proc"))  # nothing can be written there
    assert shared_memory() == 0
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert shared_memory() is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be chosen here")
@pytest.mark.parametrize(("cores", "places"), [(8, 2), (7, 2), (4, 4), (2, 3)])
def test_each_of_several_processes_keeps_to_cores_of_its_own(cores, places, monkeypatch):
    kept: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(10, 10 + cores)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, chosen: kept.append(set(chosen)))
    counts = {take_share_of_cores(place, places) for place in range(places)}
    assert counts == {max(1, cores // places)} == {len(one) for one in kept}
    assert len(set().union(*kept)) == min(cores, counts.pop() * places)


FAULTS = """
import resource, sys
import numpy as np
from graphemes.foundation.machine import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def touched():
    np.ones(64_000_000, np.uint8)  # freed at once
touched()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touched()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other ways")
def test_freed_memory_is_kept_for_the_next_allocation():
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    faults = {
        way: int(
            subprocess.run(
                [sys.executable, "-c", FAULTS, way],
                check=True,
                capture_output=True,
                text=True,
                env=environment,
            ).stdout
        )
        for way in ("keep", "give back")
    }
    assert faults["keep"] < 100 < faults["give back"]
