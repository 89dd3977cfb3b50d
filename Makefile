# `make run` shows what the package does, `make test` checks that it does. Both set up .venv first.
PYTHON ?= python3
# What `make test` installs beside the package. CI adds judges: make test EXTRAS=test,torch,litert,openvino
EXTRAS ?= test
BIN := .venv/bin

.PHONY: run test test-zoo test-lowest test-wheel lint types imports bench cards scoreboard web web-test clean

run: .venv/installed-train
	$(BIN)/kerasconv demo

test: .venv/installed-$(EXTRAS)
	$(BIN)/python -m pytest --numprocesses 2

# Every model of the zoo, of which `make test` has one of each family, and what else takes long.
test-zoo: .venv/installed-$(EXTRAS)
	$(BIN)/python -m pytest --numprocesses 2 -m large

# The tests with the lowest version of everything that pyproject.toml allows.
test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest --numprocesses 2

# The tests against the installed wheel, which is built first: make test-wheel PYTHON=python3.13
test-wheel:
	.ci/test-wheel $(PYTHON)

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) types imports

# Mypy and import-linter find modules by their folders: links give `models/` and `export/` the places that they are
# installed in.
types imports: .venv/linked

types:
	cd .venv/linked && ../bin/mypy --config-file ../../pyproject.toml

imports:
	cd .venv/linked && ../bin/lint-imports ../../pyproject.toml

.PHONY: .venv/linked
.venv/linked:
	rm -rf $@ && mkdir -p $@/kerasconv
	ln -s $(CURDIR)/kerasconv/* $(CURDIR)/models $(CURDIR)/export $@/kerasconv/

# Our speed beside that of others, written to docs/performance.md: hours on two cores. To go on after an interruption,
# run the command with `--existing skip`; for some of it, see `.venv/bin/python -m benchmarks --help`.
bench: .venv/installed-train
	$(BIN)/python -m benchmarks --json benchmark.json --docs docs/performance.md

# What the models of the zoo cost, and figures of them, written to docs/models/ and models/facts.json: minutes.
cards: .venv/installed
	$(BIN)/python -m cards

# What Keras', ONNX' and PyTorch's own tests say, written to docs/scoreboard.md.
scoreboard: .venv/installed-scoreboard
	$(BIN)/python -m scoreboard

# The page of examples/web: its models exported, built, and served until you press Ctrl+C.
web: .venv/installed-train
	test examples/web/node_modules -nt examples/web/package-lock.json || npm --prefix examples/web ci
	$(BIN)/python examples/web/export_models.py
	npm --prefix examples/web run build
	@echo "Open http://127.0.0.1:8000 in a browser."
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory examples/web/dist 8000

# The page in headless Chromium, beside ONNX Runtime and Pillow.
web-test: .venv/installed-test,web
	@command -v npm >/dev/null || { echo "web-test: install Node.js 20 or newer, with npm"; exit 1; }
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	    { echo "web-test: install Chromium, on Debian with: apt-get install chromium"; exit 1; }
	test examples/web/node_modules -nt examples/web/package-lock.json || npm --prefix examples/web ci
	npm --prefix examples/web run check
	$(BIN)/python -m pytest tests/examples

clean:
	rm -rf .venv .venv-lowest .venv-wheel build dist demo-output

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-%: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch .venv/installed $@

.venv-lowest/installed: pyproject.toml tests/lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip
	.venv-lowest/bin/python -m pip install --quiet --editable ".[test]" --constraint tests/lowest.txt
	touch $@
