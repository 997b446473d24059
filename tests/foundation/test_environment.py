"""Nothing that the caller exports for other programs reaches a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY
from graphemes.foundation.environment import (
    LONGEST_TEMPORARY,
    RankVariables,
    own_paths,
    rank_variables,
)
from graphemes.foundation.errors import SettingsError

SOURCE = str(REPOSITORY / "src")
RUBBISH = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # a notebook's
    "TQDM_MININTERVAL": "rubbish",
    "TQDM_ASCII": "x",
    "TORCH_LOGS": "rubbish",
    "TORCH_DISTRIBUTED_DEBUG": "rubbish",
    "PYTORCH_JIT": "rubbish",
    "PYTHONWARNINGS": "error",
    "PYTHONSTARTUP": "/nowhere.py",
    "PYTHONOPTIMIZE": "1",
    "PYTHONHASHSEED": "7",
    "TMPDIR": "nowhere",
    "LC_ALL": "C",
    "TERM": "dumb",
    "COLUMNS": "rubbish",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "rubbish",
    "NO_ALBUMENTATIONS_UPDATE": "",
}


def python(
    *words: str, cwd: Path, path: str = SOURCE, **exported: str
) -> subprocess.CompletedProcess[str]:
    """`python words` as a user's shell would run it, with these variables exported."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**environment, "PYTHONPATH": path, **exported},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_is_exported_for_others_breaks_no_command(tmp_path):
    settings = tmp_path / "figures"
    settings.write_bytes(b"\xff\xfe\n")
    exported = {**RUBBISH, "MATPLOTLIBRC": str(settings)}
    done = python("-m", "graphemes", "doctor", f"work_dir={tmp_path}", cwd=tmp_path, **exported)
    assert done.returncode == 0, done.stderr
    assert "packages  torch" in done.stdout


@pytest.mark.parametrize("length", [LONGEST_TEMPORARY, LONGEST_TEMPORARY + 1, 150])
def test_workers_find_each_other_however_deep_temporary_files_lie(tmp_path, length):
    # Theirs is a socket in a directory in the temporary one; a worker whose socket can't be made
    # says nothing, and is waited for without end.
    deep = Path("/tmp") / ("d" * (length - len("/tmp/")))
    deep.mkdir()
    code = (
        "from graphemes.foundation.environment import leave_out_foreign; leave_out_foreign()\n"
        "from multiprocessing.connection import Listener\n"
        "print(Listener(family='AF_UNIX').address)"
    )
    try:
        done = python("-c", code, cwd=tmp_path, TMPDIR=str(deep))
    finally:
        deep.rmdir()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(deep)) == (length <= LONGEST_TEMPORARY)


@pytest.mark.parametrize("named", ["", ":", ".", "lib:", "/x:lib", f"lib:/x:{SOURCE}"])
def test_only_whole_paths_are_looked_in(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    paths = ["", str(tmp_path), str(tmp_path / "lib"), "/x", SOURCE, "/usr/lib/python"]
    assert own_paths(paths, named) in (
        ["/x", SOURCE, "/usr/lib/python"],
        [str(tmp_path / "lib"), "/x", SOURCE, "/usr/lib/python"],  # not PYTHONPATH's
    )
    assert (str(tmp_path / "lib") in own_paths(paths, named)) == ("lib" not in named)


def test_the_callers_directory_stays_where_it_is_named_or_holds_this_package(monkeypatch):
    monkeypatch.chdir("/usr")
    assert own_paths(["/usr", "/x"], "/usr") == ["/usr", "/x"]
    monkeypatch.chdir(SOURCE)
    assert own_paths(["", SOURCE, "/x"], ".") == ["", SOURCE, "/x"]


def test_a_library_of_the_same_name_in_the_callers_directory_is_not_imported(tmp_path):
    (tmp_path / "pydantic.py").write_text("raise SystemExit('the wrong one')\n")
    for path in (f":{SOURCE}", f"{SOURCE}:", f".:{SOURCE}"):
        done = python("-m", "graphemes", "help", cwd=tmp_path, path=path)
        assert done.returncode == 0, done.stderr
        assert "bash run.sh" in done.stdout


def test_a_directory_that_was_removed_is_no_hindrance(tmp_path):
    code = f"import os; os.rmdir('{tmp_path}/gone'); from graphemes.__main__ import main; main()"
    (tmp_path / "gone").mkdir()
    done = python("-c", code, "help", cwd=tmp_path / "gone", TMPDIR="relative")
    assert done.returncode == 0, done.stderr


TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}


def test_torchruns_variables_say_where_a_process_stands():
    assert rank_variables(TORCHRUN) == RankVariables(5, 8, 1, 4)
    one = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    assert rank_variables(one) is None
    # Other programs set some of them.
    assert rank_variables({key: TORCHRUN[key] for key in ("RANK", "WORLD_SIZE")}) is None
    assert rank_variables({}) is None


@pytest.mark.parametrize("wrong", [{"RANK": "x"}, {"RANK": "8"}, {"LOCAL_RANK": "4"}])
def test_a_place_that_cannot_be_is_said(wrong):
    with pytest.raises(SettingsError, match=r"^RANK=\S+, WORLD_SIZE=8, LOCAL_RANK="):
        rank_variables({**TORCHRUN, **wrong})
