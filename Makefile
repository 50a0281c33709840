# Every target does its own set-up: see deploy/bootstrap.py. Nothing here depends on the path, which may hold spaces.
.DEFAULT_GOAL := help
.PHONY: help demo smoke package pictures bench test sim sim-week test-bluez test-systemd test-timescale check audit lock clean

PYTHON ?= python3
SETUP = @$(PYTHON) deploy/bootstrap.py

help:
	@echo "make demo        the whole chain on this machine with virtual patients (EPISODE=fall plays one episode)"
	@echo "make smoke       the demo without a person: every episode, every kill, nothing lost; at most a minute"
	@echo "make test        everything that is checked and tested"
	@echo "make package     Debian packages of server and gateway, into dist/"
	@echo "make check       the quick half: format, lint, types, import contracts"
	@echo "make audit       known faults of the packages that are locked; needs the network, and says what it could not look up"
	@echo "make sim         more simulated homes than the tests play (SEEDS=5000; FIRST=812 SEEDS=1 plays one again)"
	@echo "make sim-week    weeks of three teams, 10,000 findings each, some minutes (WEEKS=3; FIRST=7 WEEKS=1 plays one again)"
	@echo "make test-bluez  the radio against the real BlueZ, in a virtual machine (ARGS=\"-k bond\" for some of it)"
	@echo "make test-systemd  the packages under a real systemd, in a virtual machine (ARGS=\"-k upgrade\" for some of it)"
	@echo "make test-timescale  what uses the database, on the TimescaleDB that HJEMVAKT_TEST_TIMESCALE_URL names (ARGS=\"-k backup\")"
	@echo "make bench       figures"
	@echo "make pictures    takes the README's pictures again, from a demo of its own; some minutes"
	@echo "make lock        choose the versions in requirements.lock again, after a change in pyproject.toml"
	@echo "make clean       forget the set-up; your data stays"

demo:
	$(SETUP) run
	@exec .venv/bin/python deploy/demo.py

smoke:
	$(SETUP) run
	@exec .venv/bin/python deploy/smoke.py

package:
	$(SETUP) run
	@.venv/bin/python deploy/package.py server dist
	@.venv/bin/python deploy/package.py gateway dist

# With what the tests use, for it looks through their browser.
pictures:
	$(SETUP) test
	@exec .venv/bin/python -m tests.pictures

bench:
	$(SETUP) run
	@exec .venv/bin/python -m tests.bench

check:
	$(SETUP) check
	@tests/check

# 0: none is known; 1: some are; 2: not everything could be looked up.
audit:
	$(SETUP) check
	@exec .venv/bin/python -m tests.audit

test:
	$(SETUP) test
	@exec env PYTHON=$(PYTHON) tests/all

sim:
	$(SETUP) check
	@exec .venv/bin/python -m tests.sim $(or $(SEEDS),2000) $(FIRST)

sim-week:
	$(SETUP) check
	@exec .venv/bin/python -m tests.sim.weeks $(or $(WEEKS),1) $(FIRST)

# Needs Debian on amd64 and its package archive, once; neither root nor KVM. See CONTRIBUTING.md.
test-bluez:
	$(SETUP) check
	@exec .venv/bin/python -m tests.bluez_vm $(ARGS)

# Needs Debian 12 on amd64 and its package archive, once; neither root nor KVM. See CONTRIBUTING.md.
test-systemd:
	$(SETUP) run
	@exec .venv/bin/python -m tests.systemd_vm $(ARGS)

# The URL is a superuser's; databases are made there and dropped again. See CONTRIBUTING.md.
test-timescale:
	@if test -z "$$HJEMVAKT_TEST_TIMESCALE_URL"; then \
		echo "Skipped: no TimescaleDB was tested, because HJEMVAKT_TEST_TIMESCALE_URL does not name one."; \
	else \
		$(PYTHON) deploy/bootstrap.py check && exec .venv/bin/python -m pytest --timescale $(ARGS); \
	fi

lock:
	$(SETUP) check
	@CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/python -m piptools compile --quiet --all-extras --all-build-deps \
		--generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file requirements.lock pyproject.toml

clean:
	@rm -rf .venv dashboard/node_modules server/api/static hjemvakt.egg-info
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
