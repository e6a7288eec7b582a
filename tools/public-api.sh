#!/usr/bin/env bash
# Writes src/*/PublicAPI.Shipped.txt anew: every public type and member of the packages, a line each. The build refuses a public API that differs from
# these files (RS0016: new, RS0017: gone), so that a change of it is seen in the review.
set -euo pipefail
cd "$(dirname "$0")/.."
for shipped in src/*/PublicAPI.Shipped.txt; do
  echo "#nullable enable" | tee "$shipped" > "${shipped/Shipped/Unshipped}"
done
# Every difference is reported as a warning here, whose text holds the line that is missing. The program refers to all of them.
log=$(dotnet build src/G2RL.Onnx.Cli -c Release --no-incremental -p:TreatWarningsAsErrors=false) || { grep "error" <<< "$log" >&2; exit 1; }
for shipped in src/*/PublicAPI.Shipped.txt; do
  project=$(basename "$(dirname "$shipped")")
  sed -nE "s/.*RS0016: Symbol '(.*)' is not part of the declared public API.*[/\\]$project\.csproj\]\$/\1/p" <<< "$log" | LC_ALL=C sort -u >> "$shipped"
  echo "$shipped: $(($(wc -l < "$shipped") - 1)) lines"
done
