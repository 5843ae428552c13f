# Each target sets up what it needs first; what is set up already costs nothing.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
SITE := http://127.0.0.1:18008/

# molecule and ansible-lint look for their companions on the PATH. ansible.cfg
# of this folder holds, whatever the caller's environment says.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

# Compiled once, and kept out of what is built: Ansible starts in a third of the time, and each of its tasks imports.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/python

.DEFAULT_GOAL := help
.PHONY: help site test lint unit build molecule installed down clean tools hosts lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

site: hosts ## make the development host, deploy its apps, print the address
	@echo "== 1/3  the host (first time: about a minute)"
	@ansible-playbook playbooks/development.yml
	@echo "== 2/3  its apps (first time: about two minutes)"
	@ansible-playbook site.yml
	@echo "== 3/3  a visit"
	@python tools/visit.py $(SITE)

test: hosts ## run every test, on Debian 12 and 13; EMPEROR_FLASK_HOSTS picks others
	@python tools/check.py

lint: tools ## ansible-lint, yamllint, ruff, mypy, known vulnerabilities
	@python tools/check.py lint

unit: tools ## the tests that need no host
	@python tools/check.py unit

build: tools ## build the collection, use it outside this clone
	@python tools/check.py build

molecule: hosts ## the tests on container hosts; SCENARIO names one
	@python tools/check.py $(or $(SCENARIO),molecule)

installed: hosts ## the same on one host, with the built collection
	@python tools/check.py installed

down: hosts ## remove the development host
	@ansible-playbook playbooks/development.yml -e container_host_state=absent

clean: down ## remove all that was made: host, images, package cache, .venv
	@podman volume ls --quiet --filter name=^emperor-flask- | xargs --no-run-if-empty podman volume rm
	@podman images --quiet --filter reference=localhost/emperor-flask/host | xargs --no-run-if-empty podman rmi
	@if podman network exists emperor-flask; then podman network rm emperor-flask; fi
	@rm -rf .venv .cache

lock: tools ## resolve the tools anew, after a change of pyproject.toml
	@uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --upgrade --group dev --output-file requirements-dev.lock
	@echo 'uv>=0.9,<1' | uv pip compile --quiet --no-config --universal --python-version 3.10 --generate-hashes \
	    --no-annotate --custom-compile-command 'make lock' --upgrade --output-file roles/flask_app/files/uv.txt -
	@echo 'pyuwsgi>=2.0.30,<3' | uv pip compile --quiet --no-config --universal --python-version 3.8 --generate-hashes \
	    --no-annotate --custom-compile-command 'make lock' --upgrade --output-file roles/flask_app/files/pyuwsgi.txt -
	@$(PYTHON) tools/bootstrap.py

tools:
	@$(PYTHON) tools/bootstrap.py

hosts:
	@$(PYTHON) tools/bootstrap.py --hosts
