#!/usr/bin/env bash
# On the GPU machine, the most telling things first: every kernel against its reference, a long draw against the CPU, a short run twice to the bit, how
# fast it is in bfloat16 with and without CUDA graphs and our attention; then float16, several GPUs where there are some, and the same run on the CPU.
#   run.sh [FOLDER]    FOLDER receives logs and summary.txt, each line as soon as it is known; default ./gpu-first-run-results. A stage ends after
#                      G2RL_STAGE_SECONDS (150), and none begins after G2RL_SECONDS (840) in all: fifteen minutes of a card are enough.
# Exits 0 only if every stage passed; 77 where there is no GPU, and nothing was then shown.
set -uo pipefail
here="$(cd "$(dirname "$0")" && pwd)" results="$(realpath -m "${1:-gpu-first-run-results}")" limit="${G2RL_STAGE_SECONDS:-150}" all="${G2RL_SECONDS:-840}"
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
  if [ "$SECONDS" -ge "$all" ]; then
    say "$name: NOT RUN, $all s are over"
    failed=1
    return
  fi
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
metric() { sed -nE "s|.*\"$2\": ?([-0-9.eE+]+).*|\1|p" "$results/train-$1.jsonl" 2>/dev/null | tr '\n' ' '; }
told() { # what a run says, at once
  [ -e "$results/train-$1.jsonl" ] || return
  for key in reward/mean policy/gradient_norm policy/entropy_nats speed/sample_tokens_per_s time/step_s; do say "    $key: $(metric "$1" "$key")"; done
}
same() { sed -E 's/"(time|speed|memory)[^,}]*[,}]//g' "$results/train-$1.jsonl"; }
compare() { # two runs, to the bit
  [ -e "$results/train-$1.jsonl" ] && [ -e "$results/train-$2.jsonl" ] || return
  if cmp -s <(same "$1") <(same "$2"); then say "$1 and $2 gave the same numbers."; else say "$1 and $2 DIFFER: $3"; fi
}
gpu=(--set execution.device=cuda:0)
stage look nvidia-smi
stage doctor "$program" doctor
stage kernels "$program" gpu-test --part kernels
stage decode "$program" gpu-test --part decode
train float32 "${gpu[@]}"; told float32
train float32-again "${gpu[@]}"
compare float32 float32-again "CUDA's scatter behind the embedding's gradient adds in any order."
train bfloat16 "${gpu[@]}" --set execution.precision=bfloat16; told bfloat16
train graphs "${gpu[@]}" --set execution.precision=bfloat16 --set execution.cudaGraphs=true; told graphs
compare bfloat16 graphs "captured steps should compute the same."
train attention "${gpu[@]}" --set execution.precision=bfloat16 --set execution.kernels=fused; told attention
compare bfloat16 attention "our attention rounds otherwise than blocks of standard operators; gradient norms should agree to two digits."
stage run-beside-the-cpu "$program" gpu-test --part run
train moved-rows "${gpu[@]}" --set sampling.maxRows=16; told moved-rows
if [ "$(nvidia-smi -L | grep -c GPU)" -ge 2 ]; then
  train two-gpus --set 'execution.devices=[cuda:0, cuda:1]'; told two-gpus
  compare float32 two-gpus "products may round otherwise with other rows beside them."
fi
train float16 "${gpu[@]}" --set execution.precision=float16; told float16
train cpu; told cpu
[ "$failed" -eq 0 ] && say "All stages passed." || say "Stages failed or were not run; their logs are in $results."
exit "$failed"
