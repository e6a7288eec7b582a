#!/usr/bin/env bash
# Writes src/*/PublicAPI.Shipped.txt anew: every public type and member of the packages, a line each. The build refuses a public API that differs from
# these files (RS0016: new, RS0017: gone), so that a change of it is seen in the review.
set -euo pipefail
cd "$(dirname "$0")/.."
for shipped in src/*/PublicAPI.Shipped.txt; do
  project=$(dirname "$shipped")
  echo "#nullable enable" | tee "$shipped" > "$project/PublicAPI.Unshipped.txt"
done
for shipped in src/*/PublicAPI.Shipped.txt; do
  project=$(dirname "$shipped")
  # Every difference is reported as a warning here, whose text holds the line that is missing.
  log=$(dotnet build "$project" -c Release --no-incremental -p:BuildProjectReferences=false -p:TreatWarningsAsErrors=false) || { echo "$log"; exit 1; }
  sed -nE "s/.*RS0016: Symbol '(.*)' is not part of the declared public API.*/\1/p" <<< "$log" | LC_ALL=C sort -u >> "$shipped"
  echo "$shipped: $(($(wc -l < "$shipped") - 1)) lines"
done
