"""Runs Ansible's programs as an operator does, from the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.tests.support.apps import COLLECTION
from ansible_collections.emperor.flask.tests.support.programs import Done, Run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs a program of Ansible's in the clone."""
    home = tmp_path_factory.mktemp("ansible-home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = {**kept, "ANSIBLE_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}

    def program(name: str, *arguments: str | Path, **variables: str) -> Done:
        command = [Path(sys.executable).with_name(name), *arguments]
        begin = time.monotonic()
        done = subprocess.run(
            command,
            cwd=COLLECTION,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)

    return program
