# Easel's commands. `make` alone lists them.

CARGO ?= cargo
PROMPT ?= a large red heart on a blue background
OUTPUT ?= heart.png
DENY_VERSION := 0.20.2
MACHETE_VERSION := 0.9.2
UV_VERSION := 0.9.7
# Tools from PyPI, for what is not Rust: cargo-lambda, an emulator of AWS, Schemathesis.
TOOLS := target/tools
# What checks Python, and checks and deploys the stacks; it wants other versions of the same libraries.
STACKS := target/stacks
# What pins both.
PINS := target/pins
# What checks the desk's JavaScript.
TYPES := target/types
OPENAPI := functions/api/openapi.json
API_TYPES := functions/desk/types/api.d.ts
# What drives the browser that the desk is tried in.
BROWSER := target/desk
# What Easel is measured beside.
PEERS := target/peers
PYTHON := $(CURDIR)/$(TOOLS)/bin/python
# Where programs in Python find the tests' modules, and the simulation's.
TESTS_PATH := PYTHONPATH=tests
SIMULATION_PATH := PYTHONPATH=tests:infra:model/benchmarks
LAMBDA := PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(CARGO) lambda
SAM := $(STACKS)/bin/sam
export SAM_CLI_TELEMETRY := 0
# Registries and networks that are busy are waited for.
export PIP_RETRIES := 10
export PIP_DEFAULT_TIMEOUT := 60
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CARGO_NET_RETRY := 10
export npm_config_fetch_retries := 10
# The stack's name in the account.
STACK ?= easel
# What builds and runs the image: podman, docker, or, to build alone, buildah.
ENGINE ?= $(or $(notdir $(firstword $(shell which podman docker buildah 2>/dev/null))),podman)
TAG ?= easel
# The processor that the image is for: x86_64 or arm64.
ARCHITECTURE ?= x86_64
# DRY_RUN=1 prints what package, deploy, outputs, smoke and destroy would do; YES=1 does it without asking.
DO := $(if $(DRY_RUN),@echo)

ARM := aarch64-unknown-linux-gnu
ON_ARM := CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER

.DEFAULT_GOAL := help
.PHONY: help demo test test-desk screenshots sanitize test-arm test-emulators test-drain test-stack test-image test-schema openapi \
	local functions lint cycles documents python types infra simulate format pins audit image sbom package deploy outputs smoke \
	destroy bench bench-service gpu gpu-test gpu-bench test-vulkan

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Take an image through the whole service, with the bundled model (PROMPT="…" OUTPUT=file.png)
	$(CARGO) run --locked --package easel --no-default-features -- demo "$(PROMPT)" --output "$(OUTPUT)"

test: ## Run every test
	$(CARGO) test --locked --workspace
	$(MAKE) test-desk

test-desk: $(BROWSER)/ready ## Try the review desk in Chromium, which is installed where it is missing (TESTS="-k review")
	$(CARGO) build --locked --workspace --bin easel --example desk_alone
	$(BROWSER)/bin/python -m pytest -p no:cacheprovider --quiet tests/desk $(TESTS)

screenshots: $(BROWSER)/ready ## Write images of the review desk's pages into functions/desk/screenshots
	$(CARGO) build --locked --workspace --bin easel
	$(BROWSER)/bin/python tests/desk/screenshots.py functions/desk/screenshots

$(BROWSER)/ready: tests/desk/requirements.txt
	python3 -m venv $(BROWSER)
	$(BROWSER)/bin/python -m pip install --quiet --requirement $<
	touch $@

sanitize: ## Run the kernels' tests with every memory access checked (AddressSanitizer; needs nightly Rust)
	RUSTFLAGS="-Zsanitizer=address" $(CARGO) +nightly test --locked --package easel-kernels --target-dir target/sanitize \
	--target $$(rustc -vV | sed -n 's/^host: //p')

test-arm: ## Run the kernels' tests as on ARM, in an emulator (Debian's qemu-user and gcc-aarch64-linux-gnu; TESTS="tile")
	@command -v qemu-aarch64 >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null || \
	{ echo "test-arm: install Debian's packages qemu-user and gcc-aarch64-linux-gnu"; exit 1; }
	rustup target add $(ARM)
	$(ON_ARM)="qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu" $(CARGO) test --locked --package easel-kernels \
	--target $(ARM) --target-dir target/arm -- $(TESTS)
	for processor in cortex-a72 neoverse-n1; do \
	$(ON_ARM)="qemu-aarch64 -cpu $$processor -L /usr/aarch64-linux-gnu" $(CARGO) test --locked --package easel-kernels \
	--target $(ARM) --target-dir target/arm --lib -- tile || exit 1; done

