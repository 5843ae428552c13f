"""What apps bring of Python and its packages: side by side, nothing of one is in the other."""

from __future__ import annotations

from typing import Any

from visitor import Visitor

VINTAGE, MODERN = "vintage", "modern"
FLASK_1 = {
    "flask": "1.1.1",
    "werkzeug": "0.16.0",
    "jinja2": "2.11.3",
    "markupsafe": "1.1.1",
    "itsdangerous": "1.1.0",
    "click": "7.1.2",
}


def about(host: Any, app: str) -> dict[str, Any]:
    """Ask an app, which tells what it runs on."""
    answer = Visitor(host, f"{app}.localhost").get("/")
    assert answer.status == 200, answer
    return dict(answer.json)


# --- packages


def test_an_app_of_the_first_flask_runs_beside_one_of_today(host: Any) -> None:
    old, new = about(host, VINTAGE), about(host, MODERN)
    assert {name: old["packages"][name] for name in FLASK_1} == FLASK_1
    assert new["packages"]["flask"].startswith("3.1.")
    assert old["python"] == new["python"]


def test_what_both_do_is_the_same(host: Any) -> None:
    for app in (VINTAGE, MODERN):
        visitor = Visitor(host, f"{app}.localhost")
        pages = [visitor.get("/page/3").text for _ in range(2)]
        assert pages == ["0,1,2,&lt;&amp;&gt; /page/9 1", "0,1,2,&lt;&amp;&gt; /page/9 2"]
