"""Whole or not at all; one at a time; sentences when a disk says no."""

import json
import select
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from subprocess import PIPE

import pytest

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import (
    digest,
    file_digest,
    locked,
    read_json,
    remove_leftovers,
    replacing,
    replacing_folder,
    stale_temporaries,
    target_of,
    temporary_beside,
    write_json,
    write_text,
)
from graphemes.foundation.places import gigabytes, need_space, need_writable


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_block_that_ends_well_replaces_the_file(tmp_path):
    path = tmp_path / "new" / "deep" / "a.txt"
    for text in ("first", "second"):
        with replacing(path) as temporary:
            assert temporary.parent == path.parent
            temporary.write_text(text)
        assert path.read_text() == text
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_readers_see_the_old_file_until_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"


def test_a_disk_that_refuses_is_a_sentence(tmp_path):
    blocked = tmp_path / "a.txt"
    blocked.mkdir()
    with pytest.raises(UserError, match=r"a\.txt: could not be written: Is a directory$"):
        write_text(blocked, "text")
    assert names(tmp_path) == ["a.txt"]
    below_a_file = tmp_path / "file" / "b.txt"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"b\.txt: could not be written: "):
        write_text(below_a_file, "text")


def test_json_goes_there_and_back(tmp_path):
    path = tmp_path / "a.json"
    value = {"sign": "\u0995", "score": 0.5, "none": None}
    write_json(path, value)
    assert read_json(path) == value
    assert "\u0995" in path.read_text(encoding="utf-8")
    assert path.read_text().endswith("}\n")


def test_nan_is_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"score": float("nan")})
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_json_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: can't be read as JSON (")
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(DataError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path}: can't be read: No such file or directory; restore it"


def test_a_json_of_many_bytes_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b" " * (2**24 - 1) + b"1")
    assert read_json(path) == 1
    path.write_bytes(b" " * 2**24 + b"1")
    with pytest.raises(DataError) as caught:
        read_json(path)
    assert str(caught.value) == (
        f"{path}: expected at most 16,777,216 bytes of JSON, got more; delete or restore it"
    )


def test_digests_see_every_byte_and_every_border(tmp_path):
    assert digest(b"ab", b"c") != digest(b"a", b"bc") != digest(b"abc")
    assert digest(b"") != digest()
    assert len(digest(b"x")) == 32
    path = tmp_path / "a"
    seen = set()
    for content in (b"", b"a", b"b", b"ab"):
        path.write_bytes(content)
        seen.add(file_digest(path))
    assert len(seen) == 4
    with pytest.raises(DataError, match=r"gone: can't be read: No such file or directory$"):
        file_digest(tmp_path / "gone")


def test_a_disk_with_room_passes_and_a_full_one_is_named(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 10, 1_500_000_000)
    asked = []

    def disk_usage(path: Path) -> tuple[int, int, int]:
        asked.append(path)
        return usage

    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    unmade = tmp_path / "not" / "yet"
    need_space(unmade, 1_500_000_000, "the store")
    with pytest.raises(UserError) as caught:
        need_space(unmade, 6_500_000_000, "the store")
    assert str(caught.value) == (
        f"{unmade}: the store needs 6.50 GB, 1.50 GB are free; make room or choose another work_dir"
    )
    assert asked == [tmp_path, tmp_path]  # the nearest folder that exists
    assert gigabytes(1_620_000_000) == "1.62 GB"


