"""What visitors get of TLS, and what they do not."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from door import STRANGER, Door, domain_of
from outside import on_each

testinfra_hosts = ["ansible://app"]

# It ends with an error where the handshake does, and says why.
_HANDSHAKE = "echo | timeout 20 openssl s_client -connect {domain}:443 {options} 2>&1 || echo refused"


def handshake(door: Door, name: str, options: str = "") -> str:
    """Return what openssl tells of a handshake."""
    return door.run(_HANDSHAKE.format(domain=door.domain, options=f"-servername {shlex.quote(name)} {options}"))


def subjects(said: str) -> str:
    return said.partition("Certificate chain")[2].partition("---")[0]


# --- who gets which certificate


def test_the_authority_has_signed_the_first_certificate_in_the_first_run(door: Door) -> None:
    said = handshake(door, f"guestbook.{door.domain}")
    assert "Pebble Intermediate CA" in subjects(said)
    names = door.run(
        f"echo | openssl s_client -connect {door.domain}:443 -servername book.{door.domain} 2>/dev/null"
        " | openssl x509 -noout -ext subjectAltName"
    )
    found = set(re.findall(r"DNS:(\S+?),?(?:\s|$)", names))
    assert found == {f"{name}.{door.domain}" for name in ("guestbook", "book", "www.guestbook")}


def test_one_that_the_inventory_gives_is_sent_with_who_signed_it(door: Door) -> None:
    said = subjects(handshake(door, f"given.{door.domain}"))
    assert f"CN = given.{door.domain}" in said.replace("CN=", "CN = ")
    assert said.count(" s:") == 2
    assert "The tests' authority" in said


def test_a_development_host_signs_by_itself(host: Any, door: Door) -> None:
    said = handshake(door, "signed.localhost")
    assert f"emperor.flask on {host.backend.get_hostname()}"[:40] in subjects(said)
    authority = "/etc/flask-certificates/authority/fullchain.pem"
    link = "/etc/flask-certificates/apps/signed/fullchain.pem"
    assert host.check_output(f"openssl verify -CAfile {authority} {link}").endswith(": OK")


@pytest.mark.parametrize("name", ["-servername plain.{domain}", "-servername unknown.example.org", "-noservername"])
def test_a_name_without_a_certificate_sees_none(door: Door, name: str) -> None:
    said = door.run(_HANDSHAKE.format(domain=door.domain, options=name.format(domain=door.domain)))
    assert "no peer certificate available" in said
    assert "unrecognized name" in said, said


def test_keys_are_roots_alone(host: Any) -> None:
    found = host.check_output(
        "find /etc/flask-certificates /etc/letsencrypt -name '*.pem' -type f -exec grep -l 'PRIVATE KEY' {} +"
    ).split()
    # Those of four apps, of the authority of the host, and of the account; a renewal leaves the one before.
    assert len(found) >= 5, found
    for path in found:
        file = host.file(path)
        assert (file.user, file.group, file.mode) == ("root", "root", 0o600), path
    for path in ("/etc/flask-certificates", "/etc/letsencrypt/live", "/etc/letsencrypt/archive"):
        assert host.file(path).mode == 0o700, path


# --- what is spoken


def test_a_request_without_tls_is_sent_to_the_same_address_with_it(door: Door) -> None:
    answer = door.visitor("book", tls=False).get("/entries?page=2&x=%2F")
    assert (answer.status, answer.header("Location")) == (301, f"https://book.{door.domain}/entries?page=2&x=%2F")
    moved = door.visitor("www.guestbook").get("/a?b")
    assert (moved.status, moved.header("Location")) == (301, f"https://guestbook.{door.domain}/a?b")


def test_the_app_knows_that_it_is_asked_by_tls(door: Door) -> None:
    cookie = next(value for name, value in door.visitor("guestbook").get("/").headers if name.lower() == "set-cookie")
    assert "Secure" in cookie


@pytest.mark.parametrize(
    ("version", "spoken"), [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)]
)
def test_versions(door: Door, version: str, spoken: bool) -> None:
    # What the stranger's own library takes for unsafe, it would not even offer.
    said = handshake(door, f"guestbook.{door.domain}", f"{version} -cipher DEFAULT@SECLEVEL=0")
    assert ("Verification" in said and "Cipher is (NONE)" not in said) == spoken, said


def test_http2_and_where_nginx_has_it_http3(host: Any, door: Door) -> None:
    url = f"https://guestbook.{door.domain}/"
    write = "-sk -o /dev/null -w '%{http_version} %{http_code}'"
    assert door.run(f"curl --http2 {write} {url}") == "2 200"
    if "--with-http_v3_module" in host.run("nginx -V").stderr:
        assert door.run(f"curl --http3-only {write} {url}") == "3 200"
        assert "h3=" in str(door.visitor("guestbook").get("/").header("Alt-Svc"))


# --- headers


def test_browsers_are_told_what_to_refuse(door: Door) -> None:
    answer = door.visitor("given").get("/")
    assert answer.header("Strict-Transport-Security") == "max-age=63072000"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    # As its description has them.
    assert (answer.header("X-Frame-Options"), answer.header("Referrer-Policy")) == ("DENY", None)


def test_what_the_app_says_itself_is_said_once(door: Door) -> None:
    answer = door.visitor("guestbook").get("/")
    assert answer.header("Referrer-Policy") == "same-origin"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    static = door.visitor("guestbook").get("/static/style.css")
    assert (static.status, static.header("X-Content-Type-Options")) == (200, "nosniff")
    assert static.header("Strict-Transport-Security") == "max-age=63072000"


def test_nobody_is_bound_to_tls_who_was_asked_without_or_by_a_certificate_of_the_host(door: Door) -> None:
    assert door.visitor("plain", tls=False).get("/").header("Strict-Transport-Security") is None
    visitor = door.visitor("signed")
    visitor.name = "signed.localhost"
    visitor.address = door.domain
    answer = visitor.get("/")
    assert (answer.status, answer.header("Strict-Transport-Security")) == (200, None)


# --- what a tool says of it all


@pytest.fixture(scope="session")
def ratings(stranger: Any, hosts: list[str]) -> dict[str, dict[str, Any]]:
    """What testssl has found on each host, by the id of each finding."""
    stranger.check_output("curl -sk -o /tmp/root.pem https://localhost:15000/roots/0")

    def rate(host: str) -> dict[str, Any]:
        domain = domain_of(host)
        look = f"testssl --quiet --color 0 --add-ca /tmp/root.pem --jsonfile /tmp/{domain}.json guestbook.{domain}"
        # Its code is the number of what it finds worth a remark.
        stranger.run(f"rm -f /tmp/{domain}.json; {look}")
        return {entry["id"]: entry for entry in json.loads(stranger.file(f"/tmp/{domain}.json").content_string)}

    return on_each([host for host in hosts if host != STRANGER], rate)


@pytest.fixture
def rated(host: Any, ratings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return ratings[host.backend.get_hostname()]


def test_testssl_gives_the_best_grade(rated: dict[str, Any], figures: list[str]) -> None:
    figures.append(
        f"testssl                       {rated['overall_grade']['finding']}, {rated['final_score']['finding']} of 100"
    )
    assert rated["overall_grade"]["finding"] == "A+", rated["overall_grade"]


def test_nothing_old_is_offered(rated: dict[str, Any]) -> None:
    offered = {name: rated[name]["finding"] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1")}
    assert set(offered.values()) <= {"not offered", "not offered (OK)"}, offered
    for kind in ("NULL", "aNULL", "EXPORT", "LOW", "3DES_IDEA", "OBSOLETED"):
        assert rated[f"cipherlist_{kind}"]["finding"].startswith("not offered"), rated[f"cipherlist_{kind}"]


def test_no_suite_has_cbc(rated: dict[str, Any]) -> None:
    suites = {key: entry["finding"] for key, entry in rated.items() if key.startswith("cipher-tls1_")}
    assert len(suites) >= 6, suites
    assert [finding for finding in suites.values() if "CBC" in finding] == []
