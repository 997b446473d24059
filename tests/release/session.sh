#!/usr/bin/env bash
# A session of Kaggle, within a mount and a network namespace of its own:
#   unshare -m -n bash session.sh VENV WORKING MEMORY_KB DRIVER [NAME=FOLDER]... -- NOTEBOOK OUT
# /kaggle/input/NAME is read-only, /kaggle/working is WORKING, what is installed into VENV is gone
# afterwards, there is no network, and a process has so much memory of its own and two cores.
set -euo pipefail
venv=$1 working=$2 memory=$3 driver=$4
shift 4
mount --make-rprivate /
root=/mnt
mount -t tmpfs none "$root"
for entry in /*; do
  if [[ -L $entry ]]; then
    ln -s "$(readlink "$entry")" "$root$entry"
  elif [[ -d $entry && $entry != /kaggle && $entry != "$root" ]]; then
    mkdir "$root$entry"
    mount --rbind "$entry" "$root$entry"
  fi
done
mkdir -p "$root"/kaggle/{input,working,home,lib} "$root"/installed/{upper,work}
mount -t tmpfs none "$root/kaggle/input"
overlay=lowerdir=$venv,upperdir=$root/installed/upper,workdir=$root/installed/work
mount -t overlay -o "$overlay" overlay "$root$venv"
mount --bind "$working" "$root/kaggle/working"
while [[ $1 != -- ]]; do
  place=$root/kaggle/input/${1%%=*}
  mkdir -p "$place"
  mount --bind "${1#*=}" "$place"
  mount -o remount,bind,ro "$place"
  shift
done
shift
mount -o remount,bind,ro "$root/kaggle/input"
ulimit -d "$memory"
cores=$(taskset -cp $$ | sed 's/.*: //; s/-/,/' | cut -d, -f1,2)
# As a kernel has it: PYTHONPATH with an empty entry, a backend that only notebooks have.
exec chroot "$root" env -i -C /kaggle/working \
  PATH="$venv/bin:/usr/local/bin:/usr/bin:/bin" HOME=/kaggle/home LANG=C.UTF-8 \
  KAGGLE_KERNEL_RUN_TYPE=Batch MPLBACKEND=module://matplotlib_inline.backend_inline \
  PYTHONPATH=:/kaggle/lib taskset -c "$cores" "$venv/bin/python" "$driver" "$@"