test-emulators: functions $(STACKS)/ready ## Run the end-to-end tests against the packaged functions on an emulator of AWS by others
	$(CARGO) build --locked --release --workspace --bin generate
	$(CARGO) test --locked --workspace --test end_to_end --no-run
	for way in "" --on-lambda; do $(TESTS_PATH) $(PYTHON) -m emulators.deploy $$way --functions target/lambda \
	--generate target/release/generate --logs target/emulators -- \
	$(CARGO) test --locked --workspace --test end_to_end || exit 1; done
	$(TESTS_PATH) $(STACKS)/bin/python -m stacks.test_roles target/emulators/needs-*.jsonl

test-drain: $(TOOLS)/ready ## Stop workers in mid-image, 30 times, on the same emulator (EASEL_TEST_DRAINS=30)
	$(CARGO) build --locked --release --workspace --bin generate
	$(TESTS_PATH) $(PYTHON) -m emulators.drain --generate target/release/generate --logs target/drain

test-stack: $(STACKS)/moto ## Make the service's stack in another emulator, read it back, run the end-to-end tests on what it made
	$(CARGO) test --locked --workspace --test end_to_end --no-run
	$(TESTS_PATH) $(STACKS)/bin/python -m stacks.test_moto --easel target/debug/easel --logs target/stack -- \
	$(CARGO) test --locked --workspace --test end_to_end --

test-schema: $(TOOLS)/ready ## Send the API thousands of calls that its own description leads to
	$(CARGO) build --locked --package easel
	$(PYTHON) tests/end_to_end/schema.py --easel target/debug/easel

openapi: ## Write the description of the API that is checked in
	EASEL_UPDATE_OPENAPI=1 $(CARGO) test --locked --workspace --test api description

local: $(TOOLS)/ready ## Run every function with cargo lambda on 127.0.0.1:9000, beside embedded DynamoDB and S3
	$(CARGO) build --locked --package easel
	rm -f target/local/environment
	target/debug/easel serve --no-generate --listen 127.0.0.1:0 --data target/local/data \
	--environment target/local/environment & service=$$!; trap 'kill $$service' EXIT INT TERM; \
	while kill -0 $$service 2>/dev/null && ! test -e target/local/environment; do sleep 0.1; done; \
	$(LAMBDA) watch --invoke-address 127.0.0.1 --env-file target/local/environment

functions: $(TOOLS)/ready ## Package create, review, read, desk and housekeeping as Lambda takes them, into target/lambda
	$(LAMBDA) build --locked --profile function --output-format zip --package easel-create --package easel-review \
	--package easel-read --package easel-desk --package easel-housekeeping

$(TOOLS)/ready: tests/requirements.lock
	python3 -m venv $(TOOLS)
	$(PYTHON) -m pip install --quiet --require-hashes --no-deps --requirement $<
	touch $@

lint: ## Formatting, lints, documentation, cycles, templates, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	$(MAKE) cycles documents python types infra audit

python: $(STACKS)/ready ## Check the format of the Python and look for mistakes in it
	$(STACKS)/bin/ruff format --quiet --check
	$(STACKS)/bin/ruff check --quiet

documents: ## Check that links in documents lead somewhere and that the table of crates is up to date
	python3 tests/checks/links.py
	python3 tests/checks/crates.py --check

cycles: ## Check that no module of a library crate goes round in a circle
	python3 tests/checks/module_cycles.py

types: $(TYPES)/ready ## Check the types of the review desk's modules and run their unit tests (needs npm; UPDATE=1 writes api.d.ts anew)
	$(TYPES)/node_modules/.bin/openapi-typescript $(OPENAPI) --output $(if $(UPDATE),$(API_TYPES),$(TYPES)/api.d.ts)
	@$(if $(UPDATE),true,cmp -s $(TYPES)/api.d.ts $(API_TYPES)) || { echo "types: $(API_TYPES) does not match $(OPENAPI): run make types UPDATE=1"; exit 1; }
	$(TYPES)/node_modules/.bin/tsc --project functions/desk
	node --test functions/desk/tests/units/

$(TYPES)/ready: functions/desk/package.json functions/desk/package-lock.json
	@command -v npm >/dev/null || { echo "types: install Node.js 20 or later with npm"; exit 1; }
	mkdir -p $(TYPES) && cp $^ $(TYPES) && npm ci --silent --no-audit --no-fund --prefix $(TYPES)
	touch $@

