"""The step that puts the files of the baseline into effect."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import firewall, kernel_settings, ssh_session
from ansible_collections.emperor.flask.plugins.module_utils.ssh_session import Session
from ansible_collections.emperor.flask.plugins.modules import baseline
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

HERE = Session("192.0.2.7", 50022, 22, "deploy")
JOURNAL = "systemd-journald.service"


class Kernel:
    """The firewall of a host: what is loaded, and what was done to it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loaded = ""
        self.at_boot = False
        self.done: list[str] = []

    def load(self) -> None:
        self.done.append("load")
        self.loaded, self.at_boot = self.file.read_text(), True

    def remove(self) -> None:
        self.done.append("remove")
        self.loaded, self.at_boot = "", False

    def take_back_later(self, loaded: str, file: Path) -> None:
        assert file == self.file
        self.done.append(f"would bring back {loaded!r}")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path / "rules.nft")
    made.file.write_text("rules")
    monkeypatch.setattr(firewall, "wanted_rules", Path.read_text)
    monkeypatch.setattr(firewall, "loaded_rules", lambda: made.loaded)
    monkeypatch.setattr(firewall, "is_installed", lambda: True)
    monkeypatch.setattr(firewall, "is_set_up", lambda: made.at_boot)
    for name in ("load", "remove", "take_back_later"):
        monkeypatch.setattr(firewall, name, getattr(made, name))
    monkeypatch.setattr(baseline, "session", lambda: None)
    return made


def run(kernel: Kernel, check: bool = False, on: bool = True, **more: Any) -> dict[str, Any]:
    return run_module(baseline, check, firewall=on, firewall_file=str(kernel.file), **more)


def test_rules_are_loaded_once_and_again_when_they_are_gone(kernel: Kernel) -> None:
    assert run(kernel)["done"] == ["load the firewall"]
    assert run(kernel)["changed"] is False
    # nft flush ruleset
    kernel.loaded = ""
    found = run(kernel)
    assert found["done"] == ["load the firewall"]
    assert [(entry["before"], entry["after"]) for entry in found["diff"]] == [("", "rules")]
    assert kernel.done == ["load", "load"]


def test_rules_that_a_boot_would_not_bring_are_no_good(kernel: Kernel) -> None:
    run(kernel)
    kernel.at_boot = False
    assert run(kernel)["changed"]


def test_check_mode_says_so_and_does_nothing_on_a_bare_host_too(kernel: Kernel) -> None:
    kernel.file.unlink()
    assert run(kernel, check=True)["done"] == ["load the firewall"]
    assert kernel.done == []


