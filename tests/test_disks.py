"""Disks that are full, read-only or not there; little shared memory; processes killed for memory.

The disks are real: mounted in a namespace of their own, where that is permitted.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import REPOSITORY, apart, goes_well
from test_kill import files, need_the_same
from test_write_faults import (
    IMAGES,
    SETTINGS,
    Driver,
    driver,
    need_a_sentence,
    need_whole_files,
    whole,
)

__all__ = ["driver", "whole"]  # fixtures

pytestmark = pytest.mark.slow
ALONE = apart("m")
mounts = pytest.mark.skipif(
    not goes_well([*ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]),
    reason="needs leave to mount in a namespace",
)


class Disk:
    """A driver in a namespace in which a directory is a small disk; seen from outside."""

    def __init__(self, data: Path, place: Path, size: str) -> None:
        place.mkdir()
        self.place = place
        mount = f'mount -t tmpfs -o size={size} none "{place}" && exec "$@"'
        self.driver = Driver(data, place, prefix=[*ALONE, "bash", "-c", mount, "bash"])
        self.seen = Path(f"/proc/{self.driver.process.pid}/root{place}")
        until = time.monotonic() + 60
        while os.stat(self.seen).st_dev == os.stat(place).st_dev and time.monotonic() < until:
            time.sleep(0.1)  # until it is mounted

    def fill(self, free: int) -> None:
        """Leave so many bytes free."""
        (self.seen / "filler").unlink(missing_ok=True)
        room = os.statvfs(self.seen)
        size = room.f_bavail * room.f_frsize - free
        with (self.seen / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def empty(self) -> None:
        """Make room again."""
        (self.seen / "filler").unlink()

    def need_as(self, whole: Path, copy: Path) -> None:
        """What lies there is what a run without faults has left."""
        shutil.copytree(self.seen / "run", copy)
        for path in (copy / name for name in files(copy)):
            if path.suffix == ".json":
                path.write_text(path.read_text().replace(str(self.place / "run"), str(copy)))
        need_the_same(copy, whole)


@pytest.fixture
def disk(driver, tmp_path) -> Iterator[Disk]:
    disk = Disk(driver.data, tmp_path / "disk", "16m")
    yield disk
    disk.driver.close()


@mounts
def test_a_full_disk_is_foreseen_or_a_line_and_everything_old_stays(disk, whole, tmp_path):
    run = disk.place / "run"
    for free, said in (
        (IMAGES * 137 * 236 // 2, "a store of 48 images needs"),  # foreseen
        (3_000_000, "training needs"),  # foreseen: the store fits, ten times the weights don't
    ):
        disk.fill(free)
        got = disk.driver.attempt(run)
        need_a_sentence(got, said)
        assert said in got.err
        assert "make room or choose another work_dir" in got.err
        need_whole_files(disk.seen / "run")
    disk.empty()

    state = {"operation": "replace", "path": r"state/last\.pt$", "errno": 5, "skip": 1}
    need_a_sentence(disk.driver.attempt(run, state), "stopped after a state")
    before = (disk.seen / "run" / "folds" / "fold0" / "state" / "last.pt").read_bytes()
    disk.fill(100_000)
    got = disk.driver.attempt(run)
    need_a_sentence(got, "the state")
    assert "could not be written: " in got.err
    assert (disk.seen / "run" / "folds" / "fold0" / "state" / "last.pt").read_bytes() == before
    need_whole_files(disk.seen / "run")
    disk.empty()

    table = {"operation": "open", "path": r"submission\.csv$", "errno": 5}
    need_a_sentence(disk.driver.attempt(run, table), "stopped before the submission")
    disk.fill(0)
    got = disk.driver.attempt(run, command="predict")
    need_a_sentence(got, "the submission")
    assert "No space left on device" in got.err
    need_whole_files(disk.seen / "run")
    disk.empty()
    disk.driver.finished(run)
    disk.need_as(whole[0], tmp_path / "copy")


@mounts
def test_a_disk_that_can_only_be_read_is_a_line_before_the_work(driver, whole, tmp_path):
    place = tmp_path / "mounted"
    shutil.copytree(whole[0], place)
    before = {name: (place / name).read_bytes() for name in files(place)}
    mount = f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && exec "$@"'
    fixed = Driver(driver.data, place, prefix=[*ALONE, "bash", "-c", mount, "bash"])
    try:
        for command in ("train", "predict", "score"):
            got = fixed.attempt(place, command=command)
            need_a_sentence(got, command)
            assert f"work_dir={place}: can't be written: Read-only file system; choose" in got.err
        elsewhere = tmp_path / "elsewhere"
        got = fixed.attempt(elsewhere, submission=place / "submission.csv")
        need_a_sentence(got, "submission=")
        assert f"{place} can't be written to; choose another place" in got.err
        assert files(elsewhere) == set()
    finally:
        fixed.close()
    assert {name: (place / name).read_bytes() for name in files(place)} == before


def test_a_work_directory_that_can_be_none_is_a_line(driver, tmp_path):
    (tmp_path / "file").write_text("somebody's")
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "folds").symlink_to(tmp_path / "unmounted")
    for work, said in (
        (tmp_path / "file", "file: can't be made: File exists; choose another"),
        (tmp_path / "file" / "below", "below: can't be made: Not a directory; choose another"),
        (tmp_path / "link", "link leads to {}, which isn't there; is its disk mounted?; choose"),
        (tmp_path / "link" / "below", "link leads to {}, which isn't there; is its disk mounted?"),
        (tmp_path / "work", "folds leads to {}, which isn't there; is its disk mounted?"),
    ):
        got = driver.attempt(work)
        need_a_sentence(got, str(work))
        assert said.format(tmp_path / "unmounted") in got.err
    assert (tmp_path / "file").read_text() == "somebody's"
    assert not (tmp_path / "unmounted").exists()


@mounts
def test_as_little_shared_memory_as_docker_gives_is_enough(driver, tmp_path):
    mount = 'mount -t tmpfs -o size=64m none /dev/shm && exec "$@"'
    small = Driver(driver.data, tmp_path, prefix=[*ALONE, "bash", "-c", mount, "bash"])
    try:
        small.finished(tmp_path / "fits", workers=2)
        # 32 pictures of 4 bytes a pixel: two workers' ten batches are more than there is. (At 240
        # torch 2.13 itself dies, in the gradient of a 1x1 convolution from 8 channels to 16.)
        got = small.finished(tmp_path / "large", workers=2, image_size=236, epochs=1)
    finally:
        small.close()
    assert "/dev/shm has 67 MB free and 2 worker(s) need" in got.out


@pytest.mark.parametrize("number", [0, 1, 2, 3])  # two make pictures to train, two to validate
def test_a_process_that_is_killed_for_its_memory_ends_the_run_in_a_line(driver, tmp_path, number):
    work = tmp_path / "work"
    asked = {**SETTINGS, "data_dir": driver.data, "work_dir": work, "workers": 2, "epochs": 5000}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "graphemes", *(f"{k}={v}" for k, v in asked.items())],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = work / "folds" / "fold0" / "log.jsonl"
    until = time.monotonic() + 120
    while not log.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    started = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(started) == 4
    os.kill(int(started[number]), signal.SIGKILL)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2, said
    assert said.count("\n") == 1
    assert said.startswith("graphemes: a process that makes pictures was killed (")
    assert "out of memory? try workers=0 or a smaller batch_size; what was finished is" in said
    need_whole_files(work)
    assert (work / "folds" / "fold0" / "state" / "last.pt").is_file()
