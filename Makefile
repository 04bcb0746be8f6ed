# One virtual environment for everything, made again only when pyproject.toml or the interpreter changes.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(if $(shell $(p) -c 'import sys; print(int((3, 11) <= sys.version_info < (3, 14)))' 2>/dev/null | grep 1),$(p))))
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup compare speed gate accept selftest report accuracy docs test check format clean

help:            ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(READY)  ## the virtual environment with all frameworks (about 4 GB)

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "lossbench needs Python 3.11, 3.12 or 3.13; none was found (or say make PYTHON=/path/to/python)"; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,plot,dev]'
	@touch $(READY)

compare: $(READY)  ## judge every implementation on the default suite
	$(BIN)/lossbench compare $(ARGS)

speed: $(READY)  ## time every implementation
	$(BIN)/lossbench speed $(ARGS)

gate: $(READY)  ## hold the verdicts against results/accepted
	$(BIN)/lossbench gate $(ARGS)

accept: $(READY)  ## make today's verdicts the accepted ones; review the diff
	$(BIN)/lossbench gate --accept $(ARGS)

selftest: $(READY)  ## let the lying fakes try to fool the judge
	$(BIN)/lossbench selftest

report: $(READY)  ## the latest results as a page for the browser
	$(BIN)/lossbench report $(ARGS)

accuracy: $(READY)  ## measure how accurate every implementation is: results/accuracy.csv and docs/accuracy.md
	$(BIN)/lossbench compare --suite $(or $(SUITE),full) --csv results/latest/accuracy.csv $(ARGS)
	$(BIN)/lossbench accuracy results/latest/accuracy.csv --format csv -o results/accuracy.csv
	$(BIN)/lossbench accuracy results/latest/accuracy.csv --format markdown -o docs/accuracy.md

docs: $(READY)  ## write docs/coverage.md and docs/results.md anew
	$(BIN)/lossbench list --coverage --format markdown > docs/coverage.md
	$(BIN)/python -c 'from lossbench.output.columns import page; print(page(), end="")' > docs/results.md

test: $(READY)  ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(READY)  ## style, types, layers, file lengths
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 400 {print $$2 " has " $$1 " lines; 400 are allowed"; bad = 1} END {exit bad}'
	@git ls-files 'tests/*.py' | sed 's:.*/::' | grep '^test_' | sort | uniq -d | awk '{print "two test files are called " $$1 ", which pytest cannot tell apart"; bad = 1} END {exit bad}'

format: $(READY)  ## bring the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## remove what was made
	rm -rf $(VENV) results/latest .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
