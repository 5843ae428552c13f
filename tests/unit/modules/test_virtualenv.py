"""The virtualenv of a release; its commands are noted, not run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.commands import Result
from ansible_collections.emperor.flask.plugins.modules import virtualenv
from ansible_collections.emperor.flask.tests.support.hosts import ID
from ansible_collections.emperor.flask.tests.support.modules import run_module


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Note the commands instead of running them."""
    noted: list[Sequence[str]] = []

    def run_as(_user: str, command: Sequence[str], *_rest: Any) -> Result:
        noted.append(command)
        return Result(0, "")

    monkeypatch.setattr(virtualenv, "run_as", run_as)
    return noted


def arguments(root: Path, text: str = "flask\n", **more: Any) -> dict[str, Any]:
    folder = root / f"releases/{ID}.tmp/src"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.txt").write_text(text)
    return {"name": "shop", "source": str(folder), "uv": "/opt/uv", "cache": str(root), **more}


def test_it_is_built_once_for_the_same_requirements(root: Path, runs: list[Sequence[str]]) -> None:
    first = run_module(virtualenv, **arguments(root))
    count = len(runs)
    second = run_module(virtualenv, **arguments(root))
    assert (first["changed"], second["changed"], count, len(runs)) == (True, False, 2, 2)
    assert first["path"] == second["path"]
    assert run_module(virtualenv, **arguments(root, "click\n"))["path"] != first["path"]


def test_a_short_value_of_the_environment_does_not_blot_the_path(root: Path, runs: list[Sequence[str]]) -> None:
    """Ansible replaces hidden values wherever they occur, and the next task needs the path."""
    given = arguments(root, environment='{"UV_OFFLINE": "1", "UV_LINK_MODE": "venvs"}')
    path = run_module(virtualenv, **given)["path"]
    assert Path(path).is_dir()
    assert run_module(virtualenv, **given)["path"] == path


def test_an_unfinished_one_is_built_anew(root: Path, runs: list[Sequence[str]]) -> None:
    path = Path(run_module(virtualenv, **arguments(root))["path"])
    (path / ".emperor-complete").unlink()
    (path / "half").touch()
    assert run_module(virtualenv, **arguments(root))["changed"]
    assert not (path / "half").exists()


@pytest.mark.parametrize(("code", "why"), [(2, "ended with 2"), (None, "took too long")])
def test_a_failure_is_told_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, why: str
) -> None:
    monkeypatch.setattr(virtualenv, "run_as", lambda *_rest: Result(code, "no such package\n"))
    found = run_module(virtualenv, **arguments(root))
    assert found["msg"] == (
        f"app shop: the virtualenv from requirements.txt cannot be built; uv {why}.\nno such package"
    )
    assert list((root / "venvs").iterdir()) == []
    assert not list(root.glob("build-*"))


def test_requirements_that_cannot_be_used_are_told(root: Path, runs: list[Sequence[str]]) -> None:
    found = run_module(virtualenv, **arguments(root, requirements="gone.txt"))
    assert found["msg"] == "app shop: requirements gone.txt does not exist in the source"
    assert runs == []
