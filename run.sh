#!/usr/bin/env bash
# The door: bash run.sh [COMMAND] key=value ...   (bash run.sh help lists the commands)
# Finds or makes the Python environment, then hands over to the package in src/.
set -euo pipefail
# What the caller exports for other Python programs is none of ours, and some of it stops any Python
# (PYTHONHOME, PYTHONHASHSEED=x). Kept: where packages and byte code lie, and unbuffered output.
for name in "${!PYTHON@}"; do
  case $name in
    PYTHONPATH | PYTHONUSERBASE | PYTHONNOUSERSITE | PYTHONPYCACHEPREFIX) ;;
    PYTHONDONTWRITEBYTECODE | PYTHONUNBUFFERED) ;;
    *) unset "$name" ;;
  esac
done
door=${BASH_SOURCE[0]}
while [[ -L $door ]]; do # a link to the door is not the house
  target=$(readlink -- "$door")
  [[ $target == /* ]] || target=$(dirname -- "$door")/$target
  door=$target
done
root=$(CDPATH='' cd -- "$(dirname -- "$door")" && pwd -P)
venv=$root/.venv
# Written last, so that its absence tells an environment whose making was cut short.
whole=$venv/graphemes-whole
wanted=$(cksum <"$root/requirements.txt")

say() { printf '%s\n' "$*" >&2; }
fail() { say "graphemes: $*"; exit 2; }

# pip's own words go to a file; it is shown only if something goes wrong.
install() { # install LOG FILE...: the packages of requirement files into .venv
  local log=$1 words=() file
  shift
  for file in "$@"; do words+=(-r "$file"); done
  if ! "$venv/bin/python" -m pip install --no-compile --disable-pip-version-check "${words[@]}" >"$log" 2>&1; then
    tail -n 12 "$log" >&2
    fail "$log: pip could not install the packages (its last lines are above); mend that and run again"
  fi
  # What pip would do with one processor only, and for the packages' own tests too. A file that some
  # package has for another Python is none of our business.
  "$venv/bin/python" -m compileall -qq -j 0 -x '/tests/' "$venv/lib" >>"$log" 2>&1 || true
}

version_of() { # version_of INTERPRETER: as 3.11; nothing where it doesn't run
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

fits() { [[ $1 =~ ^3\.1[123]$ ]]; } # fits VERSION: whether the package is made for it

check_python() { # check_python INTERPRETER NAME: refuses one that the package isn't made for
  local version
  version=$(version_of "$1")
  [[ -n $version ]] || fail "$2: doesn't run as a Python; set GRAPHEMES_PYTHON to one of 3.11 to 3.13"
  fits "$version" || fail "$2 is Python $version; 3.11 to 3.13 needed: set GRAPHEMES_PYTHON to one of these"
}

find_python() { # a Python that the pins are made for
  local name
  for name in python3 python3.11 python3.12 python3.13; do
    if fits "$(version_of "$name")"; then
      command -v "$name"
      return
    fi
  done
  fail "no Python 3.11 to 3.13 found on PATH; install one, or set GRAPHEMES_PYTHON to an interpreter"
}

is_whole() { [[ -x $venv/bin/python && -f $whole && $(<"$whole") == "$wanted" ]]; }

make_venv() {
  [[ -w $root ]] || fail "$root: can't be written, so no .venv there; set GRAPHEMES_PYTHON to an interpreter with the packages"
  # One maker at a time: a second run waits here and then finds it whole.
  if command -v flock >/dev/null; then exec 9>"$root/.venv.lock"; flock 9; fi
  if ! is_whole; then fill_venv; fi
  exec 9>&- # or whatever runs next would hold the lock
}

extra() { # extra NAME FILE: what only NAME needs, into our own .venv at its first use
  local name=$1 file=$2 mark=$venv/graphemes-$1-whole
  [[ $python == "$venv/bin/python" ]] || return 0
  if [[ ! -f $mark || $(<"$mark") != $(cksum <"$file") ]]; then
    say "installing what only $name needs"
    install "$venv/install-$name.log" "$file"
    cksum <"$file" >"$mark"
  fi
}

fill_venv() {
  if [[ -f $whole && -x $venv/bin/python ]]; then
    say "requirements.txt changed: bringing $venv up to date (minutes)"
    rm -f "$whole"
  else
    if [[ -e $venv ]]; then
      say "$venv is half made: removing it and making it again"
      rm -rf "$venv"
    fi
    local python
    python=$(find_python)
    say "first use: making $venv with $python and filling it from requirements.txt (minutes, some GB)"
    "$python" -m venv "$venv" || fail "$python -m venv failed; on Debian: apt-get install python3-venv"
  fi
  install "$venv/install.log" "$root/requirements.txt"
  printf '%s\n' "$wanted" >"$whole"
  say "$venv is ready"
}

if is_whole; then
  python=$venv/bin/python
elif [[ -n ${GRAPHEMES_PYTHON:-} ]]; then
  python=$GRAPHEMES_PYTHON
  [[ $python != */* || $python == /* ]] || python=$PWD/$python
  command -v "$python" >/dev/null || fail "GRAPHEMES_PYTHON=$python: no such interpreter"
  check_python "$python" "GRAPHEMES_PYTHON=$python"
elif [[ -n ${KAGGLE_KERNEL_RUN_TYPE:-} ]]; then
  python=python3 # Kaggle's image has the packages; nothing is installed there
  check_python "$python" "$(command -v "$python" || printf 'python3')"
else
  make_venv
  python=$venv/bin/python
fi

# A torch.py in the caller's directory is none of ours: -P below keeps it out of the import path, and
# so do we where PYTHONPATH has empty or relative entries. Absolute ones may hold packages.
path=$root/src
others=${PYTHONPATH:-}:
while [[ -n $others ]]; do
  [[ $others != /* ]] || path+=:${others%%:*}
  others=${others#*:}
done
export PYTHONPATH=$path

if [[ ${1:-} == test ]]; then
  shift
  case "${1:-}" in help | -h | --help)
    printf '%s\n' "bash run.sh test [PYTEST'S OWN WORDS]" "" "pip check, ruff, mypy, pytest; as in: bash run.sh test -m slow tests/images"
    exit 0 ;;
  esac
  extra tests "$root/tests/requirements.txt"
  cd "$root"
  # pytest comes last, so that its "N passed" is the last line; a failure before it still counts.
  code=0
  # Of another interpreter's packages we know nothing.
  [[ $python != "$venv/bin/python" ]] || "$python" -P -m pip check || code=1
  "$python" -P -m ruff check . || code=1
  "$python" -P -m ruff format --check . || code=1
  "$python" -P -m mypy || code=1
  "$python" -P -m pytest "$@" || code=1
  exit $code
fi

# Of its forms ONNX alone needs more than the core; it is the one where none is named.
case " $* " in
  *" help "* | *" -h "* | *" --help "* | *" format=torch_export "* | *" format=hub "* | *" format=weights "*) ;;
  " export "*) extra export "$root/src/graphemes/inference/requirements.txt" ;;
  " serve "*) extra serve "$root/src/graphemes/serve/requirements.txt" ;;
esac

exec "$python" -P -m graphemes "$@"
