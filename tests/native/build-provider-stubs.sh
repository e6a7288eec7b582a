#!/usr/bin/env bash
# Compiles stub libraries with every CUDA name that ONNX Runtime's CUDA provider asks for, so that it loads, gives back its options and opens sessions
# with its real placement where there is no GPU. They compute nothing.
#   build-provider-stubs.sh libonnxruntime_providers_cuda.so FOLDER
# Exits 3 where gcc or nm is missing. libcuda.so.1 is not among them: the stand-in (driver.cpp) is that.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)" provider="$1" folder="$2"
for tool in gcc nm; do
  command -v "$tool" >/dev/null || { echo "build-provider-stubs.sh: $tool is not here" >&2; exit 3; }
done
mkdir -p "$folder"
# name@library or name@@library, as the dynamic table says which version of a symbol is meant.
names=$(nm -D --undefined-only "$provider" | awk '{print $NF}' | grep -E '^(cu|__cuda)[^@]*@' | sed -E 's/@+/ /')
own=$(sed -nE 's/^(STUB\(|EXPORT [^(]*[ *])(\w+)[)(].*/\2/p' "$here/provider-stubs.c")
build() { # library symbols...
  local library="$1"; shift
  {
    echo "#include \"$here/provider-stubs.c\""
    comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$own") \
      | sed -E 's/^cublas[A-Z]+(gemm|emm).*/PRODUCT(&)/; /^PRODUCT/!s/.+/EXPORT long &(void) { return 0; }/'
  } >"$folder/$library.c"
  echo "$library { global: *; };" >"$folder/$library.map"
  gcc -shared -fPIC -w -O1 -o "$folder/$library" "$folder/$library.c" "-Wl,-soname,$library" "-Wl,--version-script=$folder/$library.map"
}
for library in $(awk '{print $2}' <<<"$names" | sort -u); do
  build "$library" $(awk -v l="$library" '$2 == l {print $1}' <<<"$names")
done
# Loaded by name, without symbols of its own in the table, or when a session is made.
build libcurand.so.10 curandCreateGenerator
build libcudnn.so.9 cudnnCreate cudnnSetStream cudnnDestroy cudnnGetErrorString cudnnGetVersion cudnnGetCudartVersion
