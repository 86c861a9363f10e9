#!/usr/bin/env bash
# Breaks one promise after the other in a copy of the tree: the simulation must catch each, and says which promise it was.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git -C "$root" ls-files -z | (cd "$root" && xargs -0 cp --parents --target-directory "$copy")
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/mutants}
survived=0
for patch in "$root"/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  (cd "$copy" && patch --quiet --strip=1 < "$patch")
  (cd "$copy" && cargo build --quiet --locked --package sim)
  if said=$("$CARGO_TARGET_DIR/debug/sim" --hours 200 --hours-per-world 4 2>&1); then
    echo "SURVIVED $name"
    survived=1
  else
    echo "caught   $name: $(head -n 1 <<< "$said")"
  fi
  (cd "$copy" && patch --quiet --strip=1 --reverse < "$patch")
done
exit $survived
