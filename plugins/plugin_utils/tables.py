# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tables for a terminal: aligned, one line a row, no wider than asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """`right` aligns numbers; `least` is the width that it may be cut to (0: never), `ends` then keeps both ends."""

    title: str
    right: bool = False
    least: int = 0
    ends: bool = False


def clean(value: Any) -> str:
    """Return a value on one line, without anything that a terminal would obey."""
    text = " ".join(str(value).split())
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def table(columns: Sequence[Column], rows: Sequence[Sequence[Any]], width: int = WIDTH) -> list[str]:
    """Return the lines of a table, its titles first. None is shown as a dash."""
    cells = [[column.title for column in columns]]
    cells += [["-" if value is None or value == "" else clean(value) for value in row] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    excess = sum(widths) + len(_GAP) * (len(columns) - 1) - width
    while excess > 0:
        # From the widest that may be cut, so that short ones stay whole.
        cuttable = [index for index, column in enumerate(columns) if column.least and widths[index] > column.least]
        if not cuttable:
            break
        widths[max(cuttable, key=lambda index: widths[index])] -= 1
        excess -= 1
    return [_line(columns, row, widths) for row in cells]


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for column, text, width in zip(columns, row, widths, strict=True):
        short = text if len(text) <= width else _cut(text, width, column.ends)
        parts.append(short.rjust(width) if column.right else short.ljust(width))
    return _GAP.join(parts).rstrip()


def _cut(text: str, width: int, ends: bool) -> str:
    if not ends:
        return text[: width - 1] + "…"
    # Hosts differ at the begin or at the end of their names.
    tail = width // 2
    return text[: width - tail - 1] + "…" + text[-tail:]


def duration(seconds: int | None) -> str | None:
    """Return a time in its largest unit, such as `5m` or `3d`."""
    if seconds is None:
        return None
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def mebibytes(count: int | None) -> str | None:
    """Return bytes as MiB."""
    return None if count is None else f"{count / (1 << 20):.0f}M"
