# Every target is a script in tools/: read there what it does.
.DEFAULT_GOAL := help
.PHONY: help up test check fmt generate bench bench-operator images clean install-kubectl-vitte install-tools install-services cluster-up cluster-load cluster-down

FILE ?= crds/examples/companion.yaml
ARGS ?=
ALL ?=
TIER ?= node

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## build and start a bot with its chat page (FILE=manifest, ARGS='--port 8081')
	@tools/up $(FILE) $(ARGS)

test: ## every test, beside a private PostgreSQL, Redis and Kubernetes API (ARGS=outbox: those so named)
	@tools/test $(ARGS)

check: ## format, lints, licences, unused dependencies, generated files
	@tools/check

fmt: ## format the code
	@cargo fmt --all

generate: ## write the files that are generated from the code
	@tools/generated write

bench: ## measure a release build (bench/RESULTS.md)
	@bench/run $(ARGS)

bench-operator: ## measure the operator with 1,000 bots on a Kubernetes API without pods (bench/RESULTS.md)
	@bench/operator/run $(ARGS)

images: ## make the images of a release build, without Docker, and print their archives
	@tools/images

cluster-up: ## start a Kubernetes on this machine (TIER=control: its API alone, without pods)
	@tools/cluster up $(TIER)

cluster-load: ## give it images: Vitte's, PostgreSQL, Redis (FILE=archive: that one)
	@tools/cluster load $(if $(filter command% environment%,$(origin FILE)),$(FILE))

cluster-down: ## stop it and remove its state
	@tools/cluster down

clean: ## remove what was built; with ALL=1 conversations and tools too
	@tools/clean $(if $(ALL),--all)

install-kubectl-vitte: ## build and install the kubectl plugin: `kubectl vitte`
	@tools/install-kubectl-vitte

install-tools: ## install the pinned cargo tools
	@tools/install-tools

install-services: ## install PostgreSQL's and Redis' server programs, none started
	@tools/install-packages build services
