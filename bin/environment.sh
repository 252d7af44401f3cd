# shellcheck shell=sh
# This checkout's own Python environment: made once, whole or not at all. Sourced by bin/llmux and bin/test, which set
# $self to their own path. Gives $root, $venv and ready().
#
# $venv/made-run and $venv/made-test name the pyproject.toml and the folder that the environment was made for. They are
# written last, so an environment without them is a half-made one and is made anew.

root=$(cd "${self%/*}/.." && pwd -P)
venv=${LLMUX_VENV:-$root/.venv}
wanted="$(cksum <"$root/pyproject.toml") $root"

# ready run|test: makes sure of the environment. When it stands, this is a comparison of two lines.
ready() {
  made "$1" || make "$1"
}

made() {
  [ -x "$venv/bin/python" ] && [ -f "$venv/made-$1" ] && IFS= read -r made_for <"$venv/made-$1" && [ "$made_for" = "$wanted" ]
}

make() {
  find_python
  mkdir -p "$venv" || refuse "cannot write to $venv. LLMUX_VENV=FOLDER puts the environment elsewhere."
  exec 9<"$venv"
  # The lock is on fd 9, which this shell keeps open; the kernel lets go of it however the shell ends.
  "$python" -c 'import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("llmux: another start is making the environment; waiting for it.", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)'
  made "$1" || build "$1"
  exec 9<&-
}

build() {
  began=$(date +%s) line_open=yes
  if [ -x "$venv/bin/python" ] && [ -f "$venv/made-run" ]; then
    printf 'llmux: bringing its environment up to date ... ' >&2
  else
    printf 'llmux: making its environment in %s, the first time only ... ' "$venv" >&2
    create
  fi
  rm -f "$venv/made-run" "$venv/made-test"
  requirements "$1" >"$venv/requirements.txt"
  install >"$venv/install.log" 2>&1 || {
    tail -n 5 "$venv/install.log" >&2
    refuse "could not install what llmux needs. Is this machine online? The whole story is in $venv/install.log; the next start tries again."
  }
  "$venv/bin/python" -c 'import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "llmux.pth").write_text(sys.argv[1] + "\n")' "$root"
  [ "$1" = run ] || printf '%s\n' "$wanted" >"$venv/made-$1"
  printf '%s\n' "$wanted" >"$venv/made-run" # the test environment holds all that a run needs
  printf 'done in %s s.\n' "$(($(date +%s) - began))" >&2
}

# An empty environment. What is in the folder goes, but only if a start of ours put it there.
create() {
  if [ -f "$venv/.llmux" ]; then
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .llmux -exec rm -rf {} +
  elif [ -n "$(ls -A "$venv")" ]; then
    refuse "$venv is not empty, and not of llmux's making. Remove it, or choose another folder: LLMUX_VENV=FOLDER."
  fi
  : >"$venv/.llmux"
  if [ -n "$uv" ]; then
    "$uv" venv --quiet --allow-existing --python "$python" "$venv" >&2 || refuse "uv could not make $venv."
  else
    "$python" -m venv "$venv" >&2 || refuse "$python could not make $venv."
  fi
}

# requirements run|test: what pyproject.toml asks for, a line each.
requirements() {
  "$venv/bin/python" -c 'import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)
lines = project["project"]["dependencies"] + (project["dependency-groups"]["test"] if sys.argv[2] == "test" else [])
print("\n".join(lines))' "$root/pyproject.toml" "$1"
}

install() {
  if [ -n "$uv" ]; then
    "$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --requirement "$venv/requirements.txt"
  else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$venv/requirements.txt"
  fi
}

# Sets $python to one that is new enough, and $uv to uv's path or to nothing.
find_python() {
  uv=$(command -v uv || :)
  for python in ${LLMUX_PYTHON:+"$LLMUX_PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python; do
    new_enough "$python" && return
  done
  if [ -n "$uv" ]; then
    "$uv" python install --quiet 3.13 && python=$("$uv" python find 3.13) && new_enough "$python" && return
  fi
  refuse "needs Python 3.11 or newer with its venv module, and found none. Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python. LLMUX_PYTHON=PATH names one."
}

new_enough() {
  "$1" -c 'import sys
assert sys.version_info >= (3, 11)
if not sys.argv[1]:
    import ensurepip, venv' "$uv" 2>/dev/null
}

refuse() {
  printf '%sllmux: %s\n' "${line_open:+
}" "$1" >&2
  exit 1
}
