#!/usr/bin/env bash
# Every fuzz target for SECONDS_EACH (60) seconds, one after the other. Begins with the corpora of the tests and with
# files that the store has just written; what is new goes to target/fuzz-corpus, what breaks something to
# target/fuzz-artifacts. No sanitizer is on: all of it is safe Rust, and a stable compiler is enough.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${SECONDS_EACH:-60}
export PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-fuzz > /dev/null || cargo install --quiet --locked --root target/tools cargo-fuzz

cargo run --quiet --locked --package metrics --example sample_files -- target/fuzz-seeds
cargo fuzz build --sanitizer none --target-dir target/fuzz
programs=$(dirname "$(find target/fuzz -path '*/release/remote_write_1' -type f | head -n 1)")
mkdir -p target/fuzz-artifacts

broken=()
for source in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$source" .rs)
  case $name in
    promql) seeds=crates/promql/tests/corpus ;;
    log | checkpoint | block) seeds=target/fuzz-seeds/$name ;;
    *) seeds=crates/signals/tests/corpus/$name ;;
  esac
  mkdir -p "target/fuzz-corpus/$name"
  log=target/fuzz-artifacts/$name.log
  if "$programs/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="target/fuzz-artifacts/$name-" "target/fuzz-corpus/$name" "$seeds" > "$log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing broke"
  else
    broken+=("$name")
    echo "$name: broke; see $log" >&2
  fi
done
[ ${#broken[@]} = 0 ]
