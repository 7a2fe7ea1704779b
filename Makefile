# Bare `make` prints the commands. Continuous integration (.ci/run) calls `make lint` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Settings, overridable: make run PORT=9000 DATA=/srv/byol
HOST ?= 127.0.0.1
PORT ?= 8080
DATA ?= byol-data
FILTER ?=
FUZZ_SECONDS ?= 60
ONLY ?=
SCREENSHOTS ?=
IMAGE ?= byol

# SwiftPM reads the commit once and keeps it; as a variable it is read at each build.
COMMIT = BYOL_COMMIT=$$(git rev-parse HEAD 2>/dev/null || true)
SOURCES := Sources Tests Package.swift
BYOL = $$(swift build -c release --show-bin-path)/byol

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: packages
packages: ## install the Debian packages that are missing
	@Scripts/packages.sh

.PHONY: test-packages
test-packages: packages
	@Scripts/packages.sh packages-make-test.txt

.PHONY: build
build: packages ## build the release binary
	$(COMMIT) swift build -c release --product byol

.PHONY: run
run: build ## build and serve the demo (HOST, PORT, DATA)
	exec $(BYOL) serve --demo --host $(HOST) --port $(PORT) --data $(DATA)

.PHONY: check
check: lint test test-browser ## lint, test, test-browser: what continuous integration runs

.PHONY: test
test: test-packages ## build and run the tests (FILTER=HTTPTests for some)
	@Scripts/test.sh $(if $(FILTER),--filter '$(FILTER)')

.PHONY: faults
faults: test-packages ## kill services and workers at random, fail every write, fill disk and database
	swift build --build-tests
	Scripts/faults.sh

# XCTest and Foundation leak a few bytes of their own, so leaks are not looked for.
.PHONY: asan
asan: test-packages ## the tests with the address sanitizer (FILTER), built apart in .build-asan
	@ASAN_OPTIONS=detect_leaks=0 SANITIZE=address Scripts/test.sh $(if $(FILTER),--filter '$(FILTER)')

.PHONY: tsan
tsan: test-packages ## the same with the thread sanitizer, without the engine's tests, in .build-tsan
	@Scripts/tsan.sh $(if $(FILTER),--filter '$(FILTER)')

# The same binary serves processors that this machine is not: their kernels run here in an emulator, slowly.
.PHONY: processors
processors: packages ## the engine's cases on emulated processors with AVX2 and with SSE4 alone (qemu-user)
	swift build --build-tests
	for processor in Haswell Nehalem; do \
	  echo "== $$processor"; \
	  qemu-x86_64 -cpu "$$processor" "$$(swift build --show-bin-path)/byolPackageTests.xctest" \
	    --testing-library swift-testing --filter 'float32 agrees|naive twins|bfloat16 is refused|the same bits in less' \
	    2>&1 | grep -v "TCG doesn't support"; \
	done

.PHONY: arm64
arm64: ## the kernels compared with their naive twins on an emulated arm64 (g++-aarch64-linux-gnu, qemu-user)
	@Scripts/arm64.sh

