PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready
PIP    := $(PY) -m pip install -qq --disable-pip-version-check

demo: $(READY)
	$(PY) examples/digits.py
test: $(READY)
	$(PY) -m pytest -n auto
test-slow: $(READY)
	$(PY) -m pytest -n auto --slow -m slow
lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
bench: $(READY)
	$(PY) benchmarks/inference.py
setup: $(READY)

# The stamp is older than what set-up reads exactly when the environment is stale.
$(READY): pyproject.toml constraints.txt lava.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) -c constraints.txt -e ".[train,nir,lava,report,scale,dev]"
	$(PIP) --no-deps --ignore-requires-python -r lava.txt
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
.PHONY: demo test test-slow lint bench setup clean
