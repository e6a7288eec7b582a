#!/usr/bin/env bash
# Compiles native/kernels/*.cu to PTX with clang-19, without a CUDA toolkit, into native/ptx or the folder given. sm_75 and PTX 6.3: any driver of CUDA 10 or
# newer compiles it on for the device at hand; sm_80 and PTX 7.0 (CUDA 11) where tensor cores are used. With "nvcc" as first argument: tuned cubins for sm_80 and sm_90 with the toolkit's compiler, which the
# repository does not carry.
set -euo pipefail
cd "$(dirname "$0")"

if [ "${1:-}" = nvcc ]; then
  target="${2:-cubin}"
  mkdir -p "$target"
  for source in kernels/*.cu; do
    for arch in sm_80 sm_90; do
      nvcc -cubin -arch="$arch" -O3 -std=c++17 -fmad=false -o "$target/$(basename "$source" .cu).$arch.cubin" "$source"
    done
  done
  exit
fi

compiler="${CLANG:-clang-19}"
target="${1:-ptx}"
mkdir -p "$target"
for source in kernels/*.cu; do
  # Tensor cores take bfloat16 from sm_80 on; everything else runs from sm_75 on.
  if grep -q '"mma.cuh"' "$source"; then arch=sm_80 version=ptx70; else arch=sm_75 version=ptx63; fi
  "$compiler" -x cuda --cuda-device-only --cuda-gpu-arch=$arch --cuda-feature=+$version -nocudainc -nocudalib -O3 -std=c++17 -ffp-contract=off -Wall -Wextra -Werror \
    -S "$source" -o "$target/$(basename "$source" .cu).ptx"
done
