"""Commands as another user."""

from __future__ import annotations

import fnmatch
import itertools
import os
import pwd
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import commands
from ansible_collections.emperor.flask.plugins.module_utils.commands import (
    Result,
    build_environment,
    run_as,
)

PATH = {"PATH": "/usr/bin:/bin"}
# Of a length that no other run of these tests has.
NAP = f"sleep 30.{os.getpid()}"


def naps() -> bytes:
    """Return the processes that still sleep."""
    return subprocess.run(["pgrep", "-f", f"^{NAP}"], capture_output=True, check=False).stdout


def shell(script: str, timeout: float = 10, **environment: str) -> Result:
    return run_as("nobody", ["/bin/sh", "-c", script], Path("/"), {**PATH, **environment}, timeout)


@pytest.mark.root
def test_it_is_that_user_with_no_group_of_ours() -> None:
    nobody = pwd.getpwnam("nobody")
    ours = os.getgroups()
    os.setgroups([4711])
    try:
        found = shell("id -u; id -G; umask; pwd")
    finally:
        os.setgroups(ours)
    assert (found.code, found.output.split()) == (0, [str(nobody.pw_uid), str(nobody.pw_gid), "0027", "/"])


@pytest.mark.root
def test_nothing_of_our_environment_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_SECRET", "x")
    lines = shell("env", A="1\n2").output.splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert names - {"PWD", "_", "SHLVL"} == {"A", "2", "PATH", "LANG", "USER", "LOGNAME"}


@pytest.mark.root
def test_both_streams_come_in_order_and_nothing_can_be_read() -> None:
    assert shell("echo 1; echo 2 >&2; echo 3; read x || echo end; exit 7") == Result(7, "1\n2\n3\nend\n")


@pytest.mark.root
def test_output_that_is_no_text_is_kept() -> None:
    assert shell("printf 'a\\377b'").output == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.root
def test_a_signal_is_no_success() -> None:
    assert shell("kill -9 $$").code == -9


@pytest.mark.root
@pytest.mark.parametrize("script", [f"echo begun; {NAP}", f"echo begun; {NAP} & wait"])
def test_the_time_limit_ends_it_and_its_children(script: str) -> None:
    begin = time.monotonic()
    assert shell(script, timeout=0.5) == Result(None, "begun\n")
    assert time.monotonic() - begin < 5
    assert not naps()


@pytest.mark.root
def test_the_time_limit_holds_for_a_child_that_left_the_session() -> None:
    begin = time.monotonic()
    assert shell("setsid sleep 9 & sleep 9", timeout=0.5).code is None
    assert time.monotonic() - begin < 5


@pytest.mark.root
def test_a_child_left_behind_ends_with_the_command() -> None:
    assert shell(f"{NAP} >/dev/null 2>&1 & echo done") == Result(0, "done\n")
    time.sleep(0.1)
    assert not naps()


@pytest.mark.root
def test_a_child_that_left_the_session_does_not_hold_the_command_up() -> None:
    """It has the output open, as a daemon that somebody forgot to detach."""
    begin = time.monotonic()
    assert shell("setsid sleep 6 & echo done") == Result(0, "done\n")
    assert time.monotonic() - begin < 4


