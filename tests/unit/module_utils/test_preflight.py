"""The app is loaded once, before it is started; uWSGI's words are given, not said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import preflight, serve
from ansible_collections.emperor.flask.plugins.module_utils.commands import Result
from ansible_collections.emperor.flask.plugins.module_utils.layout import release_sandbox
from ansible_collections.emperor.flask.plugins.module_utils.preflight import PreflightError, last_error, limits, staged
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import NotProvisionedError
from ansible_collections.emperor.flask.tests.support.apps import complete, full
from ansible_collections.emperor.flask.tests.support.hosts import ID, App, Host
from ansible_collections.emperor.flask.tests.support.rendering import render, run_file, vassal

LOADED = """\
*** Operational MODE: single process ***
WSGI app 0 (mountpoint='') ready in 1 seconds on interpreter 0x1 pid: 7
"""
NOT_LOADED = """\
unable to load app 0 (mountpoint='') (callable not found or import error)
*** no app loaded. GAME OVER ***
"""
TRACE = 'Traceback (most recent call last):\n  File "{stage}/src/shop.py", line 1, in <module>\n'


class Runs:
    """Gives these results in turn, and notes what was to be run."""

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.calls: list[dict[str, Any]] = []
        self.files: list[str] = []

    def run_as(
        self,
        user: str,
        command: Sequence[str],
        cwd: Path,
        environment: dict[str, str],
        timeout: float,
        writable: Sequence[Path],
        properties: Sequence[str],
    ) -> Result:
        given = {"user": user, "command": list(command), "cwd": cwd, "environment": environment, "timeout": timeout}
        self.calls.append({**given, "writable": list(writable), "properties": list(properties)})
        if "--ini" in command:
            self.files.append(Path(command[command.index("--ini") + 1]).read_text())
        return self.results.pop(0)


@pytest.fixture
def stage(shop: App) -> Path:
    """Return a release that stands aside as yet."""
    built = shop.build(ID)
    (built / "vassal.ini").write_text(f"[uwsgi]\nchdir = {built}/src\nstats-server = {shop.root}/run/{ID}.stats\n")
    return built.rename(shop.layout.releases / f"{ID}.tmp")


def load(shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, *results: Result, target: str = "shop:app") -> Runs:
    runs = Runs(*results)
    monkeypatch.setattr(preflight, "run_as", runs.run_as)
    try:
        preflight.load(shop.layout, ID, stage, target, ["lib"], 7)
    finally:
        # Whatever came of it, no file of ours goes into the release.
        assert not (stage / "preflight.ini").exists()
    return runs


def failure(shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, *results: Result, **more: str) -> PreflightError:
    with pytest.raises(PreflightError) as caught:
        load(shop, stage, monkeypatch, *results, **more)
    return caught.value


def test_an_app_that_loads_is_loaded_once_as_its_user(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unit = tmp_path / "unit"
    unit.write_text("[Service]\nUser=root\nProtectSystem=strict\n")
    monkeypatch.setattr(preflight, "EMPEROR_UNIT", unit)
    runs = load(shop, stage, monkeypatch, Result(0, LOADED))
    [call] = runs.calls
    assert call["command"] == ["/usr/bin/uwsgi-core", "--ini", f"{stage}/preflight.ini", "--no-server"]
    assert (call["user"], call["cwd"], call["timeout"]) == ("app-shop", stage / "src", 7)
    assert call["writable"] == [shop.layout.shared]
    assert call["properties"] == ["ProtectSystem=strict", "KillSignal=SIGABRT", "LimitCORE=0"]
    environment = call["environment"]
    assert (environment["KEY"], environment["HOME"]) == ("value", str(stage / "src"))
    # An import that hangs tells where, and none leaves a file behind.
    assert (environment["PYTHONFAULTHANDLER"], environment["PYTHONDONTWRITEBYTECODE"]) == ("1", "1")
    assert runs.files == [f"[uwsgi]\nchdir = {stage}/src\n"]


def test_a_host_without_the_emperors_unit_has_no_limits_of_it(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "EMPEROR_UNIT", tmp_path / "none")
    [call] = load(shop, stage, monkeypatch, Result(0, LOADED)).calls
    assert call["properties"] == ["KillSignal=SIGABRT", "LimitCORE=0"]


def test_a_missing_module_is_the_cause_and_paths_are_those_of_the_source(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "ModuleNotFoundError: No module named 'flask'"
    said = f"*** Operational MODE: single process ***\n{TRACE.format(stage=stage)}{error}\n{NOT_LOADED}"
    found = failure(shop, stage, monkeypatch, Result(22, said))
    assert str(found) == error
    assert found.log.splitlines()[1:] == ['  File "src/shop.py", line 1, in <module>', error]


def test_a_start_that_ends_well_without_an_app_is_a_failure(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(failure(shop, stage, monkeypatch, Result(0, "nothing\n"))) == "uWSGI ended with 0"
    loaded_and_failed = failure(shop, stage, monkeypatch, Result(1, f"{LOADED}RuntimeError: at exit\n"))
    assert str(loaded_and_failed) == "RuntimeError: at exit"


def test_an_app_cannot_claim_to_be_loaded_by_words_in_a_line(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "my WSGI app 0 is ready in 1 second\n"
    assert str(failure(shop, stage, monkeypatch, Result(0, said))) == "uWSGI ended with 0"


def test_an_import_that_does_not_end_says_where(shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f'Fatal Python error: Aborted\n\n  File "{stage}/src/shop.py", line 5 in wait\n'
    found = failure(shop, stage, monkeypatch, Result(None, said))
    assert str(found) == "shop:app was not loaded within 7 s; the import does not end"
    assert 'File "src/shop.py", line 5 in wait' in found.log


def test_a_mistake_in_the_vassals_file_shows_uwsgis_own_words(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "[uWSGI] getting INI configuration\n[strict-mode] unknown config directive: threds\n"
    found = failure(shop, stage, monkeypatch, Result(1, said))
    assert str(found) == "uWSGI ended with 1"
    assert "unknown config directive: threds" in found.log


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("shop.wsgi:app", ["shop.wsgi", "src", "src/lib"]),
        ("shop.wsgi:create_app()", ["shop.wsgi", "src", "src/lib"]),
        ("web/wsgi.py:app", ["src/web/wsgi.py", "src", "src/lib"]),
    ],
)
def test_a_missing_name_is_told_with_those_that_are_there(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, target: str, asked: list[str]
) -> None:
    listed = Result(0, "printed at import\n\x1eapplication, create_app\n")
    runs = Runs(Result(22, NOT_LOADED), listed)
    monkeypatch.setattr(preflight, "run_as", runs.run_as)
    with pytest.raises(PreflightError) as caught:
        preflight.load(shop.layout, ID, stage, target, ["lib"], 7)
    module, _, name = target.partition(":")
    assert str(caught.value) == (
        f"module {module} has no callable '{name.removesuffix('()')}'; found: application, create_app"
    )
    command = runs.calls[1]["command"]
    assert (command[0], runs.calls[1]["user"]) == (f"{stage}/venv/bin/python", "app-shop")
    assert [part.removeprefix(f"{stage}/") for part in command[3:]] == asked


@pytest.mark.parametrize("listed", [Result(0, "\x1e\n"), Result(1, "Traceback"), Result(None, "")])
def test_a_module_without_any_name_has_none(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, listed: Result
) -> None:
    found = failure(shop, stage, monkeypatch, Result(22, NOT_LOADED), listed)
    assert str(found) == "module shop has no callable 'app'; found: none"


MODULE = """
import os.path
from typing import Optional
from json import loads
class Thing: pass
_hidden = print
number = 5
{names}
"""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("def app(e, s): pass\ndef helper(): pass", "app"),
        ("def create_app(): pass\napplication = create_app", "create_app, application"),
        ("def serve(e, s): pass", "loads, serve"),
        ("", "loads"),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_the_names_that_could_be_meant(tmp_path: Path, names: str, found: str, by_file: bool) -> None:
    (tmp_path / "shop.py").write_text(MODULE.format(names=names))
    target = str(tmp_path / "shop.py") if by_file else "shop"
    command = [sys.executable, "-I", "-c", preflight._LIST_NAMES, target, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"\x1e{found}\n"


@pytest.fixture
def gunicorn_stage(shop: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    program = tmp_path / "serve"
    program.touch()
    monkeypatch.setattr(preflight, "SERVE", program)
    built = shop.build(ID, files={"gunicorn.conf.py": f'chdir = "{shop.layout.release(ID)}/src"\n'})
    return built.rename(shop.layout.releases / f"{ID}.tmp")


def test_gunicorn_loads_an_app_with_the_program_that_will_start_it(
    shop: App, gunicorn_stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(*given: Any) -> Result:
        seen.append((given[1], Path(given[1][2]).read_text()))
        return Result(0, f"printed at import\n{serve.LOADED}\n")

    monkeypatch.setattr(preflight, "run_as", run)
    preflight.load(shop.layout, ID, gunicorn_stage, "shop:app", [], 7)
    [(command, text)] = seen
    assert command[:2] == [f"{gunicorn_stage}/venv/bin/python", str(preflight.SERVE)]
    assert text == f'chdir = "{gunicorn_stage}/src"\n'
    assert list(gunicorn_stage.glob("preflight*")) == []


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (serve.NO_GUNICORN, "gunicorn is not installed in the app's virtualenv; add it to the requirements"),
        (f"claims: {serve.LOADED}", "gunicorn ended with 1"),
        ("KeyError: 'DB_URL'", "KeyError: 'DB_URL'"),
    ],
)
def test_what_gunicorn_cannot_load_is_told(
    shop: App, gunicorn_stage: Path, monkeypatch: pytest.MonkeyPatch, said: str, cause: str
) -> None:
    assert str(failure(shop, gunicorn_stage, monkeypatch, Result(1, f"{said}\n"))) == cause


def test_a_unit_of_its_own_has_limits_of_its_own(shop: App, host: Host) -> None:
    app = complete(full())
    shared = host.units / "flask-release@.service.d/sandbox.conf"
    shared.write_text(render("uwsgi", "flask-release-sandbox.conf.j2"))
    files = {"vassal.ini": "", "release.service": run_file("release.service", app)}
    found = preflight.limits_of(shop.build(ID, files=files))
    names = {line.partition("=")[0] for line in found}
    assert {"TemporaryFileSystem", "BindReadOnlyPaths", "BindPaths", "MemoryMax", "CPUQuota", "TasksMax"} <= names
    assert {"PrivateUsers", "ProtectSystem", "SystemCallFilter", "RestrictNamespaces"} <= names
    assert not names & {"User", "Type", "ExecStart", "Environment", "Restart", "KillMode", "SyslogIdentifier"}


def test_a_host_that_was_set_up_before_there_was_gunicorn_is_told_as_such(
    shop: App, gunicorn_stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preflight.SERVE.unlink()
    monkeypatch.setattr(preflight, "run_as", None)
    with pytest.raises(NotProvisionedError, match="/serve is missing, which the role uwsgi writes"):
        preflight.load(shop.layout, ID, gunicorn_stage, "shop:app", [], 7)


def test_a_host_that_was_set_up_before_there_were_units_is_told_as_such(shop: App) -> None:
    release_sandbox().unlink()
    with pytest.raises(NotProvisionedError, match=r"sandbox\.conf is missing, which the role uwsgi writes"):
        preflight.limits_of(shop.build(ID, files={"vassal.ini": "", "release.service": ""}))


def test_a_real_vassals_file_is_moved_as_a_whole() -> None:
    release = Path("/srv/apps/shop/releases/3f9c2a71b04e")
    stage = release.with_suffix(".tmp")
    made = staged(vassal(complete(full())), release, stage)
    assert str(release) + "/" not in made
    assert f"chdir = {stage}/src\n" in made
    assert "stats" not in made
    # With it, uWSGI would load the app in a worker, of which there is none here.
    assert "lazy-apps" not in made
    # What outlives releases stays where it is, and so does the header that proves the release.
    assert "X-Emperor-Release: 3f9c2a71b04e\n" in made


def test_another_release_of_that_name_is_left_alone() -> None:
    assert staged("a = /r/0123/x\nb = /r/01234/x\n", Path("/r/0123"), Path("/r/0123.tmp")) == (
        "a = /r/0123.tmp/x\nb = /r/01234/x\n"
    )


def test_the_limits_are_those_of_the_emperors_own_unit() -> None:
    unit = render("uwsgi", "flask-emperor.service.j2")
    found = limits(unit)
    assert set(found) < set(unit.splitlines())
    names = {line.partition("=")[0] for line in found}
    assert {
        "InaccessiblePaths", "ProtectSystem", "ProtectKernelTunables", "RestrictAddressFamilies", "RestrictNamespaces",
        "SystemCallFilter",
        # Else a forbidden call would kill here, and only fail later.
        "SystemCallErrorNumber", "MemoryDenyWriteExecute", "LockPersonality", "NoNewPrivileges",
    } <= names  # fmt: skip
    # Those of the emperor itself would give the app rights, or another end.
    assert not names & {
        "User", "Group", "Type", "ExecStart", "ExecReload", "KillSignal", "KillMode", "CapabilityBoundingSet",
        "AmbientCapabilities", "ReadWritePaths", "RuntimeDirectory", "Restart", "RestartSec", "OOMPolicy",
    }  # fmt: skip


def test_a_comment_is_no_limit() -> None:
    assert limits("# ProtectSystem=strict\n ProtectHome=yes\nProtectHome=yes\nProtectHome\n") == ["ProtectHome=yes"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Traceback\n  File\nKeyError: 'DB_URL'\n", "KeyError: 'DB_URL'"),
        ("KeyError: 'A'\n\nDuring handling\n\nshop.errors.ConfigError: b", "shop.errors.ConfigError: b"),
        ("SystemExit: 3", "SystemExit: 3"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("DeprecationWarning: old", "DeprecationWarning: old"),
        ("  KeyError: in the middle of a line", None),
        ("Errors: none", None),
        ("all is well", None),
        ("", None),
    ],
)
def test_the_error_is_the_last_line_that_names_one(text: str, error: str | None) -> None:
    assert last_error(text) == error


def with_engine(stage: Path) -> None:
    (stage / "engine").symlink_to("venv/bin/pyuwsgi")


def test_an_app_is_loaded_by_the_engine_that_it_brings(shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(stage)
    [call] = load(shop, stage, monkeypatch, Result(0, LOADED)).calls
    assert call["command"][0] == f"{stage}/engine"


def test_options_are_asked_of_the_engine_that_an_app_brings(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_engine(stage)
    runs = Runs(Result(0, "    --mule    add a mule\n"), Result(0, "2.0.30\n"))
    monkeypatch.setattr(preflight, "run_as", runs.run_as)
    description = {"uwsgi_engine": "app", "uwsgi_options": {"mull": ["a.py"]}}
    with pytest.raises(PreflightError) as caught:
        preflight.check_options(shop.layout, stage, description)
    assert str(caught.value) == (
        "uwsgi_options.mull: the app's own uWSGI 2.0.30 has no such option; did you mean 'mule'?"
    )
    # As the app's user: it is code of a package.
    assert [(call["user"], call["command"]) for call in runs.calls] == [
        ("app-shop", [f"{stage}/engine", "--help"]),
        ("app-shop", [f"{stage}/engine", "--version"]),
    ]


@pytest.mark.parametrize("description", [{"uwsgi_options": {"mull": ["a.py"]}}, {"uwsgi_engine": "app"}])
def test_an_engine_is_asked_only_if_an_app_brings_one_and_says_something(
    shop: App, stage: Path, monkeypatch: pytest.MonkeyPatch, description: dict[str, Any]
) -> None:
    monkeypatch.setattr(preflight, "run_as", Runs().run_as)
    preflight.check_options(shop.layout, stage, description)
