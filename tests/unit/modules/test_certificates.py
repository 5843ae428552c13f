"""Certificates on a host: folders, a link for each app, and nothing that is not ours."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import certificates as logic
from ansible_collections.emperor.flask.plugins.module_utils import managed, packages
from ansible_collections.emperor.flask.plugins.module_utils.certificates import Wanted
from ansible_collections.emperor.flask.plugins.modules import certificates
from ansible_collections.emperor.flask.tests.support.certificates import Pair, pair
from ansible_collections.emperor.flask.tests.support.hosts import Accounts
from ansible_collections.emperor.flask.tests.support.modules import run_module

AUTHORITY = "https://acme.example.org/dir"
NAME = "shop.example.org"


class Host:
    """A host whose certificates are below a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.certbot, self.mark = root / "flask", root / "live", root / "run/apps"
        self.commands: list[list[str]] = []

    def look(self, *wanted: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
        """Run the module; whether nginx has to reload afterwards is part of what it says."""
        self.mark.unlink(missing_ok=True)
        entries = [{key: value for key, value in entry.items() if key != "key"} for entry in wanted]
        keys = {entry["app"]: entry["key"] for entry in wanted if "key" in entry}
        found = run_module(certificates, check=check, wanted=entries, keys=keys, authority=AUTHORITY, **more)
        return {**found, "reload": self.mark.exists()}

    def get(self, entry: dict[str, Any], days: tuple[float, float] = (-1, 90)) -> None:
        """Do what the role does with one that is missing."""
        folder, made = Path(entry["folder"]), pair(entry["domains"], days)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fullchain.pem").write_text(made.certificate)
        (folder / "privkey.pem").write_text(made.key)

    def served(self) -> dict[str, str]:
        apps = self.root / "apps"
        return {link.name: link.readlink().name for link in apps.iterdir()} if apps.is_dir() else {}

    def state(self) -> dict[str, Any]:
        found = [self.root, *self.root.rglob("*"), *self.certbot.rglob("*")]
        return {str(path): path.lstat().st_ino for path in found if path.exists() or path.is_symlink()}


@pytest.fixture
def host(tmp_path: Path, accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    made.certbot.mkdir()
    monkeypatch.setattr(logic, "ROOT", made.root)
    monkeypatch.setattr(logic, "CERTBOT", made.certbot)
    monkeypatch.setattr(managed, "PENDING", made.mark.parent)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    def run_command(_module: AnsibleModule, command: list[str]) -> tuple[int, str, str]:
        made.commands.append(command)
        return 0, "", ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(packages, "missing", lambda _module, names: list(names))
    return made


def wanted(source: str, *domains: str, app: str = "shop", made: Pair | None = None) -> dict[str, Any]:
    entry = {"app": app, "source": source, "domains": list(domains or (NAME,))}
    return entry | ({"certificate": made.certificate, "key": made.key} if made else {})


ACME, SELFSIGNED, FILES = (wanted(source) for source in ("acme", "selfsigned", "files"))


# --- what is missing


def test_a_bare_host_misses_all(host: Host) -> None:
    found = host.look(ACME, wanted("selfsigned", app="wiki"), packages=["certbot"])
    acme, own = found["missing"]
    assert (acme["source"], acme["domains"], acme["apps"]) == ("acme", [NAME], ["shop"])
    assert (Path(acme["folder"]), acme["name"][:-8]) == (host.certbot / acme["name"], f"flask-{NAME}-")
    assert Path(own["folder"]) == host.root / "issued" / own["name"]
    assert [entry["apps"] for entry in found["stopgaps"]] == [["shop"]], "what the host makes itself needs none"
    assert (found["missing_packages"], found["served"], host.served()) == (["certbot"], {}, {})


@pytest.mark.parametrize("source", ["acme", "selfsigned"])
def test_what_was_got_is_served_and_stays(host: Host, source: str) -> None:
    [entry] = host.look(wanted(source))["missing"]
    host.get(entry)
    found = host.look(wanted(source), packages=["certbot"])
    assert (found["changed"], found["missing"], found["stopgaps"], found["missing_packages"]) == (True, [], [], [])
    assert found["served"] == {"shop": entry["folder"]}
    assert (host.served(), found["reload"]) == ({"shop": entry["name"]}, True)
    before = host.state()
    again = host.look(wanted(source))
    assert (again["changed"], again["reload"], host.state()) == (False, False, before)


def test_apps_with_the_same_names_share_one(host: Host) -> None:
    apps = [wanted("acme", "a.example.org", "b.example.org", app=name) for name in ("x", "y")]
    [entry] = host.look(*apps)["missing"]
    assert entry["apps"] == ["x", "y"]
    host.get(entry)
    host.look(*apps)
    assert host.served() == {"x": entry["name"], "y": entry["name"]}
    # Whoever goes leaves it to the other.
    host.look(left=["x"])
    assert (host.served(), host.commands) == ({"y": entry["name"]}, [])
    host.look(left=["y"])
    assert host.commands == [["certbot", "delete", "--non-interactive", "--cert-name", entry["name"]]]


def test_another_authority_or_another_name_is_another_certificate(host: Host) -> None:
    names = {
        Wanted("shop", source, domains, issuer).name
        for source in ("acme", "selfsigned")
        for domains in ([NAME], [NAME, "www.example.org"])
        for issuer in ("", AUTHORITY)
    }
    assert len(names) == 8


@pytest.mark.parametrize("domain", ["*.example.org", ".".join(["a" * 60] * 4), "x" * 63, "192.0.2.7"])
def test_any_name_makes_one_of_a_folder(host: Host, domain: str) -> None:
    [entry] = host.look(wanted("acme", domain))["missing"]
    assert len(f"{entry['name']}.conf") <= 255
    host.get(entry)
    host.look(wanted("acme", domain))
    host.look(left=["shop"])
    assert host.commands[0][-1] == entry["name"], "it is known as ours"


# --- times


@pytest.mark.parametrize(("source", "days", "good"), [
    ("selfsigned", 31, True), ("selfsigned", 29, False), ("acme", 29, True), ("acme", 1, True), ("acme", -1, False),
])  # fmt: skip
def test_when_one_is_got_anew(host: Host, source: str, days: float, good: bool) -> None:
    """certbot renews its own; what the host makes is made anew 30 days before its end."""
    [entry] = host.look(wanted(source))["missing"]
    host.get(entry)
    host.look(wanted(source))
    host.get(entry, (-90, days))
    found = host.look(wanted(source))
    assert [missing["name"] for missing in found["missing"]] == ([] if good else [entry["name"]])
    # The same folder is written again, which no link shows.
    assert found["reload"] == (not good)


def test_one_that_is_served_is_served_until_the_wanted_one_is_there(host: Host) -> None:
    [old] = host.look(ACME)["missing"]
    host.get(old)
    host.look(ACME)
    more = wanted("acme", NAME, "www.example.org")
    found = host.look(more)
    assert (found["changed"], found["stopgaps"], host.served()) == (False, [], {"shop": old["name"]})
    [new] = found["missing"]
    host.get(new)
    assert host.look(more)["changed"]
    assert host.served() == {"shop": new["name"]}
    assert host.commands == [["certbot", "delete", "--non-interactive", "--cert-name", old["name"]]]


def test_the_stopgap_is_for_those_who_have_none_that_is_valid(host: Host) -> None:
    found = host.look(ACME)
    [stopgap] = found["stopgaps"]
    assert found["reload"], "it may be made anew where it is"
    host.get(stopgap)
    found = host.look(ACME)
    assert (found["stopgaps"], [entry["source"] for entry in found["missing"]]) == ([], ["acme"])
    assert host.served() == {"shop": stopgap["name"]}
    # An expired one is none.
    host.get(stopgap, (-9, -1))
    assert host.look(ACME)["stopgaps"] == [stopgap]
    [real] = host.look(ACME)["missing"]
    host.get(real)
    host.look(ACME)
    assert host.served() == {"shop": real["name"]}
    assert not Path(stopgap["folder"]).exists()


@pytest.mark.parametrize("broken", ["fullchain.pem", "privkey.pem"])
def test_half_a_certificate_is_none(host: Host, broken: str) -> None:
    [entry] = host.look(SELFSIGNED)["missing"]
    host.get(entry)
    (Path(entry["folder"]) / broken).unlink()
    assert host.look(SELFSIGNED)["missing"] == [entry]
    if broken == "fullchain.pem":
        (Path(entry["folder"]) / broken).write_text("cut off")
        assert host.look(SELFSIGNED)["missing"] == [entry]


def test_without_its_library_a_host_has_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    [entry] = host.look(SELFSIGNED)["missing"]
    host.get(entry)
    monkeypatch.delattr(logic, "x509")
    assert host.look(SELFSIGNED)["missing"] == [entry]
    # What is given needs none.
    made = pair([NAME])
    assert host.look(wanted("files", made=made))["served"]["shop"]


# --- those that are given


def test_what_is_given_is_written_once_for_root_alone(host: Host) -> None:
    made = pair([NAME])
    entry = wanted("files", made=made)
    umask = os.umask(0)
    try:
        found = host.look(entry)
    finally:
        os.umask(umask)
    folder = Path(found["served"]["shop"])
    assert (found["changed"], found["missing"], found["reload"]) == (True, [], True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "fullchain.pem": made.certificate, "privkey.pem": made.key,
    }  # fmt: skip
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in host.root.rglob("*.pem")}
    assert modes == {0o600}
    folders = [path for path in (host.root, *host.root.rglob("*")) if path.is_dir() and not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    before = host.state()
    again = host.look(entry)
    assert (again["changed"], again["reload"], host.state()) == (False, False, before)


def test_what_nginx_is_told_of_one_comes_and_goes_with_it(host: Host) -> None:
    first, second = pair([NAME]), pair([NAME])
    told = host.root / "apps/shop/stapling.conf"
    host.look(wanted("files", made=first) | {"stapled": True})
    assert told.read_text() == "ssl_stapling on;\n"
    assert host.look(wanted("files", made=first) | {"stapled": True})["changed"] is False
    host.look(wanted("files", made=second))
    assert not told.exists()


def test_what_ansible_logs_on_the_host_has_no_key(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pair([NAME])
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda _priority, text: logged.append(text))
    host.look(wanted("files", made=made))
    [line] = logged
    assert NAME in line
    assert not [part for part in made.key.splitlines() if part in line]


def test_the_next_one_stands_beside_it_until_the_link_has_moved(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair([NAME]), pair([NAME])
    old = Path(host.look(wanted("files", made=first))["served"]["shop"])
    seen: list[bool] = []
    point: Callable[..., bool] = logic.point_link

    def point_link(link: Path, target: str) -> bool:
        seen.append((old / "privkey.pem").exists() and Path(target, "privkey.pem").exists() and host.mark.exists())
        return point(link, target)

    monkeypatch.setattr(logic, "point_link", point_link)
    found = host.look(wanted("files", made=second))
    assert seen == [True], "and a run that is killed now leaves nginx a reload"
    assert (found["changed"], found["reload"], old.exists()) == (True, True, False)
    assert (host.root / "apps/shop/fullchain.pem").read_text() == second.certificate


def test_a_file_that_was_changed_by_hand_is_written_again(host: Host) -> None:
    made = pair([NAME])
    folder = Path(host.look(wanted("files", made=made))["served"]["shop"])
    (folder / "privkey.pem").write_text("else")
    found = host.look(wanted("files", made=made))
    assert (found["changed"], found["reload"]) == (True, True)
    assert (folder / "privkey.pem").read_text() == made.key


def test_without_one_an_app_keeps_what_it_has(host: Host) -> None:
    """The inventory may have gone on while the release that serves has not."""
    made = pair([NAME])
    before = host.look(wanted("files", made=made))["served"]
    found = host.look(FILES)
    assert (found["changed"], found["served"], found["missing"]) == (False, before, [])


def test_who_has_none_to_keep_gets_a_stopgap(host: Host) -> None:
    found = host.look(FILES, packages=["python3-cryptography"])
    assert (found["missing"], found["missing_packages"]) == ([], ["python3-cryptography"])
    [stopgap] = found["stopgaps"]
    host.get(stopgap)
    assert host.look(FILES)["served"] == {"shop": stopgap["folder"]}


# --- check mode, and what is not ours


def test_check_mode_says_so_and_changes_nothing(host: Host) -> None:
    made = pair([NAME])
    for entry in (ACME, SELFSIGNED, FILES, wanted("files", made=made)):
        before = host.state()
        found = host.look(entry, check=True)
        assert (found["changed"], found["reload"], host.state()) == (True, False, before)
    host.look(wanted("files", made=made))
    before = host.state()
    assert not host.look(wanted("files", made=made), check=True)["changed"]
    assert host.look(check=True, left=["shop"])["changed"]
    assert host.look(wanted("files", made=pair([NAME])), check=True)["changed"]
    assert (host.state(), host.commands) == (before, [])


def test_who_leaves_leaves_nothing(host: Host) -> None:
    folder = Path(host.look(wanted("files", made=pair([NAME])))["served"]["shop"])
    found = host.look(left=["shop", "never-here"])
    assert (found["changed"], host.served(), folder.exists()) == (True, {}, False)
    assert not found["reload"], "nginx has no site any more that names it"
    assert not host.look(left=["shop"])["changed"]


def test_without_certbot_what_it_has_left_stays(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    [entry] = host.look(wanted("acme"))["missing"]
    host.get(entry)
    host.look(wanted("acme"))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    found = host.look(left=["shop"])
    assert (found["changed"], host.served(), host.commands) == (True, {}, [])
    assert Path(entry["folder"]).exists()


def test_only_what_is_ours_and_old_is_cleared_away(host: Host) -> None:
    ours = ["flask-shop.example.org-0123abcd", "flask-_.example.org-89abcdef"]
    theirs = ["shop.example.org", "flask-shop.example.org", "flask-shop-0123ABCD", "my-flask-shop-0123abcd"]
    for place in (host.certbot, host.root / "issued"):
        for name in (*ours, *theirs):
            (place / name).mkdir(parents=True)
            os.utime(place / name, (0, 0))
    fresh = host.root / "issued/flask-new.example.org-0123abcd"
    fresh.mkdir()
    host.look()
    assert {path.name for path in (host.root / "issued").iterdir()} == {*theirs, fresh.name}
    # certbot removes its own; its lists would name them else.
    assert {command[-1] for command in host.commands} == set(ours)
    assert {path.name for path in host.certbot.iterdir()} == {*ours, *theirs}
