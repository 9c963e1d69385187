# Every target is a script in tools/: read there what it does.
.DEFAULT_GOAL := help
.PHONY: help up test check fmt generate bench clean install-tools install-services

FILE ?= crds/examples/companion.yaml
ARGS ?=
ALL ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## build and start a bot with its chat page (FILE=manifest, ARGS='--port 8081')
	@tools/up $(FILE) $(ARGS)

test: ## every test, beside a private PostgreSQL and Redis (ARGS=outbox: those so named)
	@tools/test $(ARGS)

check: ## format, lints, licences, unused dependencies, generated files
	@tools/check

fmt: ## format the code
	@cargo fmt --all

generate: ## write the files that are generated from the code
	@tools/generated write

bench: ## measure a release build (bench/RESULTS.md)
	@bench/run $(ARGS)

clean: ## remove what was built; with ALL=1 conversations and tools too
	@tools/clean $(if $(ALL),--all)

install-tools: ## install the pinned cargo tools
	@tools/install-tools

install-services: ## install PostgreSQL's and Redis' server programs, none started
	@tools/install-packages build services
