# Thin: each target is what a person would type. CI runs `make test`.

HOURS ?= 20000

.PHONY: help run test bench soak mutants

help:
	@echo 'make run      build Swan and start its demonstration: a small company, with an outage on its way'
	@echo 'make test     install what the tests need, then format, lints and every test'
	@echo 'make bench    figures of the journal and the metrics store (LOG=FILE: of reading that access log too)'
	@echo 'make soak     the simulation for HOURS=$(HOURS) simulated hours'
	@echo 'make mutants  break one promise after the other; the tests must catch each'

run:
	@.ci/prepare build
	cargo run --locked --package swan -- demo

test:
	@.ci/prepare test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked --no-fail-fast

bench:
	cargo run --release --locked --package store --example journal_bench
	cargo run --release --locked --package metrics --example ingest
	$(if $(LOG),cargo run --release --locked --package signals --example parse_speed -- $(LOG))

soak:
	cargo run --release --locked --package sim -- --hours $(HOURS)

mutants:
	mutants/run.sh
