"""Whatever uWSGI is told to call answers."""

from __future__ import annotations

from typing import Any

import pytest

from visitor import Visitor


@pytest.mark.parametrize("name", ["raw", "module", "factory", "subfolder"])
def test_it_answers(host: Any, name: str) -> None:
    answer = Visitor(host, f"{name}.localhost").get("/")
    assert (answer.status, answer.text) == (200, name)
