# Sourced by the scripts beside it: one line per step, the noise into build/log, its tail on failure.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log_folder="$root/build/log"
jobs=$(nproc)

step() { printf '== %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# logged NAME COMMAND...: runs it with its output in build/log/NAME.log; on failure shows the tail.
logged() {
  local name=$1 status=0
  shift
  mkdir -p "$log_folder"
  "$@" >"$log_folder/$name.log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    printf -- '-- %s failed with status %s; the end of build/log/%s.log:\n' "$1" "$status" "$name" >&2
    tail -n 40 "$log_folder/$name.log" >&2
    exit "$status"
  fi
}

# build PRESET [TARGET...]: configures and builds it; all targets when none is named.
build() {
  local preset=$1
  shift
  step "configure preset $preset (log: build/log/cmake-$preset.log)"
  logged "cmake-$preset" cmake -S "$root" --preset "$preset"
  step "build preset $preset${*:+: $*} with $jobs jobs (log: build/log/ninja-$preset.log)"
  logged "ninja-$preset" cmake --build "$root/build/$preset" -j "$jobs" ${*:+--target "$@"}
}
