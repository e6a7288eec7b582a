#!/usr/bin/env bash
# Compiles native/kernels for the host into the shared library named. Exits 3 where no C++ compiler is to be found.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
output="$1"
for compiler in "${CXX:-}" g++ clang++ clang++-19; do
  if [ -n "$compiler" ] && command -v "$compiler" >/dev/null; then
    exec "$compiler" -std=c++17 -O2 -ffp-contract=off -fno-strict-aliasing -fPIC -shared -fvisibility=hidden -Wno-unknown-pragmas \
      -I "$here" -I "$here/../../native/kernels" "$here/host.cpp" -o "$output"
  fi
done
echo "build-host.sh: no C++ compiler (g++ or clang++) is here" >&2
exit 3
