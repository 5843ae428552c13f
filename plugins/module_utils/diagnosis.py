# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""From what a failed release wrote and how the emperor sees it, to what a person should do."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Iterable, Mapping
from typing import Any

_IMPORT_BEGINS = "*** Operational MODE: "
_UWSGI = re.compile(
    r"(WSGI app \d+ |unable to load app 0|\*\*\* |spawned uWSGI |announcing my loyalty|no-server mode requested|"
    r"\[uWSGI\] getting |mapped \d+ bytes|uwsgi socket \d+ |request -: status )"
)

# The first that fits wins: what is certain stands before what is likely.
_REMEDIES = (
    (
        r"the host has no Python (?P<what>[\d.]+)",
        "install /usr/local/bin/python{what}, write the path of one, or write a version that the host has",
    ),
    (
        r"ModuleNotFoundError: No module named '(?P<what>[\w.]+)'",
        "{what} is neither in the source nor installed: add it to the requirements, or name its folder in python_path",
    ),
    (
        r"KeyError: '(?P<what>[A-Z][A-Z0-9_]+)'",
        "if {what} is an environment variable, set it under environment or secrets",
    ),
    (
        r"(PermissionError|Read-only file system|Permission denied).*'(?P<what>/srv/apps/[^/']+/releases/[^']+)'",
        "the app may not write to its own code; list the folder of {what} under writable",
    ),
    (r"(SyntaxError|IndentationError|TabError): ", "the lines above name the file and the line; mend that"),
    (r"git cannot (read|fetch)", "see that the host reaches the git server, and that the version is there"),
    (
        r"(Connection refused|could not connect|Can't connect|Name or service not known|could not translate host name)",
        "a service that the app needs does not answer from this host; look at its address and its firewall",
    ),
    (r"(no such table|UndefinedTable|doesn't exist)", "the database lacks a table; let release_command make it"),
    (
        r"(uWSGI|gunicorn) ended with (217|226)$",
        "systemd cannot shut it off here; give a host in a container SYS_ADMIN and SYS_PTRACE, or isolate it less",
    ),
    (r"has no callable '(?P<what>[^']+)'", "write one of the names that were found into wsgi, after the colon"),
    (r"the import does not end", "the lines above say where it waits; import must not wait or loop"),
    (
        r"answered by release",
        "another process answers in its place, or the app overwrites X-Emperor-Release; it must not",
    ),
    (r"answered (?P<what>30\d)", "the app redirects this request; set health.path to one that answers by itself"),
    (r"answered (?P<what>40[13])", "the app wants a login for this request; set health.path to one that needs none"),
    (r"answered 404", "set health.path to an address that the app has, or health.status to what it answers"),
    (r"answered 5\d\d", "the app failed at this request; the lines above say where"),
    (r"does not contain", "set health.text to a text that the page has"),
    (
        r"(Out of memory|oom-kill|signal 9)",
        "a worker was killed, most likely for its memory; give the host more, or fewer workers",
    ),
    (
        r"(No space left on device|disk is full)",
        "make room: df -h /srv/apps; a smaller keep_releases leaves fewer old releases",
    ),
)
# What a person reads of an app's words; an app may write lines of any length.
_MOST_LINES, _LONGEST = 60, 400
# That it failed; what the app wrote says why.
_VAGUE = re.compile(r"answered (5\d\d|by release unknown)")


def remedy(cause: str, log: str, otherwise: str = "") -> str:
    """Return one sentence that says what to do; `otherwise` is what whoever runs the app would do."""
    if advice := known_remedy(cause, log):
        return advice
    if "Traceback (most recent call last)" in log:
        return "the traceback says where the app fails; mend that"
    return otherwise or "the lines above are all there is; look at the app's own log"


def known_remedy(cause: str, log: str = "") -> str:
    """Return what to do about a mistake that is known, or an empty text."""
    if cause.startswith("no answer"):
        # What was refused is our own question.
        cause = ""
    cause, log = _in_bounds(cause), _in_bounds(log)
    for text in (log, cause) if _VAGUE.match(cause) else (cause, log):
        for pattern, advice in _REMEDIES:
            matches = list(re.finditer(pattern, text))
            # A log tells the last mistake last.
            if matches and not (text is log and pattern.startswith("answered")):
                return advice.format(what=(matches[-1].groupdict().get("what") or "").removeprefix("/"))
    return ""


def _in_bounds(text: str) -> str:
    """Return the end of a text, as much as a person reads: a pattern may take the square of a line's length."""
    return "\n".join(line[:_LONGEST] for line in text[-_MOST_LINES * _LONGEST :].split("\n"))


def readable(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the end of a text as a terminal may show it: no secret, and no control character that moves or hides."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        # Before a line is cut, which could leave half a secret.
        text = text.replace(secret, "********")
    lines = text.split("\n")[-_MOST_LINES:]
    return "\n".join(visible(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…") for line in lines)


def visible(line: str) -> str:
    """Return a line with its control characters written out, so that a terminal shows and does not obey them."""
    signs = (sign if sign.isprintable() or sign == "\t" else sign.encode("unicode_escape").decode() for sign in line)
    return "".join(signs)


def own_words(log: str) -> str:
    """Return what the app wrote, without what uWSGI says of itself while it starts."""
    lines = log.splitlines()
    begin = max((number for number, line in enumerate(lines, 1) if _IMPORT_BEGINS in line), default=0)
    return "\n".join(line for line in lines[begin:] if not _UWSGI.match(line)).strip()


def traceback_of(log: str) -> str:
    """Return the last traceback of a log, rather a whole one, or an empty text."""
    lines = log.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    for start in reversed(starts):
        found = lines[start:]
        ends = [number for number, line in enumerate(found[1:], 1) if line and not line.startswith(" ")]
        if ends:
            return "\n".join(found[: ends[0] + 1])
    return "\n".join(lines[starts[-1] :]) if starts else ""


def of_os_error(error: OSError) -> str:
    """Return what to do about an error of the system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return remedy("disk is full", "")
    if error.errno == errno.EROFS:
        return "the file system is read-only; look at: dmesg"
    return "look at the path that is named, and run again"


AWAY = "see that the host is up and lets you in"


def unanswered(result: Mapping[str, Any]) -> str:
    """Return why the host gave no answer to a module, from what Ansible makes of that, or an empty text."""
    # 255 is how podman and docker say that they could run nothing, as ssh does; over ssh Ansible takes care of it.
    if result.get("rc") != 255 or str(result.get("module_stdout", "?")).strip():
        return ""
    lines = str(result.get("module_stderr") or "").strip().splitlines()
    return visible(lines[-1].removeprefix("Error: ")) if lines else "the connection ended"


def killed_by(result: Mapping[str, Any]) -> str:
    """Return the name of the signal that killed a module, from what Ansible makes of its end, or an empty text."""
    # A shell tells a signal as an exit code above 128; a module that came to an end has an answer of its own.
    number = int(result.get("rc") or 0) - 128 if "module_stdout" in result else 0
    return signal.Signals(number).name if number in set(signal.Signals) else ""
