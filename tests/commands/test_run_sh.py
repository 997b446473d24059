"""The door's choice of interpreter, with a stand-in for Python: no packages are fetched."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import REPOSITORY

# Answers as `python3` would: -m venv makes an environment of itself, pip is noted or fails.
STAND_IN = """#!/usr/bin/env bash
case "$*" in
  *"-m venv"*) mkdir -p "${@: -1}/bin"; cp "$0" "${@: -1}/bin/python"; exit 0 ;;
  *"-m pip install"*) echo "pip $*" >>"$PIP_NOTES"; exit "${PIP_CODE:-0}" ;;
  *"-c "*) echo "${VERSION:-3.12}" ;;
  *) echo "path $PYTHONPATH"; env | grep ^PYTHON; echo "ran $0 $*" ;;
esac
"""


class House:
    """A checkout's door in a directory of its own, and a PATH with the stand-in first."""

    def __init__(self, root: Path, tools: Path) -> None:
        self.root, self.notes = root, tools / "pip"
        self.root.mkdir()
        for name in ("run.sh", "requirements.txt"):
            shutil.copy(REPOSITORY / name, root / name)
        tools.mkdir()
        for name in ("python3", "python3.11", "python3.12", "python3.13"):
            (tools / name).write_text(STAND_IN)
            (tools / name).chmod(0o755)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "GRAPHEMES_PYTHON"},
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PIP_NOTES": str(self.notes),
        }

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.root / "run.sh"), *words],
            cwd=self.root.parent,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def pips(self) -> int:
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0


@pytest.fixture
def house(tmp_path) -> House:
    return House(tmp_path / "a house", tmp_path / "tools")


def test_first_use_makes_the_environment_and_says_so(house):
    done = house.run("fold=0", "name=a b")
    assert done.returncode == 0, done.stderr
    assert "first use: making" in done.stderr
    assert f"ran {house.root}/.venv/bin/python -P -m graphemes fold=0 name=a b" in done.stdout


def test_later_uses_go_straight_through(house):
    house.run("doctor")
    done = house.run("doctor")
    assert done.stderr == ""
    assert house.pips == 1


def test_a_half_made_environment_is_made_again(house):
    (house.root / ".venv" / "lib").mkdir(parents=True)
    (house.root / ".venv" / "lib" / "rest").touch()
    done = house.run("doctor")
    assert done.returncode == 0
    assert "is half made: removing it and making it again" in done.stderr
    assert not (house.root / ".venv" / "lib" / "rest").exists()


def test_a_failed_installation_is_an_error_and_tried_again(house):
    done = house.run("doctor", PIP_CODE="1")
    assert done.returncode == 2
    assert "pip could not install" in done.stderr
    again = house.run("doctor")
    assert again.returncode == 0
    assert "half made" in again.stderr


def test_changed_requirements_are_installed(house):
    house.run("doctor")
    with (house.root / "requirements.txt").open("a") as file:
        file.write("one-more==1\n")
    done = house.run("doctor")
    assert "requirements.txt changed" in done.stderr
    assert house.pips == 2


def test_a_given_interpreter_serves_until_there_is_a_whole_environment(house, tmp_path):
    own = tmp_path / "my python"
    own.write_text(STAND_IN)
    own.chmod(0o755)
    done = house.run("doctor", GRAPHEMES_PYTHON=str(own))
    assert f"ran {own}" in done.stdout
    assert house.pips == 0
    missing = house.run("doctor", GRAPHEMES_PYTHON="/nowhere/python")
    assert missing.returncode == 2
    assert "GRAPHEMES_PYTHON=/nowhere/python" in missing.stderr


def test_on_kaggle_nothing_is_installed(house):
    done = house.run("predict", KAGGLE_KERNEL_RUN_TYPE="Batch")
    assert done.returncode == 0
    assert "-m graphemes predict" in done.stdout
    assert not (house.root / ".venv").exists()


