#!/usr/bin/env python3
"""Fetch a site as a visitor does: its health, then its front page.

tools/visit.py http://127.0.0.1:18008/
"""

from __future__ import annotations

import re
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import ProxyHandler, build_opener

PATIENCE = 15


def fetch(address: str) -> tuple[int, str]:
    # The development host is on this machine: no proxy can reach it.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(address, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def visit(address: str) -> tuple[int, str]:
    """Fetch, and be patient with a host that has just started."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            status, text = fetch(address)
            problem = "" if status == 200 else f"answered {status}: {text.strip()[:200]}"
        except (OSError, HTTPException) as error:
            status, text, problem = 0, "", f"does not answer: {error}"
        if not problem:
            return status, text
        if time.monotonic() > deadline:
            sys.exit(f"visit: {address} {problem}")
        time.sleep(0.5)


def main() -> None:
    site = sys.argv[1]
    for path in ("healthz", "."):
        address = urljoin(site, path)
        status, text = visit(address)
        title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        shown = " ".join((title.group(1) if title else text).split())
        print(f"{status} {address}  {shown[:100]}")
    print(f"\nThe site is up: {site}")


if __name__ == "__main__":
    main()
