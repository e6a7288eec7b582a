#!/usr/bin/env bash
# Decoding beside llama.cpp in float32 and ONNX Runtime GenAI, in SmolLM2-135M's shape with random weights, one after the other on this machine:
#   decode_peers.sh LLAMA_BIN WORK_FOLDER
# LLAMA_BIN holds llama-batched-bench, built privately from llama.cpp's source (cmake -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON). WORK_FOLDER gets 1.6 GB.
# Everything is built before (dotnet build -c Release). GenAI takes at most 32 rows. llama.cpp draws no tokens;
# ours and GenAI's numbers contain the drawing, ours the prompts, too.
set -euo pipefail
bin=$1 work=$2
cd "$(dirname "$0")/../../.."
built() { dotnet "artifacts/bin/$1/release/$2.dll" "${@:3}"; }
if [ ! -d "$work/onnx" ]; then
  python3 tests/G2RL.Onnx.Benchmarks/reference/smol_checkpoint.py "$work/smol" models/arithmetic-base
  built G2RL.Onnx.Cli g2rl export --model "$work/smol" --output "$work/smol.gguf" --type f32
  built ModelConverter g2rl-convert convert "$work/smol" "$work/onnx" --graphs decode
fi
threads=$(nproc)
"$bin/llama-batched-bench" -m "$work/smol.gguf" -c 8192 -b 2048 -ub 512 -npp 16 -ntg 24 -npl 1,8,16,64 -t "$threads" 2>/dev/null | grep '|'
built G2RL.Onnx.Benchmarks G2RL.Onnx.Benchmarks --filter decode-large --seconds 1
built G2RL.Onnx.GenAi G2RL.Onnx.GenAi "$work/onnx" 49152 1 8 16 32
