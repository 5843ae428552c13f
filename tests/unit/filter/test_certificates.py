"""Which certificates the apps of a host shall have, and why an authority gave none."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.filter.certificate_failures import FilterModule as Failures
from ansible_collections.emperor.flask.plugins.filter.certificates import FilterModule as Certificates
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal
from ansible_collections.emperor.flask.tests.support.certificates import pair
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT

certificates = Certificates().filters()["certificates"]
certificate_failures = Failures().filters()["certificate_failures"]
DIRECTORY = "https://acme.example.org/dir"


def plan(name: str, before: dict[str, Any] | None = None, action: str = "deploy", **app: Any) -> dict[str, Any]:
    """Return a plan of an app, perhaps of one that is served as it was before."""

    def described(changes: dict[str, Any]) -> dict[str, Any]:
        made = complete(minimal(**{"name": name, "domains": [f"{name}.example.org"], **changes}))
        return {key: value for key, value in made.items() if key not in ("source", "certificate", "certificate_key")}

    served = described(before) if before is not None else None
    found = {"name": name, "action": action, "id": NEXT, "served": ID}
    return {**found, "description": described(app), "served_description": served}


def test_each_app_with_tls_has_one() -> None:
    plans = [
        plan("a", tls="acme", redirect_domains=["www.a.example.org"]),
        plan("b", tls="selfsigned"),
        plan("c", tls="off"),
        plan("d"),
    ]
    assert certificates(plans) == [
        {"app": "a", "source": "acme", "domains": ["a.example.org", "www.a.example.org"]},
        {"app": "b", "source": "selfsigned", "domains": ["b.example.org"]},
    ]


def test_an_app_has_the_same_one_whether_the_run_is_about_it_alone_or_about_all() -> None:
    """Else the two kinds of runs would take it from each other, and ask an authority for another each time."""
    shared: dict[str, Any] = {"tls": "acme", "domains": ["x.example.org"]}
    plans = [plan("a", mount="/a", redirect_domains=["a.example.net"], **shared), plan("b", mount="/b", **shared)]
    together = certificates(plans)
    assert together == [*certificates(plans[:1]), *certificates(plans[1:])]
    # Each for what its own sites serve.
    assert [entry["domains"] for entry in together] == [["x.example.org", "a.example.net"], ["x.example.org"]]


def test_a_certificate_belongs_to_the_release_that_serves() -> None:
    moving = plan("a", before={"tls": "selfsigned", "domains": ["old.example.org"]}, tls="acme")
    assert certificates([moving])[0]["domains"] == ["a.example.org"]
    failures = [{"name": "a", "served": ID}]
    assert certificates([moving], failures=failures) == [
        {"app": "a", "source": "selfsigned", "domains": ["old.example.org"]}
    ]
    assert certificates([plan("a", tls="acme", action="failed")]) == [], "no release serves"


def given(*names: str, ocsp: str = "") -> dict[str, Any]:
    made = pair(names, ocsp=ocsp)
    return {"name": "a", "certificate": made.certificate, "certificate_key": made.key}


def test_one_that_is_given_comes_from_the_inventory() -> None:
    inventory = given("a.example.org") | {"tls": "files"}
    [found] = certificates([plan(**inventory)], apps=[inventory, {"name": "b"}])
    assert found["certificate"] == inventory["certificate"]
    assert inventory["certificate_key"] not in found.values(), "no_log of a module holds for its own options alone"


@pytest.mark.parametrize("ocsp", ["", "http://ocsp.example.org"])
def test_one_whose_signer_answers_by_ocsp_is_stapled(ocsp: str) -> None:
    inventory = given("a.example.org", ocsp=ocsp) | {"tls": "files"}
    [found] = certificates([plan(**inventory)], apps=[inventory])
    assert found["stapled"] == bool(ocsp)


@pytest.mark.parametrize("inventory", [[], [{"name": "a", "tls": "acme"}], [given("new.example.org")]])
def test_an_app_keeps_its_own_when_the_inventory_has_none_for_the_release_that_serves(
    inventory: list[dict[str, Any]],
) -> None:
    """It is wanted all the same: a site names it, and nginx would not start without."""
    before = {**given("a.example.org"), "tls": "files"}
    plans = [plan("a", before=before, tls="off")]
    assert certificates(plans, apps=inventory, failures=[{"name": "a", "served": ID}]) == [
        {"app": "a", "source": "files", "domains": ["a.example.org"]}
    ]


# --- what certbot says

HEAD = "Saving debug log to /var/log/letsencrypt/letsencrypt.log\nRequesting a certificate for a.example.org\n"
CHALLENGES = """
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: a.example.org
  Type:   {kind}
  Detail: {detail}

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