infra: $(STACKS)/ready ## Check the stacks' templates, the simulation of them and the image's recipe
	$(STACKS)/bin/cfn-lint infra/*.yaml
	$(STACKS)/bin/hadolint infra/Containerfile
	$(SAM) validate --lint -t infra/template.yaml
	$(TESTS_PATH) $(STACKS)/bin/python -m stacks.test_templates
	$(SIMULATION_PATH) $(STACKS)/bin/python -m stacks.test_scaling

$(STACKS)/moto: tests/stacks/requirements.txt $(STACKS)/ready
	$(STACKS)/bin/python -m pip install --quiet --requirement $<
	touch $@

simulate: $(STACKS)/ready ## Play bursts of images against the stacks' limits, into infra/README.md and target/simulation (SIMULATE="…")
	$(SIMULATION_PATH) $(STACKS)/bin/python -m simulation --output infra/README.md $(SIMULATE)

$(STACKS)/ready: infra/requirements.lock
	python3 -m venv $(STACKS)
	$(STACKS)/bin/python -m pip install --quiet --require-hashes --no-deps --requirement $<
	touch $@

pins: ## Pin anew what builds and deploys packages is made of, with hashes (after a change of requirements.txt)
	python3 -m venv $(PINS) && $(PINS)/bin/python -m pip install --quiet uv==$(UV_VERSION)
	for part in tests infra; do $(PINS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make pins" $$part/requirements.txt --output-file $$part/requirements.lock || exit 1; done

format: $(STACKS)/ready ## Format the code
	$(CARGO) fmt --all
	$(STACKS)/bin/ruff check --quiet --fix
	$(STACKS)/bin/ruff format --quiet

audit: ## Dependencies: their reasons, use, licences, sources and known vulnerabilities (NEEDS_ADVISORIES=1: fail without the database)
	python3 tests/checks/dependencies.py
	python3 tests/checks/pins.py
	@$(CARGO) machete --version 2>/dev/null | grep -q "$(MACHETE_VERSION)" || $(CARGO) install --locked --quiet cargo-machete@$(MACHETE_VERSION)
	$(CARGO) machete
	@$(CARGO) deny --version 2>/dev/null | grep -q " $(DENY_VERSION)$$" || $(CARGO) install --locked --quiet cargo-deny@$(DENY_VERSION)
	$(CARGO) deny --locked --all-features check bans licenses sources
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny --locked --all-features check advisories; \
	else echo "audit: the advisory database cannot be reached from here; known vulnerabilities were not checked"; \
	test -z "$(NEEDS_ADVISORIES)"; fi

# Small comes before fast, as in the profile `function`, which SAM cannot name.
package: export CARGO_PROFILE_RELEASE_OPT_LEVEL := s
package: export CARGO_PROFILE_RELEASE_LTO := fat
package: export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)
package: $(if $(DRY_RUN),,$(TOOLS)/ready $(STACKS)/ready) ## Package the functions for deploying, into target/sam (PARAMETERS="…" DRY_RUN=1)
	$(DO) $(SAM) build $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

deploy: $(if $(DRY_RUN),,$(STACKS)/ready) ## Make or change the stack in your account (IMAGE=… PARAMETERS="…" PART=gpu for the hosts; DRY_RUN=1 YES=1)
	@test -n "$(IMAGE)" || { echo "deploy: say which image of generate in ECR: IMAGE=…/easel@sha256:…"; exit 1; }
ifeq ($(PART),gpu)
	$(DO) $(SAM) deploy --config-env gpu --stack-name $(STACK)-gpu $(if $(YES),--no-confirm-changeset) \
	--parameter-overrides Service=$(STACK) Image=$(IMAGE) $(PARAMETERS)
else
	$(DO) $(SAM) deploy --stack-name $(STACK) $(if $(YES),--no-confirm-changeset) \
	--image-repository $(firstword $(subst :, ,$(subst @, ,$(IMAGE)))) --parameter-overrides Image=$(IMAGE) $(PARAMETERS)
endif

smoke: $(if $(DRY_RUN),,$(TOOLS)/ready) ## Try the deployed stack: its own checks, `easel validate`, the end-to-end tests (STACK=… DRY_RUN=1)
	$(DO) $(CARGO) build --locked --workspace --bin easel
	$(DO) $(TESTS_PATH) $(PYTHON) -m stacks.smoke --stack $(STACK) --easel target/debug/easel -- \
	$(CARGO) test --locked --workspace --test end_to_end

outputs: $(if $(DRY_RUN),,$(STACKS)/ready) ## Print the stack's addresses and names (PART=gpu DRY_RUN=1)
	$(DO) $(SAM) list stack-outputs --stack-name $(STACK)$(if $(filter gpu,$(PART)),-gpu)

destroy: $(if $(DRY_RUN),,$(STACKS)/ready) ## Take the stack down; tasks, images and people stay (PART=gpu DRY_RUN=1 YES=1)
	$(DO) $(SAM) delete --stack-name $(STACK)$(if $(filter gpu,$(PART)),-gpu) $(if $(YES),--no-prompts)

# The same commit gives the same image. Lambda takes no image with attestations beside it.
image: EPOCH = $(shell git log -1 --format=%ct)
image: ## Build the container of generate (ARCHITECTURE=arm64 CUDA=1 MODEL=folder TAG=name SOURCE=url ENGINE=podman IMAGE_FLAGS="…" DRY_RUN=1)
	@case "$(ARCHITECTURE)$(if $(CUDA),-cuda)" in x86_64|x86_64-cuda|arm64) ;; \
	*) echo "image: ARCHITECTURE is x86_64 or, without CUDA, arm64"; exit 1;; esac
	$(DO) $(ENGINE) build --platform linux/$(ARCHITECTURE:x86_64=amd64) --file infra/Containerfile --tag $(TAG) \
	$(if $(filter docker,$(ENGINE)),--provenance=false --build-arg SOURCE_DATE_EPOCH=$(EPOCH),\
	--ignorefile infra/Containerfile.dockerignore --timestamp $(EPOCH)) \
	--build-arg VERSION=$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml) \
	--build-arg REVISION=$(shell git describe --always --dirty --abbrev=40) \
	$(if $(SOURCE),--build-arg SOURCE=$(SOURCE)) --target $(if $(CUDA),cuda,cpu) \
	$(if $(MODEL),--build-context model=$(MODEL)) $(IMAGE_FLAGS) .

sbom: $(STACKS)/ready ## Write what the image is made of (crates, Debian's packages) into target/image/sbom.spdx.json (TAG=name)
	mkdir -p target/image
	$(ENGINE) save --output target/image/image.tar $(TAG)
	SYFT_CHECK_FOR_APP_UPDATE=false $(STACKS)/bin/syft scan docker-archive:target/image/image.tar \
	--source-name $(TAG) --source-version $(shell git describe --always --dirty --abbrev=40) --output spdx-json=target/image/sbom.spdx.json
	rm target/image/image.tar

test-image: functions ## Run the end-to-end tests against the image (TAG=name), on an emulator of AWS by others
	$(CARGO) test --locked --workspace --test end_to_end --no-run
	for way in "" --on-lambda; do $(TESTS_PATH) $(PYTHON) -m emulators.deploy $$way --functions target/lambda \
	--container-image $(TAG) --engine $(ENGINE) --logs target/emulators -- \
	$(CARGO) test --locked --workspace --test end_to_end || exit 1; done

bench: $(PEERS)/ready ## Time full-size SDXL beside its peers (PyTorch, OpenVINO, stable-diffusion.cpp, candle) into model/BENCHMARKS.md
	$(CARGO) build --locked --release --workspace --bin easel
	$(PEERS)/bin/python model/benchmarks/compare.py --easel target/release/easel --scratch $(PEERS)/scratch \
	--quiet 0.1 --output model/BENCHMARKS.md

$(PEERS)/ready: model/benchmarks/requirements.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --no-cache-dir --requirement $<
	touch $@

bench-service: functions ## Time the functions and the service on this machine
	for part in functions listing load; do $(CARGO) bench --locked --workspace --bench service -- $$part || exit 1; done

gpu: ## Build the command with CUDA and Vulkan into target/gpu
	$(CARGO) build --locked --release --package easel --features cuda,wgpu --target-dir target/gpu

gpu-test: ## Run the tests that need a CUDA device
	$(CARGO) test --locked --package easel-model --features cuda --target-dir target/gpu --test model -- --ignored --test-threads 1 cuda

# Seven minutes: with gpu-test it fits into ten.
gpu-bench: gpu ## Time full-size SDXL on a CUDA device, beside PyTorch where it is installed (random weights; DEVICE=vulkan)
	$(or $(wildcard $(PEERS)/bin/python),python3) model/benchmarks/gpu.py --easel target/gpu/release/easel --device $(or $(DEVICE),cuda) --seconds 420 \
	--scratch $(PEERS)/scratch --output model/BENCHMARKS.md

# Where Vulkan's loader looks for drivers.
VULKAN_DRIVERS = $(or $(VK_DRIVER_FILES),$(VK_ICD_FILENAMES),$(wildcard /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json))

test-vulkan: ## Run the tests that need a Vulkan driver, which may compute on the CPU (Debian's mesa-vulkan-drivers)
	@test -n "$(VULKAN_DRIVERS)" || { echo "test-vulkan: there is no Vulkan driver: install one, such as Debian's mesa-vulkan-drivers, which computes on the CPU"; exit 1; }
	$(CARGO) test --locked --package easel-model --no-default-features --features wgpu --target-dir target/vulkan --test probing
	$(CARGO) test --locked --package easel-model --no-default-features --features wgpu --target-dir target/vulkan --test model \
	-- --ignored --test-threads 1 vulkan
