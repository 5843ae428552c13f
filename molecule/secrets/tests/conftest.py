"""Which other secrets this scenario's hosts have: none."""

from __future__ import annotations

import pytest

from sweep import More


@pytest.fixture(scope="module")
def more() -> More:
    return More()
