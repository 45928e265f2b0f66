# Basin. Nothing has to be installed by hand but Python 3.11, pip, venv and make: each target makes .venv as it needs it.

MAKEFLAGS += --no-print-directory
BIN := .venv/bin
CODE := service worker trainers migrations benchmarks tests
CHECKS := check-format check-lint check-types check-imports check-rules

.DEFAULT_GOAL := help
.PHONY: help up test check fmt bench clean $(CHECKS)

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Start a server at http://127.0.0.1:8420, a worker and a demo study, in ./basin-data (Ctrl-C stops all)
	@scripts/setup run
	@exec $(BIN)/basin up

test: ## Run every test, those of single modules first
	@scripts/setup dev
	@$(BIN)/pytest -n 4 --dist loadscope --no-loadscope-reorder -rs --durations=15

check: ## Check format, lint, types, imports and house rules (under a minute)
	@scripts/setup dev
	@$(MAKE) -j 2 --output-sync=target --keep-going $(CHECKS)

check-format:
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "format: run 'make fmt'"; exit 1; }
	@echo "format: ok"

check-lint:
	@$(BIN)/ruff check --quiet $(CODE)
	@echo "lint: ok"

check-types:
	@$(BIN)/mypy --no-error-summary
	@echo "types: ok"

check-imports:
	@$(BIN)/lint-imports > .imports.log 2>&1 || { cat .imports.log; rm .imports.log; exit 1; }
	@rm .imports.log; echo "imports: ok"

check-rules:
	@$(BIN)/pytest --quiet --no-header -p no:cacheprovider tests/test_house_rules.py

fmt: ## Format the code and mend what can be mended by itself
	@scripts/setup dev
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: ## Measure Basin on this machine
	@scripts/setup dev
	@$(BIN)/python -m benchmarks

clean: ## Remove .venv and everything else that was made here, except your studies in ./basin-data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
