# One command surface: CI, the README and a developer call the same targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test matrix attack lint types docs bench links clean

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(INSTALLED)      ## compress -> savings -> expand on real photos with the real Real-ESRGAN weights
	$(BIN)/python benchmarks/demo.py demo

test: $(INSTALLED)      ## the whole suite
	$(BIN)/python -m pip check
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile

matrix:                 ## the whole suite on every Python of this machine, with the oldest and the newest packages
	$(PYTHON) .ci/matrix.py

CASES ?= 200000
attack: $(INSTALLED)    ## the long form of tests/attack: damage with right digests to every kind of file that is read
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python tests/attack/attacks.py $(CASES)
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python tests/attack/writes.py 300 500

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

links:                  ## what static tools read: gsdd with its siblings in place
	@rm -rf build/links && mkdir -p build/links/gsdd
	@ln -s $(CURDIR)/gsdd/* $(CURDIR)/kernels $(CURDIR)/formats $(CURDIR)/cli build/links/gsdd/

types: $(INSTALLED) links
	$(BIN)/mypy

docs: $(INSTALLED)      ## the pages as a site in build/site; a broken link or anchor is an error
	$(BIN)/mkdocs build --strict --quiet

PHOTOS ?= ../shared/data/mini-ost/train
bench: $(INSTALLED)     ## held-out objective of real runs on PHOTOS: the tables of docs/method.md
	mkdir -p build
	$(BIN)/python benchmarks/held_out.py $(PHOTOS) --rows build/held_out.jsonl

clean:
	rm -rf build dist *.egg-info $(VENV) demo
