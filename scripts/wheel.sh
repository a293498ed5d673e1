# shellcheck shell=bash
# Sourced by the install scripts: downloads a Python package file (wheel), checks it, and puts what was made of it into
# the user's cache and a link to it into .local. The sourcing script sets `me`, its name for messages.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/smart-service-hub

# shellcheck disable=SC2154 # set by the script that sources this one
say() { echo "$me: $*"; }
fail() { echo "$me: $*" >&2; exit 1; }

# need PROGRAM…: all of them, or the way to get them.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || fail "$program is missing; run scripts/install-packages"
    done
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; run scripts/install-packages"
}

# need_space MEGABYTES
need_space() {
    local free
    free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$1" ] || fail "needs $1 MB of free disk in $cache for a moment, there are $free. Make room, or set XDG_CACHE_HOME"
}

# new_work_dir: a directory on the same file system as the cache, deleted at the end; sets `work`.
new_work_dir() {
    mkdir -p "$cache"
    # Those of runs that were killed.
    find "$cache" -maxdepth 1 -name '.making-*' -mmin +1440 -exec rm -rf {} +
    work=$(mktemp -d "$cache/.making-XXXXXX")
    trap 'rm -rf "$work"' EXIT
}

# download REQUIREMENT SHA256 PIP_OPTION…: one wheel, checked; sets `wheel`.
download() {
    local requirement=$1 sha256=$2 quiet=()
    shift 2
    [ -t 1 ] || quiet=(--quiet) # pip's progress bar is for people
    python3 -m pip download "${quiet[@]}" --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: \
        --python-version 311 "$@" --dest "$work/wheel" "$requirement" ||
        fail "the download failed. Check the network (and PIP_INDEX_URL, if you use a mirror), then run this again"
    wheel=$(echo "$work"/wheel/*.whl)
    check "$wheel" "$sha256"
}

# check FILE SHA256
check() {
    echo "$2  $1" | sha256sum --check --status ||
        fail "$(basename "$1") is not the file it should be (SHA-256 $(sha256sum <"$1" | cut -c 1-64), expected $2).
    The download was cut off or the source serves something else: try again, or another mirror"
}

# publish DIR NAME: moves a finished directory to its final place in the cache in one step.
publish() {
    chmod 755 "$1"
    [ ! -e "$cache/$2" ] || mv -T "$cache/$2" "$work/replaced"
    mv -T "$1" "$cache/$2"
}

# link NAME LINK: .local/LINK points to the cached directory.
link() {
    mkdir -p "$root/.local"
    [ -L "$root/.local/$2" ] || [ ! -e "$root/.local/$2" ] ||
        fail "$root/.local/$2 is not a link: move it away and run this again"
    [ "$(readlink "$root/.local/$2")" = "$cache/$1" ] || ln -sfnT "$cache/$1" "$root/.local/$2"
    say "ready: .local/$2 -> $cache/$1"
}
