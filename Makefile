# Two commands matter: `make up` runs the system, `make test` proves it.
.DEFAULT_GOAL := help
.PHONY: help up test test-pgvector check fmt lint deny drift deps clean-data sqlx schemas fuzz-api train bench-lists bench-analyzer soak bench chaos

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: deps ## Build, start everything on this machine, send the sample tickets through it; Ctrl-C stops it
	cargo build --release --locked --workspace --bins
	@exec "$${CARGO_TARGET_DIR:-target}/release/hubctl" up

test: deps ## Run every test, the end-to-end test with the real model included
	cargo build --locked --workspace --bins
	cargo test --locked --workspace
	$(MAKE) test-pgvector

test-pgvector: deps ## Those tests of the read side that need a Postgres with pgvector; `make test` runs them too
	scripts/with-pgvector cargo test --locked --workspace --test projector nearest:: -- --include-ignored

chaos: deps ## The fault tests at full size: thousands of kills, a million contended events; takes hours
	HUB_CHAOS=1 cargo test --locked -p event-store --test contention
	HUB_CHAOS=1 cargo test --locked -p subscription --test crashes --test stages
	HUB_CHAOS=1 cargo test --locked -p command-api --test processes --test bus_faults
	HUB_CHAOS=1 cargo test --locked -p crm-sink --test delivery -- --nocapture --test-threads=1 chaos
	HUB_CHAOS=1 cargo test --locked -p crm-sink --test kills

check: fmt lint deny drift ## Everything a change must pass besides the tests

fmt:
	cargo fmt --all --check

lint: deps
	cargo clippy --locked --workspace --all-targets -- -D warnings
	scripts/lint-files

deny:
	scripts/cargo-deny

drift: deps
	scripts/sqlx-metadata --check
	cargo test --locked -p schemas --test contracts
	cargo test --locked -p command-api --test openapi
	cargo test --locked -p projector --test projector openapi::

deps: ## Install what is missing: Postgres, nats-server, libtorch, the MiniLM model
	@scripts/install-packages
	@scripts/install-libtorch
	@scripts/install-model

clean-data: ## Delete what `make up` kept: log, read models, bus, keys, CRM records, logs
	@hubctl="$${CARGO_TARGET_DIR:-target}/release/hubctl"; [ -x "$$hubctl" ] || \
	    { echo 'clean-data: hubctl is missing: build it with `cargo build --release --locked -p hubctl`' >&2; exit 1; }; \
	    "$$hubctl" clean-data

sqlx: ## Refresh .sqlx after a change of a query or a migration
	scripts/sqlx-metadata

schemas: ## Refresh schemas/ after a change of an event type, a route, or what it takes or answers
	UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts
	UPDATE_SCHEMAS=1 cargo test -p command-api --test openapi
	UPDATE_SCHEMAS=1 cargo test -p projector --test projector openapi::

fuzz-api: ## Throw generated requests at the running stack and check every answer against its description
	scripts/schemathesis

bench-lists: deps ## Lists over ten thousand and over a million tickets, side by side (SMALL, LARGE, ROUNDS)
	cargo test --release --locked -p projector --test projector size:: -- --ignored --nocapture

bench-analyzer: deps ## Our analyzer beside Python transformers and onnxruntime, taking turns; OPTIONS=… of tools/bench-analyzer/bench.py
	cargo build --release --locked -p analyzer-worker
	tools/bench-analyzer/run $(OPTIONS)

soak: deps ## Analyze for SOAK_SECONDS (600) and show that memory stays flat
	SOAK_SECONDS=$${SOAK_SECONDS:-600} cargo test --release --locked -p analyzer-worker --test engine -- --ignored --nocapture memory_stays_flat

train: deps ## Train the analyzer's heads from analyzer-worker/training and write docs/MODEL_CARD.md
	cargo run --release --locked -p analyzer-worker -- train
	cargo run --release --locked -p analyzer-worker -- evaluate --write docs/MODEL_CARD.md

# BENCH='--quick' takes a minute; BENCH='--help' lists what can be set. BENCH_BUILD=--no-default-features leaves the peers
# out of the build.
bench: ## Measure the hub beside pgbench, JetStream and the Rust peers; prints a table for docs/BENCHMARKS.md
	cargo build --profile dist --locked --workspace --bin command-api --bin projector --bin hubctl
	cargo build --release --manifest-path tools/bench/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}" $(BENCH_BUILD)
	@exec "$${CARGO_TARGET_DIR:-target}/release/bench" --bin-dir "$${CARGO_TARGET_DIR:-target}/dist" $(BENCH)