HOLD = """
import sys
from pathlib import Path
from graphemes.foundation.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def python(code: str, path: Path, *words: str) -> subprocess.Popen[str]:
    """Another process that runs `code`; its standard streams are pipes."""
    command = [sys.executable, "-c", code, str(path), *words]
    return subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "locks" / ".lock"


@pytest.fixture
def holder(lock):
    """Another process that holds the lock until it reads a line."""
    with python(HOLD, lock) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_keeps_the_second_process_out_until_the_first_is_done(lock, holder):
    def enter() -> None:
        with locked(lock, busy="somebody is here"):
            pass

    with pytest.raises(UserError, match=r"^somebody is here$"):
        enter()
    holder.communicate("enough\n", timeout=20)
    enter()


def test_waiting_for_a_lock_ends_when_its_holder_is_killed(lock, holder):
    with python(HOLD, lock) as waiting:
        ready, _, _ = select.select([waiting.stdout], [], [], 0.7)
        assert not ready, "it went in beside the holder"
        holder.kill()
        assert waiting.stdout.readline() == "held\n"
        waiting.kill()


def test_a_written_json_is_what_other_readers_take(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"a": [1, 2]}


KILLED = """
import os, signal, sys
from pathlib import Path
from graphemes.foundation.files import replacing, replacing_folder
here = Path(sys.argv[1])
with replacing(here / "a.csv") as one, replacing_folder(here / "out") as two:
    one.write_text("half")
    (two / "half").touch()
    print(one.name, two.name, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_but_not_what_is_being_written(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / ".mine.tmp").touch()
    with python(KILLED, tmp_path) as writing:
        left = [tmp_path / name for name in writing.stdout.readline().split()]
        assert remove_leftovers(tmp_path) == []
        assert all(path.exists() for path in left)
        writing.stdin.write("\n")
        writing.stdin.close()
    assert writing.returncode == -9
    assert remove_leftovers(tmp_path, {"b.csv"}) == []
    assert sorted(remove_leftovers(tmp_path)) == sorted(left)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.tmp", "a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"
    assert remove_leftovers(tmp_path / "nowhere") == []


def test_temporaries_of_killed_runs_are_known_by_what_they_would_become(tmp_path):
    place = tmp_path / "a[b].npy"
    left = [tmp_path / f".a[b].npy.{pid}.tmp" for pid in (7, 123)]
    others = [tmp_path / name for name in (".ab.npy.7.tmp", ".a[b].npy.x.tmp", "a[b].npy.7.tmp")]
    for path in (place, *left, *others):
        path.touch()
    assert sorted(stale_temporaries(place)) == sorted(left)
    assert target_of(temporary_beside(place)) == place.name
    assert target_of(place) is None


FAILING = """
import os, signal, sys
from pathlib import Path
from graphemes.foundation.errors import UserError
from graphemes.foundation.files import replacing_folder
out, number, when = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
real, made = os.replace, []
def replace(source, target):
    made.append(target)
    if len(made) == number and when == "fails":
        raise OSError(28, "No space left on device")
    if len(made) == number and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
    if len(made) == number and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
try:
    with replacing_folder(out) as folder:
        (folder / "a").write_text("new")
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("when", ["fails", "before", "after"])
def test_a_folder_is_the_old_or_the_new_whatever_move_fails(tmp_path, number, when):
    """Killed between the two moves it is neither; the old is back before anything is done."""
    out, seen = tmp_path / "out", []
    out.mkdir()
    (out / "a").write_text("old")
    (tmp_path / ".out.x.old").touch()  # somebody's own
    with python(FAILING, out, str(number), when) as process:
        said = process.stdout.read()
    assert process.returncode == (0 if when == "fails" else -9)
    assert (said == f"{out}: could not be written: No space left on device\n") == (when == "fails")
    if when == "fails":
        assert (names(tmp_path), (out / "a").read_text()) == ([".out.x.old", "out"], "old")

    def look() -> None:
        with replacing_folder(out):
            seen.extend(path.read_text() for path in out.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look()
    assert seen == ["new" if (number, when) == (2, "after") else "old"]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".out.x.old", "out"]


def test_clearing_up_brings_back_what_a_killed_process_had_moved_away(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("old")
    with python(FAILING, out, "2", "before"):
        pass
    assert not out.exists()
    assert len(remove_leftovers(tmp_path, {"other"})) == 0
    assert len(remove_leftovers(tmp_path)) == 1  # the new one, which nobody can go by
    assert (names(tmp_path), (out / "a").read_text()) == (["out"], "old")


MOVING = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


def test_what_another_process_moves_away_is_not_brought_back(tmp_path):
    with python(FAILING, tmp_path / "out", "9", "after"):
        pass
    former = (tmp_path / "out").rename(tmp_path / ".out.7.old")
    with python(MOVING, former) as moving:
        assert moving.stdout.readline() == "held\n"
        with replacing_folder(tmp_path / "out"):
            assert former.name in names(tmp_path)
        moving.kill()
    assert (former / "a").read_text() == "new"


def test_a_link_that_leads_to_nowhere_is_named(tmp_path):
    link = tmp_path / "results"
    link.symlink_to(tmp_path / "unmounted")
    told = f"{link} leads to {tmp_path / 'unmounted'}, which isn't there; is its disk mounted?"
    path = link / "deep" / "a.txt"
    with pytest.raises(UserError) as caught:
        write_text(path, "text")
    assert str(caught.value) == f"{path}: could not be written: {told}"
    with pytest.raises(UserError, match=r"which isn't there; is its disk mounted\?$"):
        locked(path).__enter__()
    with pytest.raises(UserError, match=r"which isn't there; is its disk mounted\?$"):
        replacing_folder(path).__enter__()
    with pytest.raises(UserError, match=r"results is no folder, so nothing .*; choose another"):
        need_writable(path)
    (tmp_path / "unmounted").mkdir()
    write_text(path, "text")
    assert (tmp_path / "unmounted" / "deep" / "a.txt").read_text() == "text"
