# For people. Anything longer than a line lives in scripts/.
.PHONY: help setup plugins ui run serve test lint bench fmt types desktop screenshots package clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: ## Install what is missing, build, and open the window (or serve a browser where there is no display)
	@scripts/run.sh

test: ## Install what the tests need and run them all
	@scripts/test.sh

lint: ## Format, clippy, front end, generated types, dependencies and licences
	@scripts/lint.sh

bench: ## Measure: decode, merge, layout, first sight of a plugin, idle cost
	@scripts/bench.sh

setup: ## Install what building and testing need
	@scripts/setup.sh all

plugins: ## Build the example plugins as packages, into dist/plugins
	@scripts/plugins.sh

ui: ## Build the front end
	@scripts/ui.sh

types: ## Generate the front end's types and docs/openapi.json from Rust
	@cargo run --quiet -p orrery-tests --bin codegen

fmt: ## Format everything
	@cargo fmt --all

screenshots: ## Take the README's pictures from the running window
	@scripts/screenshots.sh

clean: ## Remove what was built
	@cargo clean && rm -rf dist ui/dist ui/node_modules
