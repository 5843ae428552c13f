"""The virtualenv of a release; its commands are noted, not run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.commands import Result
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import marker
from ansible_collections.emperor.flask.plugins.modules import virtualenv
from ansible_collections.emperor.flask.tests.support.hosts import ID, STEP, App, Host
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


def names(shop: App) -> list[str]:
    return [path.name for path in shop.layout.virtualenvs.iterdir()]


def arguments(shop: App, text: str = "flask\n", **more: Any) -> dict[str, Any]:
    folder = shop.root / f"releases/{ID}.tmp/src"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.txt").write_text(text)
    return {**STEP, "source": str(folder), "uv": "/opt/uv", **more}


def test_it_is_built_once_for_the_same_requirements(shop: App, runs: list[Sequence[str]]) -> None:
    first = run_module(virtualenv, **arguments(shop))
    count = len(runs)
    second = run_module(virtualenv, **arguments(shop))
    assert (first["changed"], second["changed"], count, len(runs)) == (True, False, 2, 2)
    assert first["path"] == second["path"]
    assert run_module(virtualenv, **arguments(shop, "click\n"))["path"] != first["path"]


def test_a_short_value_of_the_environment_does_not_blot_the_path(shop: App, runs: list[Sequence[str]]) -> None:
    """Ansible replaces hidden values wherever they occur, and the next task needs the path."""
    given = arguments(shop, environment='{"UV_OFFLINE": "1", "UV_LINK_MODE": "venvs"}')
    path = run_module(virtualenv, **given)["path"]
    assert Path(path).is_dir()
    assert run_module(virtualenv, **given)["path"] == path


def test_an_unfinished_one_is_built_anew(shop: App, runs: list[Sequence[str]]) -> None:
    path = Path(run_module(virtualenv, **arguments(shop))["path"])
    marker(path).unlink()
    (path / "half").touch()
    assert run_module(virtualenv, **arguments(shop))["changed"]
    assert not (path / "half").exists()


@pytest.mark.parametrize(("code", "why"), [(2, "ended with 2"), (None, "took too long")])
def test_a_failure_is_told_and_leaves_nothing(
    shop: App, monkeypatch: pytest.MonkeyPatch, code: int | None, why: str
) -> None:
    monkeypatch.setattr(virtualenv, "run_as", lambda *_rest: Result(code, "no such package\n"))
    found = run_module(virtualenv, **arguments(shop))
    assert found["msg"] == (f"app shop, release {ID}: the virtualenv from requirements.txt cannot be built; uv {why}")
    assert found["log"] == "no such package"
    assert names(shop) == []


def test_requirements_that_cannot_be_used_are_told(shop: App, runs: list[Sequence[str]]) -> None:
    found = run_module(virtualenv, **arguments(shop, requirements="gone.txt"))
    assert found["msg"] == f"app shop, release {ID}: requirements gone.txt does not exist in the source"
    assert runs == []


def test_packages_run_as_the_builder_and_write_into_the_virtualenv_and_its_cache_alone(
    shop: App, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def run_as(*given: Any) -> Result:
        calls.append(given)
        [target] = shop.layout.virtualenvs.iterdir()
        # The virtualenv is the builder's meanwhile, closed, and not complete.
        assert (target.stat().st_mode & 0o777, marker(target).exists()) == (0o700, False)
        return Result(0, "")

    monkeypatch.setattr(virtualenv, "run_as", run_as)
    given = arguments(shop, requirements="sub/reqs.txt", environment='{"PIP_RETRIES": 1}', timeout=9)
    (Path(given["source"]) / "sub").mkdir()
    (Path(given["source"]) / "sub/reqs.txt").write_text("flask\n")
    target = Path(run_module(virtualenv, **given)["path"])
    assert len(calls) == 2
    for user, _command, folder, environment, timeout, writable in calls:
        assert (user, folder, timeout) == ("build-shop", Path(given["source"]) / "sub", 9)
        assert writable == [target, host.cache / "shop"]
        assert environment["HOME"] == str(host.cache / "shop")
        assert environment["PIP_RETRIES"] == "1"
    assert target.stat().st_mode & 0o777 == 0o750
    assert marker(target).exists()


def test_a_mark_that_a_package_left_is_none(shop: App, runs: list[Sequence[str]]) -> None:
    path = Path(run_module(virtualenv, **arguments(shop))["path"])
    marker(path).rename(path / marker(path).name)
    assert run_module(virtualenv, **arguments(shop))["changed"]


def test_a_mark_without_its_virtualenv_is_none(shop: App, runs: list[Sequence[str]]) -> None:
    path = Path(run_module(virtualenv, **arguments(shop))["path"])
    path.rmdir()
    assert run_module(virtualenv, **arguments(shop))["changed"]
    assert path.is_dir()


def test_a_failed_rebuild_leaves_no_mark(shop: App, runs: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(run_module(virtualenv, **arguments(shop))["path"])
    path.rmdir()
    monkeypatch.setattr(virtualenv, "run_as", lambda *_rest: Result(1, ""))
    assert run_module(virtualenv, **arguments(shop))["failed"]
    assert names(shop) == []


@pytest.mark.parametrize(("text", "hashed"), [("flask\n", False), ("-r base.txt\n", True)])
def test_a_hash_anywhere_obliges_all(shop: App, runs: list[Sequence[str]], text: str, hashed: bool) -> None:
    given = arguments(shop, text)
    (Path(given["source"]) / "base.txt").write_text("flask --hash=sha256:0\n")
    run_module(virtualenv, **given)
    assert ("--require-hashes" in runs[1]) is hashed


def test_check_mode_builds_nothing(shop: App, runs: list[Sequence[str]]) -> None:
    assert run_module(virtualenv, check=True, **arguments(shop))["changed"]
    assert (runs, names(shop)) == ([], [])


@pytest.mark.parametrize("option", ["user", "cache"])
def test_whose_code_runs_is_not_for_the_caller_to_say(shop: App, option: str) -> None:
    assert "Unsupported parameters" in run_module(virtualenv, **(arguments(shop) | {option: "root"}))["msg"]


def test_another_python_is_another_virtualenv(shop: App, runs: list[Sequence[str]], tmp_path: Path) -> None:
    """One of the same version too: the virtualenv has links to it."""
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
    python.chmod(0o755)
    usual = run_module(virtualenv, **arguments(shop))["path"]
    other = run_module(virtualenv, **arguments(shop, python=str(python)))["path"]
    assert usual != other
    assert runs[2][-2:] == [str(python), other]


@pytest.mark.parametrize(("installer", "program"), [("uv", "/opt/uv"), ("pip", "{}/bin/python")])
def test_a_uwsgi_is_added_with_hashes(shop: App, runs: list[Sequence[str]], installer: str, program: str) -> None:
    pins = "pyuwsgi==2 --hash=sha256:0\n"
    usual = run_module(virtualenv, **arguments(shop, installer=installer))["path"]
    del runs[:]
    path = run_module(virtualenv, **arguments(shop, installer=installer, engine=pins))["path"]
    assert path != usual
    assert runs[-1][0] == program.format(path)
    assert list(runs[-1][-3:]) == ["--require-hashes", "--requirement", f"{path}/engine.txt"]
    assert Path(path, "engine.txt").read_text() == pins


def test_a_uwsgi_that_the_requirements_bring_goes_before(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Sequence[str]] = []

    def run_as(_user: str, command: Sequence[str], *_rest: Any) -> Result:
        noted.append(command)
        if "install" in command:
            target = Path(command[list(command).index("--python") + 1]).parent
            target.mkdir(exist_ok=True)
            (target / "pyuwsgi").touch()
        return Result(0, "")

    monkeypatch.setattr(virtualenv, "run_as", run_as)
    run_module(virtualenv, **arguments(shop, "pyuwsgi==2.0.28\n", engine="pyuwsgi==2\n"))
    assert len(noted) == 2


def test_a_uwsgi_that_cannot_be_had_is_told(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_as(_user: str, command: Sequence[str], *_rest: Any) -> Result:
        return Result(1 if str(command[-1]).endswith("engine.txt") else 0, "no gcc\n")

    monkeypatch.setattr(virtualenv, "run_as", run_as)
    found = run_module(virtualenv, **arguments(shop, engine="pyuwsgi==2\n"))
    assert "a uWSGI for the app's Python cannot be built; uv ended with 1" in found["msg"]
    assert names(shop) == []


def test_one_whose_python_is_gone_is_built_anew(shop: App, runs: list[Sequence[str]]) -> None:
    path = Path(run_module(virtualenv, **arguments(shop))["path"])
    (path / "bin").mkdir()
    (path / "bin/python").symlink_to("/opt/gone/python3.12")
    assert run_module(virtualenv, **arguments(shop))["changed"]
