#!/usr/bin/env bash
# What a run does on a disk that fills, on one that becomes read-only, with little address space, and when the clock jumps back. Needs Linux, root (it
# mounts small file systems in memory) and, for the clock, faketime. Prints a row of docs/results/storage.md for each; nothing outside a temporary folder is
# touched. Usage: tests/trials/storage.sh [path of g2rl.dll]
set -uo pipefail
cd "$(dirname "$0")/../.."
program=${1:-artifacts/bin/G2RL.Onnx.Cli/release/g2rl.dll}
work=$(mktemp -d)
trap 'umount "$work/disk" "$work/bound" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/disk"
job="--set steps=40 --set sampling.promptsPerStep=2 --set sampling.groupSize=4 --set evaluation.problems=10 --set evaluation.samples=2 --set training.checkpointEvery=2"
run() { dotnet "$program" export-and-train "$@" >"$work/out" 2>"$work/err"; }
row() { echo "| $1 | $2 | $(tail -1 "$work/err" | sed "s|$work|...|g" | cut -c1-300) | $3 |"; }
model() { sha256sum "$1/model/model.safetensors" | cut -c1-16; }
same() { [ "$(model "$1")" = "$(model "$2")" ] && echo "equal" || echo "DIFFERENT"; }

run $job --run "$work/whole"

# Too small from the start: refused before anything, and nothing left.
mount -t tmpfs -o size=20m tmpfs "$work/disk"
run $job --run "$work/disk/run"; code=$?
row "disk of 20 MiB" $code "folder $([ -e "$work/disk/run" ] && echo left || echo gone)"
umount "$work/disk"

# Filled by somebody else after some steps; then room is made.
mount -t tmpfs -o size=120m tmpfs "$work/disk"
run $job --run "$work/disk/run" & pid=$!
until [ "$(cat "$work/disk/run/metrics.jsonl" 2>/dev/null | wc -l)" -ge 5 ]; do sleep 0.05; done
dd if=/dev/zero of="$work/disk/filler" bs=1M 2>/dev/null
wait $pid; code=$?
lines=$(wc -l <"$work/disk/run/metrics.jsonl")
rm "$work/disk/filler"
cp "$work/err" "$work/first"; run --resume "$work/disk/run"; again=$?
cp "$work/first" "$work/err"; row "disk filled after some steps ($lines of 40)" $code "resumed: $again, model $(same "$work/whole" "$work/disk/run")"
umount "$work/disk"

# Made read-only after some steps; then writable again.
mount -t tmpfs -o size=120m tmpfs "$work/disk"
run $job --run "$work/disk/run" & pid=$!
until [ "$(cat "$work/disk/run/metrics.jsonl" 2>/dev/null | wc -l)" -ge 5 ]; do sleep 0.05; done
for try in $(seq 500); do mount -o remount,ro "$work/disk" 2>/dev/null && break; sleep 0.01; done
wait $pid; code=$?
mount -o remount,rw "$work/disk"
cp "$work/err" "$work/first"; run --resume "$work/disk/run"; again=$?
cp "$work/first" "$work/err"; row "read-only after some steps" $code "resumed: $again, model $(same "$work/whole" "$work/disk/run")"
umount "$work/disk"

# The kernel refuses that remount while the run holds its lock open for writing. A mount of the folder over itself, read-only, is another mount: what the
# run opens from then on lies in it, and the lock stays in the old one.
run $job --run "$work/bound" & pid=$!
until [ "$(cat "$work/bound/metrics.jsonl" 2>/dev/null | wc -l)" -ge 5 ]; do sleep 0.05; done
mount --bind "$work/bound" "$work/bound" && mount -o remount,bind,ro "$work/bound"
wait $pid; code=$?
lines=$(wc -l <"$work/bound/metrics.jsonl")
cp "$work/err" "$work/first"; run --resume "$work/bound"; locked=$?
row "resumed while it is still read-only" $locked "folder untouched"
umount "$work/bound"
run --resume "$work/bound"; again=$?
cp "$work/first" "$work/err"; row "mounted read-only over itself after some steps ($lines of 40)" $code "resumed: $again, model $(same "$work/whole" "$work/bound")"

# Little memory, address space or managed heap.
for heap in 1000000 3000000; do
  DOTNET_GCHeapHardLimit=0x$heap run $job --run "$work/heap"; code=$?
  row "managed heap of 0x$heap bytes" $code "folder $([ -e "$work/heap" ] && echo left || echo gone)"; rm -rf "$work/heap"
done
for limit in 2000000 3000000 6000000; do
  (ulimit -v $limit; DOTNET_GCHeapHardLimit=0x10000000 run $job --run "$work/ulimit"); code=$?
  row "ulimit -v $limit" $code "folder $([ -e "$work/ulimit" ] && echo left || echo gone)"; rm -rf "$work/ulimit"
done

# The clock jumps back an hour between two lives, and on every start of the second.
dotnet "$program" export-and-train $job --set training.checkpointEvery=10 --run "$work/clock" >/dev/null 2>&1 & pid=$!
until [ "$(cat "$work/clock/metrics.jsonl" 2>/dev/null | wc -l)" -ge 12 ]; do sleep 0.05; done
kill -9 $pid; wait $pid 2>/dev/null
if command -v faketime >/dev/null; then faketime -f '-1h' dotnet "$program" export-and-train --resume "$work/clock" >"$work/out" 2>"$work/err"; else echo "faketime is missing" >"$work/err"; false; fi
code=$?
row "clock an hour back on resume" $code "model $(same "$work/whole" "$work/clock")"
