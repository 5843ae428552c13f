"""Writes down what it is told."""

from __future__ import annotations

from pathlib import Path

import uwsgi

while True:
    Path("instance/heard.txt").write_bytes(uwsgi.mule_get_msg())
