# What the scripts of this folder share; sourced, after `set -euo pipefail`.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# What one clone has compiled, the next one finds.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
# Without it ccache passes on every unit that uses a precompiled header.
export CCACHE_SLOPPINESS=pch_defines,time_macros

# The biggest units take 1.5 GB under the sanitizers: as many at a time as cores and memory allow.
parallel_units() {
  local cores memory_mb
  cores=$(nproc)
  memory_mb=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
  local by_memory=$((memory_mb / 1600))
  [ "$by_memory" -lt 1 ] && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# build PRESET [TARGET...]: configures, then builds. It configures each time, because a package that was installed since
# the last time (GoogleTest, by tools/setup test) changes which targets there are, and ninja does not notice packages.
build() {
  local preset=$1
  shift
  mkdir -p build
  cmake --preset "$preset" -Wno-dev >"build/.configure-$preset.log" 2>&1 || {
    cat "build/.configure-$preset.log" >&2
    return 1
  }
  ninja -C "build/$preset" -j "$(parallel_units)" "$@"
}

# install_npm FOLDER: what its lock file says, unless that is there already.
install_npm() {
  local folder=$1
  local installed=build/.npm-${folder//\//-}.json
  if cmp -s "$folder/package-lock.json" "$installed" && [ -d "$folder/node_modules" ]; then return; fi
  npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
  cp "$folder/package-lock.json" "$installed"
}