.PHONY: fuzz
fuzz: packages ## decoders, archives, packs and the HTTP core under random bytes, FUZZ_SECONDS each
	for target in Fuzz/*.swift; do Fuzz/run "$$(basename "$$target" .swift)" $(FUZZ_SECONDS); done
	Fuzz/HTTP/run $(FUZZ_SECONDS)

.PHONY: bench
bench: build ## times beside peers, in a virtual environment that it makes (PICTURES=archive of JPEGs: training too)
	python3 Benchmarks/bench.py
	python3 Benchmarks/embedding.py
	python3 Benchmarks/views.py
	python3 Benchmarks/admission.py
	python3 Benchmarks/search.py
	python3 Benchmarks/memory.py
	$(if $(PICTURES),python3 Benchmarks/training.py --pictures $(PICTURES))
	python3 Benchmarks/service.py
	swift build -c release --product http-echo && python3 Benchmarks/http_server.py

.PHONY: judges
judges: build ## independent judges of the HTTP server, from PyPI and Debian
	swift build -c release --product http-echo
	Scripts/judges.sh

.PHONY: clients
clients: packages ## exports and answers in the programs that they are for, from PyPI: pandas, Qdrant, pgvector, openai
	Scripts/clients.sh

.PHONY: test-browser
test-browser: packages ## the dashboard in Debian's chromium, as a person uses it (ONLY=pattern, SCREENSHOTS=docs/images)
	Scripts/browser.sh $(if $(ONLY),--only '$(ONLY)') $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS))

.PHONY: connections
connections: ## 100,000 connections with resets, half-closes and aborted uploads: nothing may leak
	swift build -c release --product http-echo
	python3 Scripts/connections.py $$(swift build -c release --show-bin-path)/http-echo

.PHONY: lint
lint: ## format, layers, documents, tests' expectations, counts, scripts
	@Scripts/lint.sh

.PHONY: recipes
recipes: build ## find the recipe of runs of minutes (SETS="NAME=FOLDER …", WORK): hours, resumable
	python3 Benchmarks/recipes/sweep.py $(foreach set,$(SETS),--set $(set)) --work $(or $(WORK),/tmp/byol-recipes) --output docs/benchmarks/recipes.md

.PHONY: article
article: build ## rerun a published claim, small (TABLE=target|predictor|batch|views|supervised|transfer, SET="NAME=FOLDER", OTHER, WORK): hours
	python3 Benchmarks/article/article.py --table "$(TABLE)" --set "$(SET)" $(if $(OTHER),--other "$(OTHER)") --work $(or $(WORK),/tmp/byol-article) --output docs/article

.PHONY: format
format: ## format the Swift sources in place
	swift format --in-place --parallel --recursive $(SOURCES)

.PHONY: layers
layers: ## compare Package.swift and the imports with ARCHITECTURE.md
	@python3 Scripts/layers.py

.PHONY: size
size: ## lines a target, median and 90th percentile of function length
	@python3 Scripts/counts.py size

# Packages have Swift's runtime inside, and are built apart for it. WITH names a program that is built already.
PACKAGES := .build/packages
WITH ?= .build-static/release/byol

.PHONY: static
static: packages ## build the release binary with the Swift runtime inside, in .build-static
	$(if $(findstring .build-static,$(WITH)),$(COMMIT) swift build -c release --product byol --static-swift-stdlib --scratch-path .build-static)

.PHONY: deb
deb: static ## the Debian package, in .build/packages (dpkg-dev, debhelper)
	@Scripts/deb.sh $(WITH) $(PACKAGES)

.PHONY: test-deb
test-deb: deb ## install, start, upgrade and purge it in a fresh Debian (root, mmdebstrap, lintian, systemd-container)
	@VERSION=$$(python3 Scripts/version.py | awk -F '[.-]' '{ print $$1 "." $$2 "." $$3 + 1 }') Scripts/deb.sh $(WITH) $(PACKAGES)/next
	@Scripts/test-deb.sh $$(ls -t $(PACKAGES)/*.deb | head -1) $$(ls -t $(PACKAGES)/next/*.deb | head -1)

.PHONY: dist
dist: static ## a tarball that runs where it is unpacked, in .build/packages (patchelf)
	@Scripts/dist.sh $(WITH) $(PACKAGES)

.PHONY: test-dist
test-dist: dist ## unpack it in a fresh Debian that has none of its libraries: train, embed, serve (root, mmdebstrap)
	@Scripts/test-dist.sh $$(ls -t $(PACKAGES)/*.tar.xz | head -1)

.PHONY: image
image: ## build the container image (IMAGE=name; BASES=local without a registry: docs/installing.md)
	@Scripts/image.sh $(IMAGE)

.PHONY: image-test
image-test: ## run it as it is meant to be: read-only, any user, health, SIGTERM (podman)
	@Scripts/image-test.sh $(IMAGE)

# The contract beside a live service, by programs from PyPI.
.PHONY: contract
contract: build ## openapi.yaml: validated, Schemathesis with all checks, the tour with two generated clients (from PyPI)
	@Scripts/contract.sh $(BYOL)

.PHONY: fresh-machine
fresh-machine: ## make run and make test in a fresh Debian with nothing but Swift (ONLY=run for one; root, mmdebstrap)
	@Scripts/fresh-machine.sh $(ONLY)
