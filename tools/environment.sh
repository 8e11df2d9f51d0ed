# Sourced by ./quickstart and ./test: makes .venv with a Python of 3.11 or later. POSIX shell.

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for python in python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$python" >/dev/null 2>&1 &&
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$python"
            return 0
        fi
    done
    say "Tradewind needs Python 3.11 or later, and there is none on the path."
    return 1
}

# Debian ships python3 without what `python3 -m venv` needs; root can have it installed.
install_venv_module() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "This Python cannot make virtual environments. On Debian: sudo apt-get install python3-venv"
        return 1
    fi
    say "Installing python3-venv ..."
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2
}

make_environment() {
    if [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        return 0
    fi
    python=$(find_python) || return 1
    say "Making .venv ..."
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv_module || return 1
    rm -rf .venv
    "$python" -m venv .venv
}
