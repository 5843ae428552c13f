"""What a visitor may write, checked in one place for the page and for the import."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import IO

from flask import Request

from . import pictures

NAME_MAX = 80
MESSAGE_MAX = 2000


def printable(text: str) -> str:
    """Drop control characters and lone surrogates, which no database likes."""
    return "".join(
        char for char in text if char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"}
    )


def clean_name(text: str) -> str:
    """Return a name on one line, or raise `ValueError` with a message for the visitor."""
    name = printable(" ".join(text.split())).strip()
    if not name:
        raise ValueError("Please tell us your name.")
    if len(name) > NAME_MAX:
        raise ValueError(f"A name may have up to {NAME_MAX} characters; this one has {len(name)}.")
    return name


def clean_message(text: str) -> str:
    """Return a message, or raise `ValueError` with a message for the visitor."""
    message = printable("\n".join(text.expandtabs(4).splitlines())).strip()
    if not message:
        raise ValueError("Please write a message.")
    if len(message) > MESSAGE_MAX:
        raise ValueError(
            f"A message may have up to {MESSAGE_MAX} characters; this one has {len(message)}."
        )
    return message


@dataclass
class EntryForm:
    """The form on the page: what was typed, and what is wrong with it."""

    name: str = ""
    message: str = ""
    picture: IO[bytes] | None = None
    picture_type: str | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_request(cls, request: Request) -> EntryForm:
        """Take what the visitor sent; the name of the picture's file is not used."""
        upload = request.files.get("picture")
        return cls(
            name=request.form.get("name", ""),
            message=request.form.get("message", ""),
            picture=upload.stream if upload and upload.filename else None,
        )

    def validate(self, max_picture_bytes: int) -> bool:
        """Clean all fields, note every mistake, and tell whether there was none."""
        self.errors.clear()
        try:
            self.name = clean_name(self.name)
        except ValueError as error:
            self.errors["name"] = str(error)
        try:
            self.message = clean_message(self.message)
        except ValueError as error:
            self.errors["message"] = str(error)
        if self.picture is not None:
            self.picture_type = pictures.recognise(self.picture)
            if self.picture_type is None:
                self.errors["picture"] = "This file is not a PNG, JPEG, GIF or WebP picture."
            elif pictures.size(self.picture) > max_picture_bytes:
                self.errors["picture"] = "This picture is too large."
        return not self.errors
