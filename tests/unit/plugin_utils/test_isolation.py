"""How an app may be shut off, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.rendering import run_file

STRICT = {"isolation": "strict"}
ALONE = "goes with isolation: strict or server: gunicorn only; give one of them, or leave it out"
REFUSED = [
    ({"isolation": "jail"}, "isolation: 'jail' is not one of standard, strict"),
    ({"memory_max": "1g"}, f"memory_max: {ALONE}"),
    ({"cpu_quota": "50%"}, f"cpu_quota: {ALONE}"),
    ({**STRICT, "memory_max": "1gb"}, "memory_max: '1gb' is not a size; try 1g"),
    ({**STRICT, "memory_max": "512MB"}, "memory_max: '512MB' is not a size; try 512m"),
    ({**STRICT, "memory_max": 512}, "memory_max: 512 has no unit; try 512m"),
    ({**STRICT, "cpu_quota": 150}, "cpu_quota: 150 has no unit; try 150%"),
    ({**STRICT, "cpu_quota": "80"}, "cpu_quota: '80' is not a share of a processor; try 80%"),
    ({**STRICT, "memory_max": "63m"}, "memory_max: 63m is less than 64m, which no app gets along with"),
    ({**STRICT, "cpu_quota": "1.5"}, "cpu_quota: '1.5' is not a share of a processor; try 150%"),
    ({**STRICT, "cpu_quota": "4%"}, "cpu_quota: 4% is not between 5% and 51200%"),
    ({**STRICT, "cpu_quota": "51201%"}, "cpu_quota: 51201% is not between 5% and 51200%"),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(keys: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(**keys)) == [f"flask_apps[0].{message}"]


def test_limits_become_numbers() -> None:
    app = complete(minimal(**STRICT, memory_max="1g", cpu_quota="150%"))
    assert (app["memory_max"], app["cpu_quota"]) == (1024, 150)


@given(st.text())
def test_no_quota_is_more_than_a_line_of_a_unit(quota: str) -> None:
    app = minimal(**STRICT, cpu_quota=quota)
    if not mistakes(app):
        lines = run_file("release.service", complete(app)).splitlines()
        assert f"CPUQuota={complete(app)['cpu_quota']}%" in lines
