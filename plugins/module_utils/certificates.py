# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The certificates of a host: a folder for each, named by what it is for, and a link for each app.

nginx reads the link, so a certificate is replaced as a release is: a new folder stands beside the old one, and one
rename leads to it.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import managed
from ansible_collections.emperor.flask.plugins.module_utils.digests import digest
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    make_directory,
    point_link,
    remove_tree,
    write_file,
)

with contextlib.suppress(ImportError):  # A bare host has none, and so no certificate that this could look at.
    from cryptography import x509

ROOT = Path("/etc/flask-certificates")
# certbot's own; its renewals move what is here.
CERTBOT = Path("/etc/letsencrypt/live")
ACME, SELFSIGNED, FILES = "acme", "selfsigned", "files"
# Runs a command.
Run = Callable[[list[str]], object]
CHAIN, KEY = "fullchain.pem", "privkey.pem"
# What a site includes, where it is: whether a signer answers by OCSP comes and goes with the certificate.
STAPLING = "stapling.conf"
# certbot renews 30 days before the end (its own default); what we make ourselves, we renew as early.
_RENEW = datetime.timedelta(days=30)
# Seconds: longer than any run takes.
_LEFT_OVER = 86400
_STOPGAP = "until another is there"
# Nobody else's, so that none of theirs is removed.
_NAME = re.compile(r"flask-[a-z0-9_.-]{1,253}-[0-9a-f]{8}")


@dataclass(frozen=True)
class Wanted:
    """The certificate that an app shall have: `issuer` is who signs it, or what it is if somebody gives it."""

    app: str
    source: str
    domains: Sequence[str]
    issuer: str = ""

    @property
    def name(self) -> str:
        """Return the name of its folder: the same for apps that share their domains."""
        # certbot puts `.conf` behind it, and a file's name ends at 255 bytes.
        first = self.domains[0].replace("*", "_")[:200]
        return f"flask-{first}-{digest([self.source, sorted(self.domains), self.issuer], 8)}"

    @property
    def folder(self) -> Path:
        return folder_of(self.name, self.source)

    @property
    def stopgap(self) -> Wanted:
        """Return what nginx is given as long as no authority has signed the real one."""
        return Wanted(self.app, SELFSIGNED, self.domains, _STOPGAP)


def folder_of(name: str, source: str) -> Path:
    """Return where a certificate is."""
    return CERTBOT / name if source == ACME else ROOT / "issued" / name


def link_of(app: str) -> Path:
    """Return what nginx reads of an app."""
    return ROOT / "apps" / app


def expiry(folder: Path) -> datetime.datetime | None:
    """Return when the certificate in a folder ends, UTC; None where there is none that nginx could read."""
    try:
        if not (folder / KEY).is_file():
            return None
        found = x509.load_pem_x509_certificate((folder / CHAIN).read_bytes())
    except (OSError, ValueError, NameError):
        return None
    if hasattr(found, "not_valid_after_utc"):
        return found.not_valid_after_utc
    # cryptography before 42 knows no time zones.
    return found.not_valid_after.replace(tzinfo=datetime.timezone.utc)


def is_good(folder: Path, source: str, now: datetime.datetime) -> bool:
    """Tell whether there is a certificate that need not be made anew."""
    end = expiry(folder)
    return end is not None and end - now > (_RENEW if source == SELFSIGNED else datetime.timedelta())


def served(app: str) -> dict[str, Any] | None:
    """Return the certificate that nginx reads of an app: when it ends, and whether certbot renews it; or None."""
    link = link_of(app)
    end = expiry(link) if link.is_symlink() else None
    if end is None:
        return None
    return {"ends": end.isoformat(timespec="seconds"), "renewed": link.readlink().parent == CERTBOT}


def write_given(wanted: Wanted, certificate: str, key: str, stapled: bool, check_mode: bool) -> bool:
    """Write a certificate that somebody gives; tell whether it was not there."""
    files = {CHAIN: _lines(certificate), KEY: _lines(key)} | ({STAPLING: b"ssl_stapling on;\n"} if stapled else {})
    if all(_content(wanted.folder / name) == content for name, content in files.items()):
        return False
    if not check_mode:
        note_change()
        make_folder(wanted.folder)
        for name, content in files.items():
            write_file(wanted.folder / name, content, "root", "root", 0o600)
    return True


def make_folder(folder: Path) -> None:
    """Make a folder of ours, with those above it: root alone looks into them."""
    for path in (ROOT, folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)


def choose(wanted: Wanted, now: datetime.datetime) -> Path | None:
    """Return the folder that nginx shall read: the wanted one, else the one that it reads, else the stopgap."""
    if is_good(wanted.folder, wanted.source, now):
        return wanted.folder
    served = link_of(wanted.app)
    if served.is_symlink() and is_good(served, "", now):
        return served.readlink()
    return wanted.stopgap.folder if is_good(wanted.stopgap.folder, SELFSIGNED, now) else None


def lead_to(app: str, folder: Path | None, check_mode: bool, run: Run) -> bool:
    """Let the link of an app lead to a folder, or be gone; tell whether that changes something.

    What it led to goes, unless another app has it.
    """
    link = link_of(app)
    before = link.readlink() if link.is_symlink() else None
    if before == folder:
        return False
    if check_mode:
        return True
    if folder is None:
        link.unlink()
    else:
        note_change()
        make_folder(link.parent)
        point_link(link, str(folder))
    if before is not None:
        _drop(before, run)
    return True


def note_change() -> None:
    """Leave a mark that lets the end of the run reload nginx, which has read what is about to change."""
    make_directory(managed.PENDING)
    (managed.PENDING / "apps").touch()


def linked() -> list[str]:
    """Return the names of the apps that have a certificate."""
    return sorted(link.name for link in _links())


def tidy(run: Run, now: datetime.datetime) -> None:
    """Remove what runs have left that did not come to their end; what is younger, another run may be about to use."""
    for place in (ROOT / "issued", CERTBOT):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            age = now.timestamp() - folder.lstat().st_mtime
            if _NAME.fullmatch(folder.name) and age > _LEFT_OVER:
                _drop(folder, run)


def _drop(folder: Path, run: Run) -> None:
    """Remove a certificate of ours that no app has; certbot removes its own."""
    if not _NAME.fullmatch(folder.name) or folder in {link.readlink() for link in _links()}:
        return
    if folder.parent == CERTBOT:
        # Where somebody has removed it, nothing renews what it has left, and nothing but it may take that away.
        if shutil.which("certbot") is None:
            return
        run(["certbot", "delete", "--non-interactive", "--cert-name", folder.name])
    else:
        remove_tree(folder)


def _links() -> list[Path]:
    apps = ROOT / "apps"
    return [link for link in apps.iterdir() if link.is_symlink()] if apps.is_dir() else []


def _lines(text: str) -> bytes:
    return "".join(f"{line.strip()}\n" for line in text.strip().splitlines()).encode()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
