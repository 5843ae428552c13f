# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The one table of nftables that is ours, and the firewalls of others, which are only looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.files import make_directory, write_file
from ansible_collections.emperor.flask.plugins.module_utils.managed import PENDING

TABLE = ("inet", "emperor_flask")
UNIT = "flask-firewall.service"
_WANTS = Path("/etc/systemd/system/sysinit.target.wants") / UNIT
_BACK = "flask-firewall-back"
# Seconds that a new connection has to prove the new rules.
_PATIENCE = 60
UFW = Path("/etc/ufw/ufw.conf")
LEGACY_TABLES = Path("/proc/net/ip_tables_names")
_NET_ADMIN, _SYS_ADMIN = 12, 21
# An empty network of its own, in which the file meets a kernel without any rules.
_SCRATCH = ("unshare", "--net", "--", "sh", "-ec", f'nft --file "$0"; nft --stateless list table {" ".join(TABLE)}')


class FirewallError(Exception):
    """Why the rules cannot be loaded."""


def obstacle(status: Path = Path("/proc/self/status")) -> str:
    """Return what root may not do here that a firewall needs, or an empty text."""
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    bits = int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16)
    missing = [
        name for name, bit in (("CAP_NET_ADMIN", _NET_ADMIN), ("CAP_SYS_ADMIN", _SYS_ADMIN)) if not bits & (1 << bit)
    ]
    return " and ".join(missing)


def wanted_rules(file: Path) -> str:
    """Return our table as this kernel shows it once the file is loaded; nothing is loaded. Raises FirewallError."""
    done = _run([*_SCRATCH, str(file)])
    if done.returncode != 0:
        raise FirewallError(f"nft refuses {file}: {done.stderr.strip()}")
    return done.stdout


def loaded_rules() -> str:
    """Return our table as it is, or nothing if it is not there."""
    if not shutil.which("nft"):
        return ""
    done = _run(["nft", "--stateless", "list", "table", *TABLE])
    return done.stdout if done.returncode == 0 else ""


def others() -> list[str]:
    """Return the firewalls of others that refuse what they do not know; ours would be a second one beside them."""
    found = []
    if UFW.exists() and "ENABLED=yes" in UFW.read_text(encoding="utf-8", errors="replace").split():
        found.append("ufw")
    if _run(["systemctl", "is-active", "firewalld"]).stdout.strip() == "active":
        found.append("firewalld")
    if found:
        return found
    if shutil.which("nft"):
        found = denying_chains(_json(["list", "chains"]), lambda chain: _json(["list", "chain", *chain]))
    else:
        found = _iptables("iptables")
    if LEGACY_TABLES.exists() and "filter" in LEGACY_TABLES.read_text(encoding="ascii").split():
        found += _iptables("iptables-legacy")
    return found


def denying_chains(chains: Iterable[Mapping[str, Any]], rules_of: Any) -> list[str]:
    """Return the chains of others, such as `table inet filter, chain input`, that end with a refusal."""
    found = []
    for entry in chains:
        chain = entry.get("chain", {})
        if (chain.get("type"), chain.get("hook")) != ("filter", "input"):
            continue
        if (chain["family"], chain["table"]) == TABLE:
            continue
        names = (chain["family"], chain["table"], chain["name"])
        if chain.get("policy") == "drop" or any(map(_refuses_all, rules_of(names))):
            found.append(f"table {names[0]} {names[1]}, chain {names[2]}")
    return found


def _refuses_all(entry: Mapping[str, Any]) -> bool:
    """Tell whether a rule refuses whatever comes to it."""
    parts = {key for part in entry.get("rule", {}).get("expr", ()) for key in part}
    return bool(parts & {"drop", "reject"}) and parts <= {"drop", "reject", "counter", "log"}


def _iptables(program: str) -> list[str]:
    if not shutil.which(program):
        return []
    return [f"{program}, chain INPUT"] if denies(_run([program, "-S", "INPUT"]).stdout.splitlines()) else []


def denies(lines: Sequence[str]) -> bool:
    """Tell whether a chain that iptables has printed refuses what it does not know."""
    return any(
        line.split()[:3] == ["-P", "INPUT", "DROP"]
        or (line.split()[:3] == ["-A", "INPUT", "-j"] and line.split()[3] in ("DROP", "REJECT"))
        for line in lines
    )


def is_installed() -> bool:
    """Tell whether there is nft."""
    return shutil.which("nft") is not None


def is_set_up() -> bool:
    """Tell whether the rules are loaded at a boot."""
    return _WANTS.is_symlink()


def load() -> None:
    """Let systemd load the file, as it does at a boot. Raises FirewallError."""
    for command in (["daemon-reload"], ["enable", "--quiet", UNIT], ["reload-or-restart", UNIT]):
        done = _run(["systemctl", *command])
        if done.returncode != 0:
            raise FirewallError(f"{UNIT} does not load the rules: {done.stderr.strip()}")


def take_back_later(loaded: str, file: Path) -> None:
    """Let systemd bring back the rules of now, and their file, unless `keep` is called in time. Raises FirewallError.

    Who is connected stays connected, whatever the new rules are. Only a new connection proves them.
    """
    make_directory(PENDING)
    before, undo = PENDING / "firewall.before", PENDING / "firewall.undo"
    table = " ".join(TABLE)
    write_file(before, f"table {table}\ndelete table {table}\n{loaded}".encode(), "root", "root", 0o600)
    # Nor may a boot bring the new rules back: it has the old ones, or none if there were none.
    at_boot = f"cp {before} {file}" if loaded and is_set_up() else f"systemctl disable --quiet {UNIT}"
    # A file, since systemd-run of Debian 12 spoils what a shell takes as more than a word.
    write_file(undo, f"nft --file {before}\n{at_boot}\n".encode(), "root", "root", 0o600)
    keep()
    timer = ["systemd-run", "--quiet", "--collect", f"--unit={_BACK}", f"--on-active={_PATIENCE}"]
    done = _run([*timer, "sh", str(undo)])
    if done.returncode != 0:
        raise FirewallError(f"nothing is loaded, since it could not be taken back: {done.stderr.strip()}")


def is_unproven() -> bool:
    """Tell whether the rules that are loaded will be taken back, unless `keep` is called in time."""
    return _run(["systemctl", "is-active", "--quiet", f"{_BACK}.timer"]).returncode == 0


def keep() -> None:
    """Keep the rules that are loaded."""
    _run(["systemctl", "stop", f"{_BACK}.timer"])


def remove() -> None:
    """Take our table away, for now and for the next boot. Raises FirewallError."""
    keep()
    # While systemd still knows the unit, whose file may be gone already.
    _run(["systemctl", "stop", UNIT])
    _WANTS.unlink(missing_ok=True)
    _run(["systemctl", "daemon-reload"])
    if loaded_rules():
        done = _run(["nft", "delete", "table", *TABLE])
        if done.returncode != 0:
            raise FirewallError(f"nft cannot take away table {' '.join(TABLE)}: {done.stderr.strip()}")


def _json(arguments: Sequence[str]) -> list[dict[str, Any]]:
    done = _run(["nft", "--json", *arguments])
    return json.loads(done.stdout)["nftables"] if done.returncode == 0 and done.stdout.strip() else []


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(command), capture_output=True, text=True, check=False)
