# The only entry points: people, hooks and CI call these.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR := $(CURDIR)/target
# The bill of materials in the wheel says when it was made: the same sources, the same bill.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: help audit demo docs parity test test-rust test-python test-gpu test-gpu-python test-aarch64 check lint stubs bench bench-figures bench-peers bench-conditions bench-gpu wheel wheel-gpu clean

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

# One line that says what to install, instead of a page of errors.
.PHONY: tools
tools:
	@command -v $(PYTHON) >/dev/null || { echo "Corten needs Python 3.11 or newer: install it from https://www.python.org (or set PYTHON=/path/to/python3)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Corten needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=/path/to/a/newer/python3." >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "Corten needs a Rust toolchain (1.89 or newer): install it from https://rustup.rs." >&2; exit 1; }

$(BIN)/python: | tools
	@$(PYTHON) -m venv $(VENV) || { echo "The Python venv module is missing: install it (Debian: apt-get install python3-venv)." >&2; exit 1; }

# Everything the wheel is made of.
SOURCES := $(shell find rust python -name '*.rs' -o -name '*.wgsl' -o -name 'Cargo.toml' -o -name '*.py' -o -name '*.pyi' -o -name '*.npz' -o -name '*.txt' 2>/dev/null) Cargo.toml Cargo.lock pyproject.toml

$(VENV)/.tools: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check numpy $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"], sep=" ")')
	@touch $@

# The demo needs less than the tests do.
$(VENV)/.demo-tools: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check "maturin>=1.14,<2" "numpy>=1.26" "matplotlib>=3.8"
	@touch $@

$(VENV)/.docs-tools: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep=" ")')
	@touch $@

