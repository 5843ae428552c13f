"""Variables of the role nginx that the controller looks at."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.nginx_settings import flaws

NUMBER = "is no whole number from 0 on; leave it out for the role's own"


@pytest.mark.parametrize("name", ["nginx_hsts", "nginx_connections_per_address"])
@pytest.mark.parametrize("value", [-1, "-1", 1.5, "1d", "", None, True])
def test_what_is_no_number(name: str, value: Any) -> None:
    assert flaws({name: value}) == [f"{name}: {value!r} {NUMBER}"]


@pytest.mark.parametrize("name", ["nginx_hsts", "nginx_connections_per_address"])
@pytest.mark.parametrize("value", [0, "0", 63072000, "300"])
def test_what_is_one(name: str, value: Any) -> None:
    assert flaws({name: value}) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("proxy.example.org", "'proxy.example.org' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ("192.0.2.7/24", "'192.0.2.7/24' is no address or network; try 192.0.2.0/24"),
        ("192.0.2.0/33", "'192.0.2.0/33' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ("192.0.2.1; }", "'192.0.2.1; }' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ("unix:", "'unix:' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ("", "'' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ("0.0.0.0/0", "0.0.0.0/0 believes whatever a visitor says; list your proxies alone"),
        ("::/0", "::/0 believes whatever a visitor says; list your proxies alone"),
    ],
)
def test_what_is_no_proxy(entry: str, said: str) -> None:
    assert flaws({"nginx_trusted_proxies": ["192.0.2.0/24", entry]}) == [f"nginx_trusted_proxies[1]: {said}"]


def test_what_is_one_or_no_list_of_them() -> None:
    assert flaws({"nginx_trusted_proxies": ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"]}) == []
    assert flaws({"nginx_trusted_proxies": []}) == flaws({}) == []
    assert flaws({"nginx_trusted_proxies": "192.0.2.0/24"}) == [
        "nginx_trusted_proxies: '192.0.2.0/24' is no list; write [192.0.2.0/24]"
    ]


@pytest.mark.parametrize("given", [{"nginx_http_port": 443}, {"nginx_https_port": "80"}])
def test_the_two_ports_are_two(given: dict[str, Any]) -> None:
    [port] = given.values()
    assert flaws(given) == [f"nginx_https_port: {port} is nginx_http_port, too; take another"]
    assert flaws({"nginx_http_port": 8080, "nginx_https_port": 8443}) == []
