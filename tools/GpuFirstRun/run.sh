#!/usr/bin/env bash
# On the GPU machine: what it has, every kernel against its reference, and the same short run on the CPU, on the GPU twice, and in the narrow types.
#   run.sh [FOLDER]    FOLDER receives logs and summary.txt; default ./gpu-first-run-results. Stages end after G2RL_STAGE_SECONDS (300) each.
# Exits 0 only if every stage passed; 77 where there is no GPU, and nothing was then shown.
set -uo pipefail
here="$(cd "$(dirname "$0")" && pwd)" results="$(realpath -m "${1:-gpu-first-run-results}")" limit="${G2RL_STAGE_SECONDS:-300}"
program="${G2RL_PROGRAM:-$here/bin/g2rl}"
[ -x "$program" ] || { echo "run.sh: there is no program at $program; unpack the whole archive, or set G2RL_PROGRAM" >&2; exit 2; }
mkdir -p "$results"
summary="$results/summary.txt"
: >"$summary"
say() { echo "$*" | tee -a "$summary"; }
say "commit $(cat "$here/commit" 2>/dev/null || echo unknown)"
export DOTNET_CLI_TELEMETRY_OPTOUT=1
# The folders of the libraries that ONNX Runtime's provider asks for, where the loader does not know them.
for library in libcudart.so.13 libcublasLt.so.13 libcublas.so.13 libcurand.so.10 libcudnn.so.9; do
  ldconfig -p 2>/dev/null | grep -q "$library" && continue
  found=$(find /usr/local /opt /usr/lib -name "$library" 2>/dev/null | head -1)
  if [ -n "$found" ]; then
    case ":${LD_LIBRARY_PATH:-}:" in *":$(dirname "$found"):"*) ;; *) export LD_LIBRARY_PATH="$(dirname "$found")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ;; esac
  else
    say "$library is nowhere in /usr/local, /opt and /usr/lib; install CUDA 13 and cuDNN 9"
  fi
done
if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
  say "No NVIDIA GPU is here (nvidia-smi lists none): NOTHING was shown. 'g2rl doctor' says what is missing:"
  "$program" doctor 2>&1 | tee -a "$summary"
  exit 77
fi
failed=0
stage() { # name command...
  local name=$1 begin=$SECONDS code=0
  shift
  (cd "$here" && timeout -k 10 "$limit" "$@") >"$results/$name.log" 2>&1 || code=$?
  say "$name: $([ "$code" -eq 0 ] && echo passed || echo "FAILED ($code)"), $((SECONDS - begin)) s"
  [ "$code" -eq 0 ] || { failed=1; tail -5 "$results/$name.log" | sed 's/^/    /' | tee -a "$summary"; }
}
train() { # name settings...
  local name=$1
  shift
  stage "train-$name" "$program" export-and-train --set model="$here/models/arithmetic-base" --set steps=6 --set seed=1 --set evaluation.problems=100 \
    --set output="$results/runs-$name" "$@"
  cp "$results/runs-$name"/*/metrics.jsonl "$results/train-$name.jsonl" 2>/dev/null
}
stage look nvidia-smi
stage doctor "$program" doctor
stage gpu-test "$program" gpu-test
train cpu
train float32 --set execution.device=cuda:0
train float32-again --set execution.device=cuda:0
train bfloat16 --set execution.device=cuda:0 --set execution.precision=bfloat16
train graphs --set execution.device=cuda:0 --set execution.precision=bfloat16 --set execution.cudaGraphs=true
train float16 --set execution.device=cuda:0 --set execution.precision=float16
# What the runs say, side by side: the rewards and norms of each step.
for key in reward/mean policy/gradient_norm policy/entropy_nats; do
  say "$key"
  for log in "$results"/train-*.jsonl; do
    [ -e "$log" ] || continue
    say "  $(basename "$log" .jsonl): $(sed -nE "s|.*\"$key\": ?([-0-9.eE+]+).*|\1|p" "$log" | tr '\n' ' ')"
  done
done
if [ -e "$results/train-float32.jsonl" ] && [ -e "$results/train-float32-again.jsonl" ]; then
  same() { sed -E 's/"(time|memory|throughput|tokens_per_s)[^,}]*[,}]//g' "$1"; }
  cmp -s <(same "$results/train-float32.jsonl") <(same "$results/train-float32-again.jsonl") \
    && say "Two runs in float32 gave the same numbers." || say "Two runs in float32 differ: CUDA's scatter behind the embedding's gradient adds in any order."
fi
[ "$failed" -eq 0 ] && say "All stages passed." || say "Stages failed; their logs are in $results."
exit "$failed"
