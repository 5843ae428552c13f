"""Reads rendered files the way nginx and uWSGI do, to see what is syntax in them."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<mark>[{};]) | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<word>(?:\\.|\$\{\w+\}|[^\s;{}\\"'])(?:\\.|\$\{\w+\}|[^\s;{}\\])*)""",
    re.VERBOSE | re.DOTALL,
)


def read_nginx(text: str) -> list[list[Any]]:
    """Return the directives: each a list of words, a block's own directives as its last element."""
    root: list[list[Any]] = []
    levels, words = [root], list[Any]()
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"nginx would stumble at {text[position : position + 40]!r}")
        position = token.end()
        mark = token["mark"]
        if mark is None:
            words += [word for word in (token["word"], token["double"], token["single"]) if word is not None]
            continue
        if mark == "}":
            if words or len(levels) == 1:
                raise ValueError(f"unexpected }} after {words}")
            levels.pop()
            continue
        if not words:
            raise ValueError(f"a {mark} without a directive")
        levels[-1].append(words)
        if mark == "{":
            words.append([])
            levels.append(words[-1])
        words = []
    if words or len(levels) != 1:
        raise ValueError(f"the file ends within a directive or a block: {words}")
    return root


def names(directives: list[list[Any]]) -> list[Any]:
    """Return the names of directives, with blocks nested."""
    return [
        (directive[0], names(directive[-1])) if isinstance(directive[-1], list) else directive[0]
        for directive in directives
    ]


def read_ini(text: str) -> list[tuple[str, str]]:
    """Return key and value of each line of the one section [uwsgi]; uWSGI takes a key more than once."""
    pairs = []
    sections = []
    for line in re.split(r"[\n\r\0]", text):
        stripped = line.strip()
        if not stripped or stripped[0] in ";#":
            continue
        if stripped[0] == "[":
            sections.append(stripped)
            continue
        key, equals, value = stripped.partition("=")
        if not equals:
            raise ValueError(f"no pair: {line!r}")
        pairs.append((key.strip(), value.strip()))
    if sections != ["[uwsgi]"]:
        raise ValueError(f"sections: {sections}")
    return pairs
