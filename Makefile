PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
JUDGES ?= .venv-judges
LAVA310 ?= .venv-lava310
PYTHON310 ?= python3.10
READY  := $(VENV)/.ready
# Python compiles what is imported, when it is: few of the twelve thousand files ever are
INSTALL := install -qq --no-compile --disable-pip-version-check
PIP    := $(PY) -m pip $(INSTALL)
# each process takes its tests in one piece: what a file compiles and shares is made once
TESTS  := $(PY) -m pytest -n auto --dist worksteal

demo: $(READY)
	$(PY) examples/digits.py
test: $(READY)
	$(TESTS)
test-slow: $(READY)
	$(TESTS) --slow -m slow
test-all: $(READY)
	$(TESTS) --slow $(ONLY)
lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
# SpikingJelly's other requirements are for training and logging; none is needed to run a network
bench: $(READY)
	$(PIP) -c constraints.txt snntorch loguru
	$(PIP) -c constraints.txt --no-deps spikingjelly
	$(PY) benchmarks/all.py --quick
setup: $(READY)
# what others wrote, for the tests to compare with; nengo-loihi and brian2-loihi need numpy below 2,
# so they live apart, xylosim needs a C++ compiler, and of NeuroBench only its metrics are used
judges: $(VENV)/.judges $(JUDGES)/.ready
# an untouched lava-nc in the Python that it was made for: HETLAVA_LAVA_PYTHON for the tests
lava310: $(LAVA310)/.ready

# The stamp is older than what set-up reads exactly when the environment is stale.
$(READY): pyproject.toml constraints.txt lava.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) -c constraints.txt -e ".[train,nir,lava,report,scale,dev]"
	$(PIP) --no-deps --ignore-requires-python -r lava.txt
	touch $@

$(VENV)/.judges: $(READY)
	$(PIP) -c constraints.txt -e ".[judges,gpu]"
	$(PIP) -c constraints.txt --no-deps neurobench
	touch $@

# one pip, that of $(VENV), fills these environments
$(JUDGES)/.ready: tests/conformance/judges/requirements.txt $(READY)
	test -x $(JUDGES)/bin/python || $(PYTHON) -m venv --without-pip $(JUDGES)
	$(PY) -m pip --python $(JUDGES)/bin/python $(INSTALL) -r $<
	touch $@

$(LAVA310)/.ready: lava.txt $(READY)
	test -x $(LAVA310)/bin/python || $(PYTHON310) -m venv --without-pip $(LAVA310)
	$(PY) -m pip --python $(LAVA310)/bin/python $(INSTALL) $$(grep lava-nc lava.txt) h5py
	touch $@

clean:
	rm -rf $(VENV) $(JUDGES) $(LAVA310) build *.egg-info
.PHONY: judges lava310 demo test test-slow test-all lint bench setup clean
