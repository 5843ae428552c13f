"""What certbot's plugin reads of a DNS server."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.acme_dns import flaws
from ansible_collections.emperor.flask.tests.support.rendering import render

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dns_x_secret", f"{SECRET}\ndns_x_server = 192.0.2.66", "dns_x_secret: holds the end of a line"),
        ("dns_x_secret", f"{SECRET}\x00", "dns_x_secret: holds the end of a line, or another sign"),
        ("dns_x_secret", f"{SECRET}'\"", "dns_x_secret: holds quotes of both kinds"),
        ("dns_x_secret", f"{SECRET}%(home)s", "dns_x_secret: holds '%(…)s'"),
        ("dns_x_secret", "", "dns_x_secret: is no text; write one"),
        ("dns_x_secret", None, "dns_x_secret: is no text"),
        ("dns_x_secret", [SECRET], "dns_x_secret: is no text"),
        ("dns x", SECRET, "'dns x': is no name of a setting"),
        ("x\ny", SECRET, "'x\\ny': is no name of a setting"),
    ],
)
def test_what_certbot_would_read_as_something_else_is_refused_untold(name: str, value: object, said: str) -> None:
    [found] = flaws({"plugin": "x", "credentials": {name: value}})
    assert found.startswith(f"certificates_acme_dns.credentials.{said}")
    assert SECRET not in found


@pytest.mark.parametrize(
    "given", [None, {}, {"plugin": "route53"}, {"credentials": None}, {"credentials": "text"}, "x"]
)
def test_without_credentials_there_is_nothing_to_say(given: object) -> None:
    assert flaws(given) == []


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("cGFz#cw==", 'key = "cGFz#cw=="'),
        ("it's", 'key = "it\'s"'),
        ('a "b" c', "key = 'a \"b\" c'"),
        ("100%", 'key = "100%"'),
        (4711, 'key = "4711"'),
    ],
)
def test_all_else_is_written_as_it_is(value: object, line: str) -> None:
    given = {"plugin": "x", "credentials": {"key": value}}
    assert flaws(given) == []
    assert render("certificates", "credentials.ini.j2", {"certificates_acme_dns": given}).splitlines()[-1] == line
