"""A host in a temporary directory, on which everybody is everything."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import layout, locks, warm
from ansible_collections.emperor.flask.tests.support.hosts import Accounts, App, Host
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor, serve
from ansible_collections.emperor.flask.tests.support.systemd import Systemd


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Let every account be ours, so that the tests need no root."""
    me, ours = pwd.getpwuid(os.getuid()), grp.getgrgid(os.getgid())
    given: dict[Path, tuple[int, int]] = {}

    def lchown(path: os.PathLike[str], uid: int, gid: int) -> None:
        given[Path(path)] = (uid, gid)

    monkeypatch.setattr(pwd, "getpwnam", lambda _name: me)
    monkeypatch.setattr(grp, "getgrnam", lambda _name: ours)
    monkeypatch.setattr(os, "lchown", lchown)
    return Accounts(given)


@pytest.fixture
def host(short_tmp: Path, monkeypatch: pytest.MonkeyPatch, accounts: Accounts) -> Host:
    """Move the layout below a temporary directory."""
    names = ("apps", "cache", "vassals", "sockets", "stats", "locks", "warm", "units")
    made = Host(*(short_tmp / name for name in names))
    for folder in (made.apps, made.cache, made.vassals, made.sockets, made.units):
        folder.mkdir(mode=0o755)
    # By the role uwsgi.
    for name in ("flask-release@.socket", "flask-release@.service.d/sandbox.conf", "flask-app-.service.d/sandbox.conf"):
        (made.units / name).parent.mkdir(exist_ok=True)
        (made.units / name).touch()
    monkeypatch.setattr(layout, "APPS_ROOT", made.apps)
    monkeypatch.setattr(layout, "CACHE", made.cache)
    monkeypatch.setattr(layout, "VASSALS", made.vassals)
    monkeypatch.setattr(layout, "SOCKETS", made.sockets)
    monkeypatch.setattr(layout, "EMPEROR_STATS", made.stats)
    monkeypatch.setattr(layout, "SITES", short_tmp / "sites")
    monkeypatch.setattr(layout, "UNITS", made.units)
    monkeypatch.setattr(layout, "LISTENERS", short_tmp / "listeners")
    monkeypatch.setattr(layout, "MOUNTS", short_tmp / "mounts")
    monkeypatch.setattr(layout, "MAINTENANCE", short_tmp / "maintenance")
    monkeypatch.setattr(locks, "LOCKS", made.locks)
    monkeypatch.setattr(warm, "MARKS", made.warm)
    return made


@pytest.fixture
def emperor(host: Host) -> Iterator[FakeEmperor]:
    """Something that binds sockets and tells statistics on that host."""
    fake = FakeEmperor(host.vassals, host.sockets)
    with serve(host.stats, fake.answer):
        yield fake


@pytest.fixture
def shop(host: Host) -> App:
    """Return an app that has no release yet."""
    return App()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Note what systemd is told."""
    made = Systemd(tmp_path / "systemd")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    return made