dist/.built: $(SOURCES) | $(VENV)/.demo-tools
	rm -f dist/*.whl
	$(BIN)/maturin build --release --locked --interpreter $(BIN)/python --out dist
	$(BIN)/python scripts/portable_bill.py dist
	@touch $@

$(VENV)/.installed: dist/.built
	$(BIN)/python -m pip install -q --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	@touch $@

demo: tools $(VENV)/.installed ## Trains a network on handwritten digits, saves it, loads it, draws pictures
	$(BIN)/python examples/handwriting.py

docs: tools $(VENV)/.installed $(VENV)/.docs-tools ## Builds the documentation into site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

parity: $(VENV)/.installed ## Writes docs/keras-parity.md: which of Keras's names are there
	$(BIN)/python scripts/keras_parity.py --tighten

wheel: tools dist/.built ## Builds the wheel into dist/
	@ls -l dist/*.whl

# Builds with and without the GPU backend may be installed side by side: this one has an environment of its own.
GPU_VENV := .venv-gpu
GPU_BIN := $(GPU_VENV)/bin

dist/gpu/.built: $(SOURCES) | tools $(VENV)/.demo-tools
	rm -rf dist/gpu
	$(BIN)/maturin build --release --locked --features gpu --interpreter $(BIN)/python --out dist/gpu
	$(BIN)/python scripts/portable_bill.py dist/gpu
	@touch $@

wheel-gpu: tools dist/gpu/.built ## Builds the wheel with the GPU backend into dist/gpu/
	@ls -l dist/gpu/*.whl

$(GPU_VENV)/.installed: dist/gpu/.built
	test -x $(GPU_BIN)/python || $(PYTHON) -m venv $(GPU_VENV)
	$(GPU_BIN)/python -m pip install -q --disable-pip-version-check numpy $$($(GPU_BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"], sep=" ")')
	$(GPU_BIN)/python -m pip install -q --disable-pip-version-check --force-reinstall --no-deps dist/gpu/*.whl
	@touch $@

test: tools lint test-rust test-python ## Builds and runs every test

test-rust: tools
	cargo test --workspace --exclude corten-wgpu --locked

# The software driver stands in where there is no GPU. Subgroups of 4, 8 and 16 lanes, then the limits every adapter has.
GPU_ENVIRONMENT := CORTEN_ALLOW_SOFTWARE_GPU=1 CORTEN_TEST_GPU=required XDG_RUNTIME_DIR=$(CURDIR)/target/gpu MESA_SHADER_CACHE_DIR=$(CURDIR)/target/gpu/shaders
test-gpu: tools ## Tests the GPU backend; without a GPU, on Mesa's software driver
	@mkdir -p target/gpu/shaders && chmod 700 target/gpu
	@if ! ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1 && [ "$$(uname)" = Linux ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get install -y -q mesa-vulkan-drivers libvulkan1; \
		else echo "There is no Vulkan driver: install one (Debian: apt-get install mesa-vulkan-drivers libvulkan1)." >&2; exit 1; fi; fi
	cargo clippy -p corten-wgpu --all-targets --locked -- -D warnings
	for width in 128 256 512; do $(GPU_ENVIRONMENT) LP_NATIVE_VECTOR_WIDTH=$$width cargo test -p corten-wgpu --locked || exit 1; done
	$(GPU_ENVIRONMENT) CORTEN_GPU_DEFAULT_LIMITS=1 cargo test -p corten-wgpu --locked
	$(GPU_ENVIRONMENT) CORTEN_GPU_CHECKS=1 cargo test -p corten-wgpu --locked
	$(MAKE) test-gpu-python

GPU_TESTS := tests/ops/test_devices.py tests/core tests/layers/test_every_layer.py tests/parity tests/training/test_devices.py \
	tests/faults/test_gpu_faults.py tests/benches/test_gpu.py
test-gpu-python: tools $(GPU_VENV)/.installed ## Runs the Python tests that have a device on a GPU, or on the software driver
	@mkdir -p target/gpu/shaders && chmod 700 target/gpu
	$(GPU_ENVIRONMENT) CORTEN_TEST_DEVICE=gpu:0 CORTEN_GPU_CACHE=$(CURDIR)/target/gpu/cache $(GPU_BIN)/python -m pytest -n 2 --dist loadfile $(GPU_TESTS)

# Needs `rustup target add aarch64-unknown-linux-gnu` and Debian's qemu-user and gcc-aarch64-linux-gnu.
test-aarch64: tools ## Runs the tests of what has NEON kernels on an emulated ARM CPU
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	cargo test --locked --target aarch64-unknown-linux-gnu -p corten-cpu --lib -- \
		fused:: matmul:: optimizer:: simd:: functions_over_registers --skip sixteen_bits --skip twins

test-python: $(VENV)/.installed $(VENV)/.tools
	$(BIN)/python scripts/generate_stubs.py --check
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: lint ## Formatters, linters, type checker

lint: tools $(VENV)/.tools
	cargo fmt --all --check
	cargo clippy --workspace --exclude corten-wgpu --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: tools $(BIN)/python ## Checks licences, sources and known vulnerabilities of all that Corten is built from
	$(BIN)/python scripts/audit.py

stubs: $(VENV)/.installed ## Writes python/corten/_core.pyi from the built module
	$(BIN)/python scripts/generate_stubs.py

# The peers may live in an environment of their own, and options go through:
#   make bench PEERS_PYTHON=/path/to/python BENCH="--only training --rounds 5"
PEERS_PYTHON ?= $(BIN)/python
BENCH ?=

target/ceiling: rust/cpu/benches/ceiling.rs | tools
	@mkdir -p target
	rustc -O --edition 2024 -o $@ $<

bench: bench-figures bench-peers bench-conditions ## Measures Corten on this machine: promises, peers, conditions

bench-figures: $(VENV)/.installed ## Measures what Corten promises: size, start, overhead, bits, memory
	$(BIN)/python benches/figures.py

bench-peers: $(VENV)/.installed $(VENV)/.tools target/ceiling ## Measures Corten beside its peers; PEERS_PYTHON names their interpreter
	$(BIN)/python benches/compare.py --peers-python $(PEERS_PYTHON) --json target/bench/results.json --chart target/bench/chart.png $(BENCH)

bench-conditions: $(VENV)/.installed ## Measures busy cores, one and two threads, memory, cold starts
	$(BIN)/python benches/conditions.py --peers-python $(PEERS_PYTHON)

bench-gpu: $(GPU_VENV)/.installed ## Measures the GPU backend on this machine's GPU; PyTorch takes part where .venv-gpu has it
	$(GPU_BIN)/python -m benches.gpu $(BENCH)

clean: ## Removes everything that was built
	rm -rf target dist site $(VENV) $(GPU_VENV)
