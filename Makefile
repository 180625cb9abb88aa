# The daily commands. Needed: Go, git, make; for -race a C compiler too.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
MODULES  := . cmd bench
FUZZTIME ?= 10s
COUNT    ?= 10
TOOL     := $(GO) tool -modfile=$(CURDIR)/tools/go.mod

# -race needs cgo and a C compiler.
CC_FOUND := $(shell command -v "$$($(GO) env CC)" 2>/dev/null)
ifneq ($(CC_FOUND),)
RACE := -race
endif

.PHONY: help build run shop test check fmt bench bench-flow bench-fleet fuzz deps clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

build: ## build the program into bin/godwit
	CGO_ENABLED=0 $(GO) -C cmd build -trimpath -o ../bin/godwit ./godwit

run: build ## start a small HTTP API and show godwit at work on it
	$(GO) -C cmd run ./internal/demo -godwit ../bin/godwit

shop: export SHOP_TOKEN ?= sesame
shop: ## serve the small HTTP API of the README until Ctrl-C
	@$(GO) -C cmd run ./internal/demo -serve 127.0.0.1:7373

# The tests of bench run the program of another module, whose sources the test
# cache does not see: they run each time. Files tagged !race hold the allocation
# ceilings, because the race detector allocates: they run in a second, plain
# pass over the packages that have such files.
test: deps ## run every test of every module
	@$(if $(RACE),,echo 'no C compiler ($(shell $(GO) env CC)): running without -race';) \
	failed=; \
	for m in $(MODULES); do \
	  echo "== test $$m"; \
	  $(GO) -C $$m test $(RACE) $$( [ "$$m" = bench ] && echo -count=1 ) ./... || failed="$$failed $$m"; \
	  if [ -n "$(RACE)" ]; then \
	    dirs=$$(cd $$m && grep -rl --include='*_test.go' '^//go:build !race' . | xargs -r -n1 dirname | sort -u || true); \
	    if [ "$$m" = . ]; then dirs=$$(grep -vE '^\./(cmd|bench|tools)(/|$$)' <<<"$$dirs" || true); fi; \
	    if [ -n "$$dirs" ]; then $(GO) -C $$m test -run 'Alloc' $$dirs || failed="$$failed $$m"; fi; \
	  fi; \
	done; \
	if [ -n "$$failed" ]; then echo "FAILED in:$$failed"; exit 1; fi

check: ## formatting, vet, staticcheck, linters, layers, known vulnerabilities
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | while read -r f; do [ -f "$$f" ] && echo "$$f"; done | xargs -r $(TOOL) gofumpt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	@for m in $(MODULES); do echo "== vet, staticcheck $$m"; (cd $$m && $(GO) vet ./... && $(TOOL) staticcheck ./...); done
	@if command -v golangci-lint >/dev/null; then for m in $(MODULES); do (cd $$m && golangci-lint run ./...); done; \
	else echo "golangci-lint is not installed: left out"; fi
	$(GO) test -count=1 -run 'TestLayer' .
	@tools/vulncheck $(MODULES)

fmt: ## format every file
	@git ls-files -co --exclude-standard '*.go' | while read -r f; do [ -f "$$f" ] && echo "$$f"; done | xargs -r $(TOOL) gofumpt -w

bench: build ## measure against net/http; prints ratios
	$(GO) -C bench run ./report -count $(COUNT)

# Some minutes. FLOW takes more flags, such as FLOW="-sc AE -n 100".
bench-flow: ## peers and godwit in every scenario of flow control, on virtual time
	$(GO) -C bench run ./flow -o flow/results.json $(FLOW)

# About two minutes. FLEET takes more flags, such as FLEET="-all -n 10,100".
bench-fleet: ## peers and godwit as a hundred processes on one quota, over HTTP
	$(GO) -C bench run ./fleet -o fleet/results.json $(FLEET)

fuzz: deps ## run every fuzz target for FUZZTIME (10s)
	@tools/fuzz $(FUZZTIME) $(MODULES)

deps: ## download what the modules need
	@for m in $(MODULES); do $(GO) -C $$m mod download; $(GO) -C $$m list -m all >/dev/null; done

clean: ## remove what was built
	rm -rf bin