def test_who_came_by_ssh_has_to_come_again(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(kernel)["to_confirm"] is False
    monkeypatch.setattr(baseline, "session", lambda: HERE)
    kernel.file.write_text("others")
    assert run(kernel)["to_confirm"] is True
    assert kernel.done == ["load", "would bring back 'rules'", "load"]
    assert run(kernel)["to_confirm"] is False


def test_rules_are_taken_away_when_they_are_wanted_no_more(kernel: Kernel) -> None:
    assert run(kernel, on=False)["changed"] is False
    run(kernel)
    assert run(kernel, check=True, on=False)["done"] == ["take the firewall away"]
    assert run(kernel, on=False)["changed"]
    assert run(kernel, on=False)["changed"] is False
    assert kernel.done == ["load", "remove"]


def test_rules_that_nft_refuses_change_nothing(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path) -> str:
        raise firewall.FirewallError(f"nft refuses {file}: syntax error")

    monkeypatch.setattr(firewall, "wanted_rules", refuse)
    found = run(kernel)
    assert found["msg"] == f"baseline: nft refuses {kernel.file}: syntax error"
    assert kernel.done == []


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "proc/net/core"
    made.mkdir(parents=True)
    (made / "somaxconn").write_text("128\n")
    (tmp_path / "60.conf").write_text("net.core.somaxconn = 4096\n")
    monkeypatch.setattr(kernel_settings, "SETTINGS", tmp_path / "proc")
    monkeypatch.setattr(kernel_settings, "FOLDERS", (tmp_path,))
    return made / "somaxconn"


def test_settings_of_the_kernel_are_set_once(kernel: Kernel, proc: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "60.conf")
    assert run(kernel, check=True, on=False, kernel_settings=file)["done"] == ["set net.core.somaxconn"]
    assert proc.read_text() == "128\n"
    found = run(kernel, on=False, kernel_settings=file)
    assert (found["done"], found["diff"][0]["before"]) == (["set net.core.somaxconn"], "net.core.somaxconn = 128\n")
    assert proc.read_text() == "4096\n"
    assert run(kernel, on=False, kernel_settings=file)["changed"] is False


def test_what_the_kernel_refuses_is_told_and_is_no_change(
    kernel: Kernel, proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_settings, "apply", lambda _file: ["net.core.somaxconn (Read-only file system)"])
    found = run(kernel, on=False, kernel_settings=str(tmp_path / "60.conf"))
    assert (found["changed"], found["refused"]) == (False, ["net.core.somaxconn (Read-only file system)"])


def shown(state: str = "active", age: float = -1.0) -> str:
    started = int((time.monotonic() - age) * 1e6)
    properties = {
        "Id": JOURNAL,
        "LoadState": "loaded",
        "ActiveState": state,
        "UnitFileState": "static",
        "NeedDaemonReload": "no",
        "ExecMainStartTimestampMonotonic": started,
    }
    return "".join(f"{key}={value}\n" for key, value in properties.items())


@pytest.mark.parametrize(
    ("state", "age", "done"),
    [
        ("active", -1, []),
        ("active", 3600, [f"restart {JOURNAL}"]),
        ("inactive", 0, [f"start {JOURNAL}"]),
    ],
)
def test_services_run_with_their_files(
    kernel: Kernel, systemd: Systemd, state: str, age: float, done: list[str]
) -> None:
    systemd.answer(shown(state, age))
    services = [{"name": JOURNAL, "files": [str(kernel.file)]}]
    assert run(kernel, check=True, on=False, services=services)["done"] == done
    assert "restart" not in [call[1] for call in systemd.calls]
    found = run_module(baseline, firewall=False, firewall_file=str(kernel.file), services=services)
    assert found.get("done") == done
    assert bool(done) is ("restart" in [call[1] for call in systemd.calls])


def test_a_service_that_does_not_start_is_told_once_the_rules_are_confirmed(
    kernel: Kernel, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would confirm them, and the host would take them back."""
    monkeypatch.setattr(baseline, "session", lambda: HERE)
    systemd.answer(shown(state="failed"))
    found = run(kernel, services=[{"name": JOURNAL}])
    assert (found.get("failed"), found["to_confirm"]) == (None, True)
    assert f"{JOURNAL} does not start: is failed; look at: journalctl --unit={JOURNAL}" in found["failure"]


@pytest.mark.parametrize(("password", "said"), [("yes", True), ("no", False)])
def test_sshd_is_asked_each_time_what_it_goes_by(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password: str, said: bool
) -> None:
    settings = {"passwordauthentication": [password], "permitrootlogin": ["without-password"]}
    monkeypatch.setattr(ssh_session, "sshd_settings", lambda: settings)
    file = tmp_path / "10-ours.conf"
    asked: dict[str, Any] = {
        "sshd_file": str(file),
        "sshd_forbidden": ["permitrootlogin yes", "passwordauthentication yes"],
    }
    assert run(kernel, on=False, **asked)["failure"] == ""  # in check mode it is not there yet
    file.touch()
    for _ in range(2):
        found = run(kernel, on=False, **asked)["failure"]
        assert ("sshd has passwordauthentication yes all the same" in found) is said
        assert "permitrootlogin" not in found
    assert run(kernel, on=False, sshd_forbidden=asked["sshd_forbidden"])["failure"] == ""
