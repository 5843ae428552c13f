#!/usr/bin/env python3
"""Ask a source of advisories about every version that this repository pins.

    tools/audit.py            our tools, what goes to hosts, the guestbook
    tools/audit.py FILE...    these files

pip-audit asks; PIP_AUDIT_VULNERABILITY_SERVICE and PIP_AUDIT_OSV_URL say whom. A known vulnerability is a
failure, unless pyproject.toml accepts it. Where no source answers, a warning says so, and that is a failure
with EMPEROR_FLASK_MUST_AUDIT=1 alone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parent.parent
PINNED = (
    "requirements-dev.lock",
    "roles/flask_app/files/*.txt",
    "app/requirements.txt",
    "app/examples/*/requirements.txt",
)
# Answers are kept for as long as their source allows.
CACHE = ROOT / ".cache" / "pip-audit"
# Seconds after which an answer counts as none: for one package, for all.
PATIENCE, PATIENCE_FOR_ALL = 15, 300
# An advisory's summary is cut to this length.
WIDTH = 160

# A name in lower case and a version.
Pin = tuple[str, str]


class AuditError(Exception):
    """What stands in a file cannot be used."""


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of a pinned version."""

    pin: Pin
    names: tuple[str, ...]
    fixed_in: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Accepted:
    """An advisory that does not reach us, why, and since when that is known."""

    name: str
    package: str
    reason: str
    date: datetime.date

    def covers(self, advisory: Advisory) -> bool:
        return self.package == advisory.pin[0] and self.name in advisory.names


def read_pins(files: Iterable[Path]) -> dict[Pin, list[Path]]:
    """Return every pin with the files it stands in, whatever Python or platform it is for."""
    found: dict[Pin, list[Path]] = {}
    for file in files:
        text = file.read_text(encoding="utf-8")
        pins = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
        if not pins:
            raise AuditError(f"{file} pins nothing")
        for name, version in pins:
            found.setdefault((re.sub(r"[-_.]+", "-", name).lower(), version), []).append(file)
    return found


def read_accepted(settings: Mapping[str, Any]) -> list[Accepted]:
    """Return what the settings accept; each with a reason and a date."""
    entries = settings.get("tool", {}).get("audit", {}).get("accepted", [])
    for entry in entries:
        wrong = {"id", "package", "reason", "date"} ^ set(entry)
        if wrong or not entry["reason"].strip() or not isinstance(entry["date"], datetime.date):
            raise AuditError(f"tool.audit.accepted: {entry} needs id, package, reason and date, and nothing else")
    return [Accepted(entry["id"], entry["package"], entry["reason"], entry["date"]) for entry in entries]


def layers(pins: Iterable[Pin]) -> list[list[Pin]]:
    """Share the pins out, so that each share has a package in one version: pip-audit refuses two."""
    versions: dict[str, list[Pin]] = {}
    for pin in sorted(pins):
        versions.setdefault(pin[0], []).append(pin)
    return [[pin for pin in layer if pin is not None] for layer in zip_longest(*versions.values())]


def ask(pins: Iterable[Pin]) -> tuple[list[dict[str, Any]], str]:
    """Return what pip-audit says of the pins, and why that is not all, or an empty text."""
    shares = layers(pins)
    with ThreadPoolExecutor(len(shares)) as threads:
        asked = list(threads.map(ask_once, shares))
    answers = [answer for found, _ in asked for answer in found]
    silences = [silence for _, silence in asked] + [unaudited(answers)]
    return answers, "; ".join(dict.fromkeys(filter(None, silences)))


def ask_once(pins: Iterable[Pin]) -> tuple[list[dict[str, Any]], str]:
    with tempfile.NamedTemporaryFile("w", prefix="emperor-flask-", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in pins)
        file.flush()
        # The lines come from locks, so there is nothing that pip would have to resolve.
        pinned = ["--requirement", file.name, "--no-deps", "--disable-pip"]
        quietly = ["--format", "json", "--progress-spinner", "off"]
        options = [*pinned, *quietly, "--timeout", str(PATIENCE), "--cache-dir", str(CACHE)]
        command = [sys.executable, "-m", "pip_audit", *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_FOR_ALL, check=False)
        except subprocess.TimeoutExpired:
            return [], f"the source of advisories gave no answer within {PATIENCE_FOR_ALL} s"
    # It ends with 1 for a vulnerability too; where nobody answers it prints a complaint or a traceback, and no JSON.
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except ValueError:
        complaint = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        return [], f"the source of advisories gave no answer ({complaint[-1][:WIDTH]})"


def advisories(answers: Iterable[Mapping[str, Any]]) -> list[Advisory]:
    """Return the vulnerabilities that the answers name."""
    return [
        Advisory(
            pin=(answer["name"], answer["version"]),
            names=(found["id"], *sorted(found["aliases"])),
            fixed_in=tuple(found["fix_versions"]),
            summary=" ".join(found["description"].split())[:WIDTH],
        )
        for answer in answers
        for found in answer.get("vulns", [])
    ]


def unaudited(answers: Sequence[Mapping[str, Any]]) -> str:
    """Return of what the source has nothing, or an empty text."""
    unknown = sorted(answer["name"] for answer in answers if "skip_reason" in answer)
    if not unknown:
        return ""
    named = "any of the packages" if len(unknown) == len(answers) else ", ".join(unknown)
    return f"the source of advisories does not know {named}"


def judge(
    pins: Mapping[Pin, Sequence[Path]],
    found: Sequence[Advisory],
    silence: str,
    accepted: Sequence[Accepted],
    must: bool,
) -> bool:
    """Tell what is known of the pins; return whether that is good enough."""
    bad = [advisory for advisory in found if not any(entry.covers(advisory) for entry in accepted)]
    for advisory in bad:
        places = ", ".join(os.path.relpath(file, ROOT) for file in pins[advisory.pin])
        remedy = f"fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else "not fixed yet"
        print(f"error: {' '.join(advisory.pin)} ({places}): {' '.join(advisory.names)}, {remedy}: {advisory.summary}")
    for entry in accepted:
        if any(entry.covers(advisory) for advisory in found):
            print(f"accepted since {entry.date}: {entry.name} of {entry.package}: {entry.reason}")
        elif not silence:
            print(f"warning: {entry.name} of {entry.package}: accepted in pyproject.toml, and nothing has it any more")
    if silence:
        print(f"{'error' if must else 'warning'}: NOT AUDITED: {silence}")
    elif not bad:
        print(f"{len(pins)} pins, no known vulnerability")
    return not bad and not (silence and must)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="files of pins")
    files = parser.parse_args(arguments).files or [path for pattern in PINNED for path in sorted(ROOT.glob(pattern))]
    try:
        accepted = read_accepted(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
        pins = read_pins(files)
    except AuditError as error:
        print(f"error: {error}")
        return 1
    answers, silence = ask(pins)
    must = os.environ.get("EMPEROR_FLASK_MUST_AUDIT") == "1"
    return 0 if judge(pins, advisories(answers), silence, accepted, must) else 1


if __name__ == "__main__":
    sys.exit(main())