"""
TAIL = """Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile /var/log/letsencrypt/lets
"""
LIMIT = """An unexpected error occurred:
too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-23
"""
NXDOMAIN = "DNS problem: NXDOMAIN looking up A for a.example.org - check that a DNS record exists for this domain"
REFUSED = "192.0.2.7: Fetching http://a.example.org/.well-known/acme-challenge/x: Connection refused"
WRONG = "192.0.2.9: Invalid response from http://a.example.org/.well-known/acme-challenge/x: 404"
CAA = "CAA record for a.example.org prevents issuance"
# What certbot said, the cause and the remedy.
SAID = [
    (CHALLENGES.format(kind="dns", detail=NXDOMAIN), NXDOMAIN, "let the DNS of a.example.org lead to this host"),
    (
        CHALLENGES.format(kind="connection", detail=REFUSED),
        REFUSED,
        "let requests to port 80 of a.example.org reach this host from everywhere",
    ),
    (
        CHALLENGES.format(kind="unauthorized", detail=WRONG),
        WRONG,
        "let all addresses of a.example.org lead to this host, with nothing before it that answers instead",
    ),
    (CHALLENGES.format(kind="caa", detail=CAA), CAA, "permit this authority in the CAA records of a.example.org"),
    (
        CHALLENGES.format(kind="malformed", detail="what nobody foresaw"),
        "what nobody foresaw",
        "see /var/log/letsencrypt/letsencrypt.log on the host",
    ),
]


def reports(said: str, **more: Any) -> list[str]:
    wanted = {"apps": ["a", "b"], "domains": ["a.example.org"], "name": "flask-a.example.org-0123abcd"}
    return certificate_failures([{"rc": 1, "stdout": HEAD, "stderr": said + TAIL, "item": wanted, **more}], DIRECTORY)


@pytest.mark.parametrize(("said", "cause", "remedy"), SAID, ids=[remedy for _, _, remedy in SAID])
def test_a_report_has_cause_and_remedy(said: str, cause: str, remedy: str) -> None:
    [report] = reports(said)
    assert report.splitlines() == [
        f"app a, b: no certificate for a.example.org from {DIRECTORY}",
        f"a.example.org: {cause}",
        "It is served, with the certificate that it had before, or with one that browsers warn of if it had none.",
        f"What to do: {remedy}; then run again.",
    ]


def test_each_name_that_failed_is_told() -> None:
    both = SAID[0][0] + SAID[1][0].replace("a.example.org", "b.example.org")
    [report] = reports(both)
    assert f"a.example.org: {NXDOMAIN}\nb.example.org: " in report
    assert "lead to this host; let requests to port 80 of b.example.org" in report


def test_a_limit_is_waited_for() -> None:
    """Whatever else is said: each further try counts."""
    for said in (LIMIT, SAID[0][0] + "There were too many requests of a given type :: rate limit exceeded\n"):
        [report] = reports(said)
        remedy = "wait, as long as the authority says, and try with certificates_acme_staging: true until then"
        assert f"What to do: {remedy}; then run again." in report
    [report] = reports(LIMIT)
    assert "too many certificates (5) already issued" in report


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("certbot: error: unrecognized arguments: --dns-x-credentials\n", "unrecognized arguments: --dns-x-cred"),
        ("", "Requesting a certificate for a.example.org"),
    ],
)
def test_last_words(said: str, cause: str) -> None:
    [report] = reports(said)
    assert cause in report.splitlines()[1]
    assert "What to do: see /var/log/letsencrypt/letsencrypt.log on the host; then run again." in report
    assert "Ask for help" not in report


def test_who_said_nothing_or_got_one_is_no_riddle() -> None:
    item = {"apps": ["a"], "domains": ["a.example.org"]}
    [report] = certificate_failures([{"rc": 1, "item": item}], DIRECTORY)
    assert "certbot gave no reason" in report
    assert certificate_failures([{"rc": 0, "item": item, "stdout": SAID[0][0]}], DIRECTORY) == []