@pytest.mark.root
def test_the_end_of_a_flood_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_OUTPUT_BYTES", 10)
    assert shell("seq 1000").output == "8\n999\n1000\n"[-10:]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """Note what is started, and start it."""
    noted: list[tuple[list[str], dict[str, Any]]] = []
    real = subprocess.Popen

    def popen(command: list[str], **more: Any) -> Any:
        if command[0] != "systemctl":
            noted.append((command, more))
        return real(command, **more)

    monkeypatch.setattr(subprocess, "Popen", popen)
    return noted


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the host be booted with systemd, and its systemd-run start the rest of its command line."""
    program = tmp_path / "bin/systemd-run"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nwhile case "$1" in --*) true;; *) false;; esac; do shift; done\nexec "$@"\n')
    program.chmod(0o755)
    stop = tmp_path / "bin/systemctl"
    stop.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/stopped\n')
    stop.chmod(0o755)
    monkeypatch.setattr(commands, "_START_ENVIRONMENT", {"PATH": f"{program.parent}:/usr/bin:/bin"})
    monkeypatch.setattr(commands, "_BOOTED_WITH_SYSTEMD", tmp_path)
    return tmp_path


SECRET, WORD = "s3cret-value", "word-of-the-command"


def assert_nothing_shows(started: list[tuple[list[str], dict[str, Any]]]) -> None:
    [(command, more)] = started
    for text in (SECRET, WORD, "KEY", "/bin/sh", "/usr"):
        assert text not in " ".join(command).replace("/usr/bin/python3", "")
    assert SECRET not in str(more)


@pytest.mark.root
def test_nobody_can_read_the_order_from_the_starter(started: list[tuple[list[str], dict[str, Any]]]) -> None:
    command = ["/bin/sh", "-c", f"echo {WORD} $KEY; pwd"]
    found = run_as("nobody", command, Path("/usr"), {**PATH, "KEY": SECRET}, 10)
    assert found == Result(0, f"{WORD} {SECRET}\n/usr\n")
    assert_nothing_shows(started)
    assert started[0][0][0] == "setpriv"


def test_nobody_can_read_the_order_from_the_unit_either(
    systemd: Path, started: list[tuple[list[str], dict[str, Any]]]
) -> None:
    command = ["/bin/sh", "-c", f"echo {WORD} $KEY; pwd; umask; read x || echo end"]
    found = run_as("build-shop", command, Path("/usr"), {**PATH, "KEY": SECRET}, 10)
    assert found == Result(0, f"{WORD} {SECRET}\n/usr\n0027\nend\n")
    assert_nothing_shows(started)


def test_a_unit_may_write_where_it_was_told_and_ends_with_its_processes(
    systemd: Path, started: list[tuple[list[str], dict[str, Any]]]
) -> None:
    run_as("build-shop", ["true"], Path("/"), PATH, 90, [Path("/srv/v"), Path("/var/cache/c")])
    command, _more = started[0]
    given = dict(word.removeprefix("--property=").split("=", 1) for word in command if word.startswith("--property="))
    assert command[0] == "systemd-run"
    assert {"--wait", "--pipe", "--collect"} <= set(command)
    assert (given["User"], given["Group"], given["RuntimeMaxSec"]) == ("build-shop", "build-shop", "90")
    assert (given["ProtectSystem"], given["ReadWritePaths"]) == ("strict", "/srv/v /var/cache/c")
    assert (given["KillMode"], given["SendSIGKILL"]) == ("control-group", "yes")
    assert (given["NoNewPrivileges"], given["CapabilityBoundingSet"]) == ("yes", "")
    # systemd would replace them.
    assert not {"%", "$"} & set(command[-1])


def test_what_a_killed_caller_left_running_ends_first(
    systemd: Path, started: list[tuple[list[str], dict[str, Any]]]
) -> None:
    """The unit outlives the module; a migration must not run twice at once."""
    for user in ("app-web", "app-web", "app-web2"):
        run_as(user, ["true"], Path("/"), PATH, 5)
    patterns = [line.removeprefix("stop ") for line in (systemd / "stopped").read_text().splitlines()]
    units = [next(w for w in command if w.startswith("--unit=")).removeprefix("--unit=") for command, _ in started]
    assert len(set(units)) == 3
    for pattern, unit in itertools.product(patterns, units):
        same = ("web2" in pattern) == ("web2" in unit)
        assert fnmatch.fnmatchcase(f"{unit}.service", pattern) == same


def test_a_command_beside_others_ends_none(systemd: Path, started: list[tuple[list[str], dict[str, Any]]]) -> None:
    run_as("app-web", ["true"], Path("/"), PATH, 5, sole=False)
    assert not (systemd / "stopped").exists()
    run_as("app-web", ["true"], Path("/"), PATH, 5)
    [unit] = [word.removeprefix("--unit=") for word in started[0][0] if word.startswith("--unit=")]
    pattern = (systemd / "stopped").read_text().split()[1]
    assert not fnmatch.fnmatchcase(f"{unit}.service", pattern)


def test_a_unit_that_its_limit_has_ended_took_too_long(systemd: Path) -> None:
    """systemd ends it, and says so with an exit code like any other."""
    assert run_as("nobody", ["/bin/sh", "-c", "sleep 0.3; exit 1"], Path("/"), PATH, 0.2).code is None
    assert run_as("nobody", ["/bin/sh", "-c", "sleep 0.3; exit 0"], Path("/"), PATH, 0.2).code == 0
    assert run_as("nobody", ["/bin/sh", "-c", "exit 1"], Path("/"), PATH, 5).code == 1


def test_what_is_no_ascii_arrives(systemd: Path) -> None:
    assert run_as("nobody", ["/bin/echo", 'ü \n"'], Path("/"), PATH, 5).output == 'ü \n"\n'


def test_a_program_that_is_missing_is_a_failure(systemd: Path) -> None:
    found = run_as("nobody", ["no-such-program-here"], Path("/"), PATH, 5)
    assert found.code == 1
    assert "FileNotFoundError" in found.output


def test_a_user_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="no-such-user-here"):
        run_as("no-such-user-here", ["true"], Path("/"), PATH, 1)


def test_the_tail_is_what_a_person_reads() -> None:
    lines = [str(number) for number in range(100)]
    assert Result(1, "\n".join(lines) + "\n\n").tail.splitlines() == lines[-30:]


@pytest.mark.parametrize("exists", [True, False])
def test_builds_trust_the_hosts_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    bundle = tmp_path / "bundle.crt"
    if exists:
        bundle.touch()
    monkeypatch.setattr(commands, "_CA_BUNDLE", bundle)
    found = build_environment({"PIP_NO_INPUT": "0", "A": "1"}, tmp_path)
    assert (found.get("SSL_CERT_FILE"), found.get("PIP_CERT")) == ((str(bundle),) * 2 if exists else (None, None))
    assert (found["A"], found["PIP_NO_INPUT"], found["UV_PYTHON_DOWNLOADS"]) == ("1", "0", "never")
    assert found["UV_CACHE_DIR"].startswith(str(tmp_path))


def test_not_even_the_starter_has_our_environment(
    systemd: Path, started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Already that user, it can be read in /proc until it has become the command."""
    monkeypatch.setattr(commands, "_BOOTED_WITH_SYSTEMD", systemd / "none")
    monkeypatch.setattr(commands, "_plain_process", lambda _user: ["true"])
    monkeypatch.setenv("OUR_SECRET", "x")
    run_as("nobody", ["true"], Path("/"), PATH, 5)
    assert "OUR_SECRET" not in started[0][1].get("env", os.environ)
