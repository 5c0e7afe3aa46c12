# make demo   see the embedded model look at pictures, write code, and answer
# make docs   the pages and the API of each room as a site, in build/site
# make test   everything CI checks
# make test-python   the wheel alone, in every Python that the package runs in and this machine has
# make nano   build the embedded model's weights again from nothing (hours on two cores; resumes)
# make nano-quick   the same story in small, to watch (meant for 90 minutes on two cores; resumes)
#
# One thread per process is the fastest on small machines; several processes share the work.
export OMP_NUM_THREADS ?= 1

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
# The pin keeps pip from choosing between builds: torch is installed first, alone, and nothing after it asks
# for another one.
TORCH ?= torch==2.13.0
TORCH_STAMP := $(VENV)/.torch-stamp
RUN_STAMP := $(VENV)/.run-stamp
NANO_STAMP := $(VENV)/.nano-stamp
DEV_STAMP := $(VENV)/.dev-stamp
WORKERS ?= 2

.PHONY: demo docs test test-python lint nano nano-quick clean

demo: $(RUN_STAMP)
	$(BIN)/deepeyes demo

docs: $(DEV_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

test: lint
	$(BIN)/python -m pytest -n $(WORKERS)

test-python: $(DEV_STAMP)
	$(BIN)/python -m pytest -rs tests/e2e/test_wheel.py

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

nano: $(NANO_STAMP)
	$(BIN)/deepeyes train nano --install

nano-quick: $(NANO_STAMP)
	$(BIN)/deepeyes train nano recipes/nano/quick.toml --out runs/nano-quick

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TORCH_STAMP):
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install $(TORCH)
	touch $@

$(RUN_STAMP): $(TORCH_STAMP) pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[nano]'
	touch $@

# Its teacher searches.
$(NANO_STAMP): $(TORCH_STAMP) pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[nano,search]'
	touch $(RUN_STAMP) $@

$(DEV_STAMP): $(TORCH_STAMP) pyproject.toml constraints.txt packmaker/requirements.txt
	$(PIP) install -c constraints.txt -e '.[nano,train,data,sandbox,search,serve,eval,docs,dev]' -r packmaker/requirements.txt
	touch $(RUN_STAMP) $@
