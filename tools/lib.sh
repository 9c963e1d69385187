# shellcheck shell=bash
# What every script in tools/ starts with: where things are kept, and how to say what is wrong.
# Sourced, never run. Afterwards the working directory is the repository.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vitte

# One target folder for every step, outside the checkout: a clean clone finds its dependencies built.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
[[ $CARGO_TARGET_DIR == /* ]] || CARGO_TARGET_DIR=$ROOT/$CARGO_TARGET_DIR
export ROOT CACHE

# The versions are part of the folder's name, so two branches with different pins do not fight.
NEXTEST_VERSION=0.9.148
DENY_VERSION=0.20.2
MACHETE_VERSION=0.9.2
PATH=$CACHE/tools/cargo-nextest-$NEXTEST_VERSION/bin:$CACHE/tools/cargo-deny-$DENY_VERSION/bin:$CACHE/tools/cargo-machete-$MACHETE_VERSION/bin:$PATH
export PATH NEXTEST_VERSION DENY_VERSION MACHETE_VERSION

# In CI nobody comes back for an incremental build, and Cargo.lock must be what was committed.
# shellcheck disable=SC2034 # for those who source this
LOCKED=()
if [[ -n ${CI:-} ]]; then
    export CARGO_INCREMENTAL=0
    # shellcheck disable=SC2034
    LOCKED=(--locked)
fi

say() { printf '%s\n' "$*" >&2; }

# Something the person must do or change first: exit code 2, as `vitte` itself answers a bad configuration.
fail() {
    say "error: $*"
    exit 2
}

# The version that the workspace has.
version() { sed -nE 's/^version = "(.*)"$/\1/p' Cargo.toml | head -n 1; }

have() { command -v "$1" >/dev/null 2>&1; }

# The folder with PostgreSQL's server programs: the one named, else Debian's newest, else what is on PATH.
postgres_bin() {
    if [[ -n ${VITTE_TEST_PG_BIN:-} ]]; then
        printf '%s\n' "$VITTE_TEST_PG_BIN"
        return
    fi
    local found
    found=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -t/ -k5,5Vr | head -n 1)
    if [[ -z $found ]] && have pg_config; then
        found=$(pg_config --bindir)/initdb
    fi
    if [[ -z $found ]]; then
        found=$(command -v initdb || true)
    fi
    if [[ -x $found ]]; then
        dirname "$found"
    fi
}

# `at_least HAVE WANTED`: both as 1.24 or 1.24.3.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

# Every step that compiles Rust begins with this. What the workspace asks for is never less than what its dependencies do.
need_rust() {
    local wanted found
    wanted=$(sed -nE 's/^rust-version = "(.*)"$/\1/p' Cargo.toml)
    have cargo || fail "cargo is not installed: install Rust $wanted or newer with rustup (https://rustup.rs), then run this again"
    found=$(rustc --version 2>/dev/null | sed -nE 's/^rustc ([0-9.]+).*/\1/p' || true)
    [[ -n $found ]] || fail "rustc does not say its version: install Rust $wanted or newer with rustup (https://rustup.rs), then run this again"
    at_least "$found" "$wanted" ||
        fail "rustc $found is too old: Vitte and what it depends on need $wanted or newer. With rustup: rustup update"
    forget_other_checkouts
}

# Cargo goes by the times of files: of two checkouts that share a target folder it would take the other's build for this
# one's. So ours is compiled anew where another checkout built last; the dependencies are the same and stay.
forget_other_checkouts() {
    local mark=$CARGO_TARGET_DIR/.checkout
    [[ $(cat "$mark" 2>/dev/null || true) != "$ROOT" ]] || return 0
    rm -rf "$CARGO_TARGET_DIR"/*/.fingerprint/{vitte,kubectl-vitte}*
    mkdir -p "$CARGO_TARGET_DIR"
    printf '%s' "$ROOT" >"$mark"
}

# Puts a Go that is new enough on PATH: the one there, else where its archive or Debian's versioned packages put it.
# The newest that one of the pins of tests/cluster asks for, which is metrics-server's.
GO_VERSION=1.26.4
find_go() {
    local folder found
    for folder in '' /usr/local/go/bin $(compgen -G '/usr/lib/go-*/bin' | sort -Vr || true); do
        found=$(PATH=${folder:+$folder:}$PATH go env GOVERSION 2>/dev/null) || continue
        if at_least "${found#go}" "$GO_VERSION"; then
            PATH=${folder:+$folder:}$PATH
            return
        fi
    done
    return 1
}

# The cluster that tests run on here: pods need root, on Linux.
test_tier() {
    if [[ $(uname) == Linux && $(id -u) -eq 0 ]]; then
        echo node
    else
        echo control
    fi
}

# `step NAME COMMAND...` runs a command under a heading and says how long it took.
step() {
    local name=$1 began=$SECONDS
    shift
    say "==> $name"
    "$@" || {
        local code=$?
        say "==> $name failed after $((SECONDS - began)) s"
        return "$code"
    }
    say "==> $name: $((SECONDS - began)) s"
}
