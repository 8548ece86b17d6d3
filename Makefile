# Easel's commands. `make` alone lists them.

CARGO ?= cargo
PROMPT ?= a large red heart on a blue background
PICTURE ?= heart.png
DENY_VERSION := 0.20.2

# CubeCL links LLVM beside NVRTC and downloads it while building. Easel compiles kernels with NVRTC alone, so
# `WITHOUT_LLVM=1` builds where that download is not to be had: what stays unresolved is never called.
ifdef WITHOUT_LLVM
export DOCS_RS := 1
export RUSTFLAGS := -C relro-level=partial -C link-arg=-Wl,--unresolved-symbols=ignore-all
endif

.DEFAULT_GOAL := help
.PHONY: help demo test lint format audit bench cuda gpu-test gpu-bench

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Draw a picture with the bundled model (PROMPT="…" PICTURE=file.png)
	$(CARGO) run --locked --package easel -- generate "$(PROMPT)" --seed 42 --output "$(PICTURE)"

test: ## Run every test
	$(CARGO) test --locked --workspace

lint: ## Formatting, lints, documentation, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	$(MAKE) audit

format: ## Format the code
	$(CARGO) fmt --all

audit: ## Licences, sources and known vulnerabilities of dependencies
	@$(CARGO) deny --version 2>/dev/null | grep -q " $(DENY_VERSION)$$" || $(CARGO) install --locked --quiet cargo-deny@$(DENY_VERSION)
	$(CARGO) deny --locked --all-features check bans licenses sources
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny --locked --all-features check advisories; \
	else echo "audit: the advisory database cannot be reached from here; known vulnerabilities were not checked"; fi

bench: ## Time the parts of full-size SDXL on this machine (random weights)
	$(CARGO) build --locked --release --package easel
	for part in text unet vae-decode vae-encode; do target/release/easel bench $$part --size 1024 --repeat 3 || exit 1; done

cuda: ## Build the command with CUDA into target/cuda (WITHOUT_LLVM=1: see above)
	$(CARGO) build --locked --release --package easel --features cuda --target-dir target/cuda

gpu-test: ## Run the tests that need a CUDA device
	$(CARGO) test --locked --package easel-model --features cuda --target-dir target/cuda --test reference --test cuda -- --ignored --test-threads 1 cuda

gpu-bench: cuda ## Time full-size SDXL on a CUDA device (random weights)
	for precision in f32 bf16 f16; do for part in text unet vae-decode generate; do \
	target/cuda/release/easel bench $$part --shape sdxl-base --size 1024 --device cuda --precision $$precision --repeat 5 --json || exit 1; done; done
