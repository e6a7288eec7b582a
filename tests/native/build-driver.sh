#!/usr/bin/env bash
# Compiles the stand-in for libcuda.so.1 into the file named. Exits 3 where no C++ compiler is to be found.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
for compiler in "${CXX:-}" g++ clang++ clang++-19; do
  if [ -n "$compiler" ] && command -v "$compiler" >/dev/null; then
    exec "$compiler" -std=c++17 -O1 -fPIC -shared -fvisibility=hidden -Wall -Wl,-soname,libcuda.so.1 "$here/driver.cpp" -o "$1" -ldl
  fi
done
echo "build-driver.sh: no C++ compiler (g++ or clang++) is here" >&2
exit 3
