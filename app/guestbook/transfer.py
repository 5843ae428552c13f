"""Entries as JSON: a document for export, and the strict way back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import pictures
from .forms import clean_message, clean_name
from .models import Entry

VERSION = 1
FIELDS = {"name", "message", "picture", "created_at"}


class ImportFailed(Exception):  # noqa: N818 - an outcome, not a bug
    """Nothing can be imported; ``problems`` says why, one line for each mistake."""

    def __init__(self, *problems: str) -> None:
        """Keep the list of mistakes."""
        super().__init__("\n".join(problems))
        self.problems = problems


def dump(entries: Iterable[Entry]) -> str:
    """Write entries as a JSON document."""
    document = {
        "version": VERSION,
        "entries": [
            {
                "name": entry.name,
                "message": entry.message,
                "picture": entry.picture,
                "created_at": entry.created_at.isoformat(),
            }
            for entry in entries
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def load(content: bytes) -> list[Entry]:
    """Read a JSON document; raise `ImportFailed` with every mistake that is in it."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ImportFailed(f"not a JSON document: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("entries"), list):
        raise ImportFailed('not an export of a guestbook: there is no list "entries"')
    if document.get("version") != VERSION:
        raise ImportFailed(f'the "version" is not {VERSION}: {document.get("version")!r}')

    entries: list[Entry] = []
    problems: list[str] = []
    taken: set[str] = set()
    for number, item in enumerate(document["entries"], start=1):
        try:
            entry = load_entry(item)
            if entry.picture in taken:
                raise ValueError(f"picture: {entry.picture} is used twice")
        except ValueError as error:
            problems.append(f"entry {number}: {error}")
        else:
            entries.append(entry)
            if entry.picture:
                taken.add(entry.picture)
    if problems:
        raise ImportFailed(*problems)
    return entries


def load_entry(item: Any) -> Entry:
    """Read one entry; raise `ValueError` if it could not have been written on the page."""
    if not isinstance(item, dict):
        raise ValueError("not an object")
    if unknown := sorted(item.keys() - FIELDS):
        raise ValueError(f"unknown field: {', '.join(unknown)}")
    for name in ("name", "message", "created_at"):
        if not isinstance(item.get(name), str):
            raise ValueError(f"{name}: not a text")
    return Entry(
        name=clean_name(item["name"]),
        message=clean_message(item["message"]),
        picture=load_picture(item.get("picture")),
        created_at=load_time(item["created_at"]),
    )


def load_picture(name: Any) -> str | None:
    """Accept only the name of a picture that is stored here."""
    if name is None:
        return None
    if not isinstance(name, str) or not pictures.exists(name):
        raise ValueError(f"picture: {name!r} is not in {pictures.directory()}; copy it there first")
    return name


def load_time(text: str) -> datetime:
    """Accept only a time that names its zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"created_at: {text!r} is not a time in ISO format") from None
    if time.tzinfo is None:
        raise ValueError(f"created_at: {text!r} has no time zone; add +00:00")
    return time
