"""Variables that are `on` or `off`: YAML reads these as true and false where nobody has put quotes around them."""

from __future__ import annotations

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.emperor.flask.tests.support.rendering import render, role_variables

NGINX = {"version": "1.26.3", "openssl": "3.5.1", "http3": True, "ipv6": True}


@pytest.mark.parametrize("name", ["nginx_http3", "nginx_ipv6"])
@pytest.mark.parametrize(("written", "read"), [("on", True), ("off", False)])
def test_nginx_listens_as_it_is_meant(name: str, written: str, read: bool) -> None:
    meant, found = (
        render("nginx", "flask-listen-tls.j2", {"__nginx_info": NGINX, name: value}) for value in (written, read)
    )
    assert found == meant
    assert ({"nginx_http3": "quic", "nginx_ipv6": "[::]"}[name] in found) == read


def test_no_headers_are_none() -> None:
    meant, found = (
        render("nginx", "flask-headers.j2", {"__nginx_info": NGINX, "nginx_security_headers": value})
        for value in ("off", False)
    )
    assert found == meant


@pytest.mark.parametrize(
    ("value", "udp"), [("off", []), (False, []), ("on", [443]), (True, [443]), ("auto", [443]), (None, [])]
)
def test_the_firewall_opens_udp_for_http3_alone(value: object, udp: list[int]) -> None:
    given = {} if value is None else {"nginx_http3": value}
    variables = {**role_variables("baseline"), **given}
    web = Templar(loader=DataLoader(), variables=variables).template(trust_as_template("{{ __baseline_web }}"))
    assert [entry["port"] for entry in web if entry["protocol"] == "udp"] == udp
