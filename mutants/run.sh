#!/usr/bin/env bash
# Breaks one promise after the other in a copy of the tree: the simulation must catch each, and name a promise that the
# patch says it breaks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git -C "$root" ls-files -z | (cd "$root" && xargs -0 cp --parents --target-directory "$copy")
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/mutants}
storm=(--hours 400 --hours-per-world 10)
failed=0

build() {
  (cd "$copy" && cargo build --quiet --locked --package sim)
}

try() {
  local patch=$1 said promise
  if said=$("$CARGO_TARGET_DIR/debug/sim" "${storm[@]}" 2>&1); then
    echo "SURVIVED"
    return 1
  fi
  promise=$(grep -oE 'G-[0-9]+' <<< "$said" | head -n 1)
  if ! sed '/^---/,$d' "$patch" | grep -q "${promise:-none}\b"; then
    echo "caught by ${promise:-no promise}, which it does not say it breaks: $(grep -m 1 . <<< "$said")"
    return 1
  fi
  echo "caught: $(grep -m 1 -E 'G-[0-9]+' <<< "$said")"
}

build
"$CARGO_TARGET_DIR/debug/sim" "${storm[@]}" > /dev/null || {
  echo "the tree breaks a promise without any mutant"
  exit 1
}
for patch in "$root"/mutants/*.patch; do
  printf '%-40s ' "$(basename "$patch" .patch)"
  (cd "$copy" && patch --quiet --strip=1 < "$patch")
  build
  try "$patch" || failed=1
  (cd "$copy" && patch --quiet --strip=1 --reverse < "$patch")
done
exit $failed
