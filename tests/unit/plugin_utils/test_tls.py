"""How an app is reached by TLS: what may be given, and what is said about the rest."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.pem import covers
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import unproved, untimely
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.certificates import (
    Pair,
    authority,
    certificate,
    key_of,
    pair,
    pem,
    weak_key,
)

NAMES = ["shop.example.org", "*.shop.example.org"]
GOOD = pair(NAMES)
LEAF, KEY = certificate(NAMES), GOOD.key
# No library of today signs like this: openssl x509 -req -sha1
SHA1 = """\
-----BEGIN CERTIFICATE-----
MIIBKjCB0QIULPrU9QVisBk4NPe6roWcU25df0swCQYHKoZIzj0EATAUMRIwEAYD
VQQDDAlhdXRob3JpdHkwIBcNMjYxMTIyMDMzODAzWhgPMjEyNjEwMjkwMzM4MDNa
MBsxGTAXBgNVBAMMEHNob3AuZXhhbXBsZS5vcmcwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ59sqo95oQHxX03jFazd16UmxARfQodr4uEYavIYlmsFRJ1axbEhJX
C6DiLEhVGRXIK0ZAPT9y8insrTd4cbiSMAkGByqGSM49BAEDSQAwRgIhAP1/5dya
uAYOyM8JEmHvpu5nLYUwG07DRdS77+axBVXLAiEAuwNRb9zqmOvEba1D1mylVUqT
bY6OIOoLWIerBapfkns=
-----END CERTIFICATE-----
"""
AGAIN = "is cut off or changed on the way; copy the whole file again"


def given(certificate: Any = GOOD.certificate, key: Any = KEY, **changes: Any) -> dict[str, Any]:
    app = minimal(domains=NAMES, tls="files", certificate=certificate, certificate_key=key)
    return {name: value for name, value in {**app, **changes}.items() if value is not None}


def said_of(certificate: Any = GOOD.certificate, key: Any = KEY, **changes: Any) -> str:
    [line] = mistakes(given(certificate, key, **changes))
    return line.removeprefix("flask_apps[0].")


# --- acme


@pytest.mark.parametrize("name", ["localhost", "shop.localhost", "*.shop.localhost", "192.0.2.7"])
@pytest.mark.parametrize("key", ["domains", "redirect_domains"])
def test_no_authority_reaches_names_of_this_host_and_addresses(key: str, name: str) -> None:
    app = minimal(tls="acme", **{"domains": ["shop.example.org"], key: [name]})
    assert mistakes(app) == [
        f"flask_apps[0].tls: acme has no certificate for {name}; use selfsigned or 'off'"
        + ("" if app["domains"] else ", or give domains")
    ]
    assert mistakes({**app, "tls": "selfsigned"}) == []


def test_an_app_without_domains_is_told_to_give_some() -> None:
    assert mistakes(minimal(tls="acme")) == [
        "flask_apps[0].tls: acme has no certificate for shop.localhost; use selfsigned or 'off', or give domains"
    ]


@pytest.mark.parametrize("name", ["localhost.example.org", "notlocalhost", "1.example.org"])
def test_names_that_only_look_alike_are_taken(name: str) -> None:
    assert mistakes(minimal(tls="acme", domains=[name])) == []


def test_a_certificate_has_100_names_at_most() -> None:
    names = [f"a{number}.example.org" for number in range(99)]
    full = minimal(tls="acme", domains=names, redirect_domains=["www.example.org"])
    assert mistakes(full) == []
    more = {**full, "redirect_domains": ["www.example.org", "www.example.net"]}
    many = "101 names, with redirect_domains, and acme has at most 100 in a certificate"
    assert mistakes(more) == [f"flask_apps[0].domains: {many}; use a name with '*.'"]
    assert mistakes({**more, "tls": "selfsigned"}) == []


def test_a_pattern_is_proved_by_dns_alone() -> None:
    app = minimal(domains=NAMES, redirect_domains=["*.example.net"])
    how = "acme proves a name with '*' by DNS alone; set certificates_acme_dns with its plugin, or list each name"
    assert unproved(complete({**app, "tls": "acme"})) == [
        f"app shop: domains: *.shop.example.org: {how}",
        f"app shop: redirect_domains: *.example.net: {how}",
    ]
    assert unproved(complete({**app, "tls": "selfsigned"})) == []
    assert unproved(complete(minimal(tls="acme", domains=["shop.example.org"]))) == []


# --- what holds for all


def test_off_is_no_boolean() -> None:
    """YAML reads it as one."""
    assert complete(minimal(tls=False))["tls"] == "off"
    assert "true is not one of" in mistakes(minimal(tls=True))[0]


def test_an_app_that_says_nothing_of_it_has_that_of_the_host() -> None:
    apps = [minimal(name="a", domains=["a.test"]), minimal(name="b", domains=["b.test"], tls="selfsigned")]
    assert [app["tls"] for app in read_apps(apps, tls="acme")] == ["acme", "selfsigned"]
    assert [app["tls"] for app in read_apps(apps)] == ["off", "selfsigned"]


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(["acme", "selfsigned", "off"], 2)])
def test_apps_that_share_their_names_share_how_these_are_reached(first: str, second: str) -> None:
    apps = [
        minimal(name=name, mount=f"/{name}", domains=["x.example.org"], tls=tls)
        for name, tls in (("a", first), ("b", second))
    ]
    assert mistakes(*apps) == [
        f"flask_apps[1].tls: is {second}, and {first} for app a, which has the same domains; give both the same"
    ]
    assert mistakes(apps[0], {**apps[1], "tls": first}) == []
    assert mistakes(apps[0], {**apps[1], "domains": ["y.example.org"]}) == []


@pytest.mark.parametrize("key", ["domains", "redirect_domains"])
def test_no_pattern_of_another_app_answers_by_tls_for_one_without(key: str) -> None:
    names = {"domains": ["x.test"], key: ["shop.example.org"]}
    plain = minimal(name="a", tls="off", **names)
    wide = minimal(name="b", tls="selfsigned", domains=["*.example.org"])
    [said] = mistakes(plain, wide)
    answers = "app b would answer https://shop.example.org by its *.example.org"
    assert said == f"flask_apps[0].tls: is off, and {answers}; give this one tls, too"
    assert mistakes({**plain, "tls": "selfsigned"}, wide) == []
    assert mistakes(plain, {**wide, "tls": "off"}) == []
    assert mistakes(plain, {**wide, "domains": ["*.example.test"]}) == []


# --- files


def test_a_good_one_is_taken() -> None:
    assert mistakes(given()) == []
    assert mistakes(given(domains=NAMES[:1], redirect_domains=["www.shop.example.org"])) == []


@pytest.mark.parametrize("tls", ["acme", "selfsigned", "off"])
@pytest.mark.parametrize("key", ["certificate", "certificate_key"])
def test_what_is_given_goes_with_files(tls: str, key: str) -> None:
    app = minimal(domains=["shop.example.org"], tls=tls, **{key: KEY})
    assert mistakes(app) == [
        f"flask_apps[0].{key}: goes with tls: files, and tls is {tls}; leave one of them out",
    ]


@pytest.mark.parametrize("key", ["certificate", "certificate_key"])
@pytest.mark.parametrize("value", [None, ""])
def test_both_are_needed(key: str, value: str | None) -> None:
    assert mistakes(given(**{key: value})) == [
        f"flask_apps[0].{key}: is missing; with tls: files, give the text in PEM, or a file on the controller"
    ]


@pytest.mark.parametrize("path", ["/etc/ssl/shop.pem", "files/shop.pem"])
def test_a_path_is_no_certificate(path: str) -> None:
    assert said_of(path) == (
        "certificate: is no certificate; give its text in PEM, such as \"{{ lookup('ansible.builtin.file', "
        "'shop.pem') }}\""
    )
    assert said_of(key=path) == (
        "certificate_key: is no private key; give its text in PEM, from a vault file, after 'certificate_key: |'"
    )


@pytest.mark.parametrize("cut", [LEAF[:400], LEAF[:-30], LEAF.replace("M", "N", 1), LEAF + authority()[:200]])
def test_one_that_is_cut_off_is_told_as_such(cut: str) -> None:
    assert said_of(cut) == f"certificate: {AGAIN}"


def test_a_key_that_is_cut_off_is_told_as_such() -> None:
    assert said_of(key=KEY[:120]) == f"certificate_key: {AGAIN}"


def test_nobody_types_a_passphrase() -> None:
    assert said_of(key=pem(key_of(NAMES[0]), b"secret")) == (
        "certificate_key: has a passphrase, which nobody could type; take it off: "
        "openssl pkey -in key.pem -out open.pem"
    )


def test_the_key_of_another_is_refused() -> None:
    assert said_of(key=pem(key_of("another"))) == (
        "certificate_key: key does not match the certificate of shop.example.org; give the key that it was made with"
    )


def test_a_certificate_with_its_key_in_it_is_refused() -> None:
    """Ansible would show the one that is no secret."""
    assert said_of(KEY + GOOD.certificate) == (
        "certificate: has a private key in it; move that into certificate_key, and into a vault file"
    )


def test_times() -> None:
    def said(text: str) -> str:
        [line] = untimely(complete(given(text)))
        return line

    expired, early = (pair(NAMES, days) for days in ((-90, -1), (1, 90)))
    assert "app shop: certificate: the certificate of shop.example.org has expired on 20" in said(expired.certificate)
    assert " UTC on, not yet" in said(early.certificate)
    old = certificate([], key_of("authority"), (-9, -1), "root", "authority")
    assert "app shop: certificate: certificate 2 of the chain has expired on 20" in said(LEAF + old)
    assert untimely(complete(given())) == []
    assert untimely(complete(minimal(tls="acme", domains=NAMES[:1]))) == []


def test_time_that_passes_makes_no_description_wrong() -> None:
    """Else a certificate of one app would keep another from being rolled back."""
    assert mistakes(given(pair(NAMES, (-90, -1)).certificate)) == []


@pytest.mark.parametrize(
    ("names", "domains", "missing"),
    [
        (["shop.example.org"], NAMES, "*.shop.example.org"),
        (["*.shop.example.org"], NAMES, "shop.example.org"),
        (["*.example.org"], ["a.shop.example.org"], "a.shop.example.org"),
        (["*.example.org"], ["*.shop.example.org"], "*.shop.example.org"),
        (["shop.example.org"], ["shop.example.net"], "shop.example.net"),
        (["192.0.2.7"], ["192.0.2.8"], "192.0.2.8"),
    ],
)
def test_a_name_that_it_is_not_for(names: list[str], domains: list[str], missing: str) -> None:
    found = said_of(*vars(pair(names)).values(), domains=domains)
    assert found == f"certificate: is not for {missing}, but for {', '.join(names)}"


@pytest.mark.parametrize(
    ("names", "domains"),
    [(["*.example.org"], ["shop.example.org"]), (["192.0.2.7"], ["192.0.2.7"]), (NAMES, NAMES), (NAMES, NAMES[:1])],
)
def test_a_name_that_it_is_for(names: list[str], domains: list[str]) -> None:
    made = pair(names)
    assert mistakes(given(made.certificate, made.key, domains=domains)) == []
    assert covers(made.certificate, domains)
    assert not covers(made.certificate, [*domains, "other.example.net"])


def test_a_certificate_without_names_is_for_none() -> None:
    """Browsers read the common name no more."""
    bare = certificate([], key_of(NAMES[0]), subject=NAMES[0]) + authority()
    assert said_of(bare, domains=NAMES[:1]) == f"certificate: is not for {NAMES[0]}, but for no name at all"


def test_the_order_of_a_chain() -> None:
    why = "has not signed the one before it; the order is the certificate, then what signed it, and so on"
    root = authority("root")
    assert mistakes(given(LEAF + authority() + root)) == []
    assert said_of(LEAF + root + authority()) == f"certificate: certificate 2 of the chain {why}"
    assert said_of(LEAF + authority() + authority()) == f"certificate: certificate 3 of the chain {why}"
    # What signed it comes first: its key is another.
    assert "key does not match" in said_of(authority() + LEAF)


def test_a_chain_is_needed_but_by_one_that_signs_itself() -> None:
    assert said_of(LEAF) == "certificate: has no chain; put the certificates of who signed it below it (fullchain.pem)"
    itself = certificate(NAMES, signer=NAMES[0])
    assert mistakes(given(itself)) == []


def test_what_nginx_would_not_start_with_is_refused() -> None:
    short = certificate(NAMES, weak_key()) + authority()
    assert said_of(short, pem(weak_key())) == (
        "certificate: the certificate of shop.example.org has an RSA key of 1024 bits, which nginx refuses; "
        "get a new one"
    )
    assert said_of(SHA1) == (
        "certificate: the certificate of shop.example.org has a signature by SHA1, which nginx refuses; get a new one"
    )
    weak = certificate([], weak_key(), signer="root", subject="authority")
    assert "certificate 2 of the chain has an RSA key of 1024 bits" in said_of(LEAF + weak)


def test_what_stands_around_a_certificate_is_no_matter() -> None:
    """As openssl writes it."""
    told = "subject=CN = shop\n\n" + LEAF.replace("\n", "\r\n") + "\nissuer=CN = authority\n" + authority()
    assert mistakes(given(told)) == []
    curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert mistakes(given(key=curve + KEY)) == []


BAD: dict[str, Pair] = {
    "cut": Pair(GOOD.certificate, KEY[:120]),
    "of another": Pair(GOOD.certificate, pem(ec.generate_private_key(ec.SECP256R1()))),
    "in both": Pair(KEY + GOOD.certificate, KEY),
    "in the wrong place": Pair(KEY, GOOD.certificate),
    "without its frame": Pair(GOOD.certificate, "".join(KEY.splitlines()[1:-1])),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_no_message_shows_a_key(bad: Pair) -> None:
    said = "\n".join(mistakes(given(bad.certificate, bad.key)))
    assert said
    lines = [line for text in (KEY, bad.key) for line in text.splitlines() if "-----" not in line]
    assert [line for line in lines if line[:16] in said] == []


@pytest.mark.parametrize("value", [5, True, ["canary-4711"], {"canary-4711": 1}])
def test_a_key_that_is_no_text_is_not_shown(value: Any) -> None:
    said = "\n".join(mistakes(given(key=value)))
    assert "flask_apps[0].certificate_key: " in said
    assert "canary" not in said
