# Thin: each target is what a person would type. CI runs `make test`.

HOURS ?= 20000
EXPRESSIONS ?= 10000
HARNESS = cargo run --release --locked --manifest-path bench/Cargo.toml --target-dir target/harness --

.PHONY: help run test bench fuzz soak mutants

help:
	@echo 'make run      build Swan and start its demonstration: a small company, with an outage on its way'
	@echo 'make test     install what the tests need, then format, lints, every test, 500 of random PromQL against Prometheus'
	@echo 'make bench    Swan beside Prometheus and VictoriaMetrics; figures of the journal and the store'
	@echo '              (BENCH="--rows ingest --scale 0.1": less of it; LOG=FILE: of reading that access log too)'
	@echo 'make fuzz     each parser, and the files of the store, with a minute of bad input'
	@echo 'make soak     the simulation for HOURS=$(HOURS) simulated hours; EXPRESSIONS=$(EXPRESSIONS) of random PromQL'
	@echo '              against Prometheus; a day of samples in 20 minutes with kill -9 every minute'
	@echo 'make mutants  break one promise after the other; the tests must catch each'

run:
	@.ci/prepare build
	cargo run --locked --package swan -- demo

test:
	@.ci/prepare test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked --no-fail-fast
	bench/peers.sh
	cargo run --locked --manifest-path bench/Cargo.toml --target-dir target/harness -- \
		--swan target/debug/swan diff --expressions 500

bench:
	bench/peers.sh || true
	cargo build --release --locked --package swan
	$(HARNESS) table $(BENCH)
	cargo run --release --locked --package store --example journal_bench
	cargo run --release --locked --package metrics --example ingest
	$(if $(LOG),cargo run --release --locked --package signals --example parse_speed -- $(LOG))

fuzz:
	fuzz/run.sh

soak:
	bench/peers.sh || true
	cargo build --release --locked --package swan
	$(HARNESS) diff --expressions $(EXPRESSIONS)
	$(HARNESS) soak
	cargo run --release --locked --package sim -- --hours $(HOURS)

mutants:
	mutants/run.sh
