"""Commands as another user."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import commands
from ansible_collections.emperor.flask.plugins.module_utils.commands import (
    Result,
    app_environment,
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


def test_a_user_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="no-such-user-here"):
        run_as("no-such-user-here", ["true"], Path("/"), PATH, 1)


def test_the_tail_is_what_a_person_reads() -> None:
    lines = [str(number) for number in range(100)]
    assert Result(1, "\n".join(lines) + "\n\n").tail.splitlines() == lines[-30:]


def test_an_apps_commands_see_what_its_vassal_sees(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/KEY").write_text("a\nb ü")
    (tmp_path / "env/HOME").write_text("/own")
    assert app_environment(tmp_path) == {
        "PATH": f"{tmp_path}/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": f"{tmp_path}/venv",
        "HOME": "/own",
        "KEY": "a\nb ü",
    }


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
