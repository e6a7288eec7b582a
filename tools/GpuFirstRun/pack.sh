#!/usr/bin/env bash
# Packs g2rl of the cuda flavour, self-contained, for a Linux machine with an NVIDIA GPU but without .NET:
#   tools/GpuFirstRun/pack.sh FILE.tar.gz
# The whole is MIT (our own binding). There: tar -xf FILE.tar.gz && gpu-first-run/run.sh
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: pack.sh FILE.tar.gz" >&2; exit 2; }
here="$(cd "$(dirname "$0")" && pwd)" root="$(cd "$(dirname "$0")/../.." && pwd)" file="$(realpath -m "$1")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
app="$folder/gpu-first-run"
dotnet publish "$root/src/G2RL.Onnx.Cli" -c Release -r linux-x64 --self-contained true -v q \
  -p:Flavor=cuda -p:CudaBinding=own -p:OrtCudaPackage=Microsoft.ML.OnnxRuntime.Gpu.Linux -o "$app/bin"
rm -f "$app"/bin/*.pdb "$app"/bin/*.xml "$app/bin/libonnxruntime_providers_tensorrt.so"
mkdir -p "$app/models"
cp -r "$root/models/arithmetic-base" "$app/models/"
cp "$here/run.sh" "$app/"
git -C "$root" log -1 --format=%H >"$app/commit" 2>/dev/null || echo unknown >"$app/commit"
mkdir -p "$(dirname "$file")"
tar -C "$folder" -czf "$file" gpu-first-run
echo "$file: $(du -m "$file" | cut -f1) MiB"