def test_a_link_to_the_door_leads_into_the_house(house, tmp_path):
    link = tmp_path / "link.sh"
    link.symlink_to(house.root / "run.sh")
    done = subprocess.run(
        ["bash", "link.sh", "doctor"],
        cwd=tmp_path,
        env={**house.environment, "CDPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"ran {house.root}/.venv/bin/python" in done.stdout


def test_an_environment_whose_python_is_gone_is_made_again(house):
    house.run("doctor")
    (house.root / ".venv" / "bin" / "python").unlink()
    done = house.run("doctor")
    assert done.returncode == 0, done.stderr
    assert "half made" in done.stderr


def test_help_of_test_tests_nothing(house):
    house.run("doctor")
    done = house.run("test", "help")
    assert done.returncode == 0
    assert "pytest" in done.stdout
    assert "ran " not in done.stdout


def test_no_fitting_python_is_an_error(house):
    done = house.run("doctor", VERSION="3.14")
    assert done.returncode == 2
    assert "no Python 3.11 to 3.13" in done.stderr


@pytest.mark.parametrize("version", ["2.7", "3.1", "3.10", "3.14", "3.110", "4.11"])
def test_another_pythons_version_is_said(house, tmp_path, version):
    own = tmp_path / "python"
    own.write_text(STAND_IN)
    own.chmod(0o755)
    for chosen in ({"GRAPHEMES_PYTHON": str(own)}, {"KAGGLE_KERNEL_RUN_TYPE": "Batch"}):
        done = house.run("doctor", VERSION=version, **chosen)
        assert done.returncode == 2
        assert f"python{'' if 'GRAPHEMES_PYTHON' in chosen else '3'} is Python" in done.stderr
        assert f" is Python {version}; 3.11 to 3.13 needed" in done.stderr
        assert done.stderr.count("\n") == 1
        assert house.run("doctor", VERSION="3.13", **chosen).returncode == 0


def test_what_does_not_run_as_a_python_is_refused(house):
    done = house.run("doctor", GRAPHEMES_PYTHON=shutil.which("false"))
    assert done.returncode == 2
    assert "doesn't run as a Python" in done.stderr


@pytest.mark.parametrize("given", [":", "", "a:", ".:./b", "::"])
def test_only_the_source_is_added_to_the_import_path(house, given):
    house.run("doctor")
    assert f"path {house.root}/src\n" in house.run("doctor", PYTHONPATH=given).stdout
    assert f"path {house.root}/src:/a b:/c\n" in (
        house.run("doctor", PYTHONPATH=f"/a b:{given}:/c").stdout
    )


def test_what_other_python_programs_are_told_is_not_passed_on(house):
    house.run("doctor")
    told = ("HOME", "HASHSEED", "WARNINGS", "OPTIMIZE", "INSPECT", "STARTUP", "IOENCODING", "UTF8")
    done = house.run("doctor", PYTHONUSERBASE="/u", **{f"PYTHON{name}": "rubbish" for name in told})
    assert done.returncode == 0, done.stderr
    assert "PYTHONUSERBASE=/u" in done.stdout
    assert "rubbish" not in done.stdout


def test_a_checkout_keeps_its_line_ends_where_git_turns_others(tmp_path):
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    wanted = [".gitattributes", "run.sh", ".ci/run", "requirements.txt", "pyproject.toml"]
    wanted += ["src/graphemes/__main__.py", "src/graphemes/foundation/graphemes.csv"]
    fonts = "src/graphemes/synthesis/lettering/fonts"
    pictures = [f"{fonts}/mina.ttf", "src/graphemes/pictures/scans.png"]
    for name in (*wanted, *pictures):
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / "from" / name)
    git("init", "-q", "from")
    git("-C", "from", "add", ".")
    git("-C", "from", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "All")
    git("-c", "core.autocrlf=true", "-c", "core.eol=crlf", "clone", "-q", "from", "to")
    for name in (*wanted, *pictures):
        assert (tmp_path / "to" / name).read_bytes() == (REPOSITORY / name).read_bytes(), name
    done = subprocess.run(["bash", "-n", str(tmp_path / "to" / "run.sh")], check=False)
    assert done.returncode == 0


def test_the_tests_own_packages_come_with_the_first_test(house):
    (house.root / "tests").mkdir()
    shutil.copy(REPOSITORY / "tests" / "requirements.txt", house.root / "tests")
    assert house.run("test").returncode == 0
    assert house.pips == 2
    assert house.run("test", "-k", "x").stdout.splitlines()[-1].endswith("-m pytest -k x")
    assert house.pips == 2


EXTRA = Path("src", "graphemes", "inference", "requirements.txt")


def test_what_only_onnx_needs_comes_with_the_first_export_of_it(house):
    (house.root / EXTRA).parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / EXTRA, house.root / EXTRA)
    for words in (["export", "help"], ["export", "format=hub"], ["predict", "name=export"]):
        assert house.run(*words).returncode == 0
    assert house.pips == 1  # the environment's own
    done = house.run("export", "fold=0")
    assert done.stderr == "installing what only export needs\n"
    assert f"-r {house.root / EXTRA}" in house.notes.read_text().splitlines()[-1]
    assert house.run("export", "fold=0").stderr == ""
    assert house.pips == 2


def test_the_tests_have_the_pins_of_the_extra():
    pins = {line.split("#")[0].strip() for line in (REPOSITORY / EXTRA).read_text().splitlines()}
    tests = (REPOSITORY / "tests" / "requirements.txt").read_text().splitlines()
    assert pins - {""} <= set(tests)
