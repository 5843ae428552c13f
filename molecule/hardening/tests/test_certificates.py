"""How certificates come, are renewed, and go; run as an operator runs it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from door import STRANGER, Door
from inside import wait_for_listener
from pairs import Pair, make_pair
from playbooks import Run, play

testinfra_hosts = ["ansible://app"]

# Asks by TLS, each time by a new connection, until it is told that it is enough.
_ASK = """
import http.client, json, ssl, sys, threading, time
from pathlib import Path
name, enough, told = sys.argv[1], Path(sys.argv[2]), []
def ask():
    while not enough.exists():
        begin = time.monotonic()
        try:
            connection = http.client.HTTPSConnection(name, timeout=20, context=ssl._create_unverified_context())
            connection.request("GET", "/")
            serial = connection.sock.getpeercert(binary_form=True).hex()[-40:]
            status = connection.getresponse().status
            connection.close()
        except Exception as error:
            status, serial = repr(error), ""
        told.append([status, serial, time.monotonic() - begin])
        time.sleep(0.05)
threads = [threading.Thread(target=ask) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
lost = [entry for entry in told if entry[0] != 200]
print(json.dumps({"total": len(told), "lost": lost, "certificates": len({entry[1] for entry in told if entry[1]}),
    "longest": max(entry[2] for entry in told)}))
"""


@contextmanager
def asking(door: Door, app: str) -> Iterator[dict[str, Any]]:
    """Let the stranger ask an app without a pause; afterwards, what became of it."""
    told: dict[str, Any] = {}
    enough = f"/tmp/enough-{door.domain}"
    door.run(f"rm -f {enough}")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(door.run, "python3 -c %s %s %s", _ASK, f"{app}.{door.domain}", enough)
        try:
            time.sleep(1)
            yield told
            time.sleep(1)
        finally:
            door.run(f"touch {enough}")
        told.update(json.loads(asked.result()))


def deploy(host: Any, inventory: Path, **variables: str) -> Run:
    return play(inventory, "deploy", host.backend.get_hostname(), **variables)


def certificates(host: Any) -> dict[str, str]:
    """Return where the link of each app leads."""
    lines = host.check_output("find /etc/flask-certificates/apps -type l -printf '%f %l\\n'").splitlines()
    return dict(line.split() for line in lines)


def serial(door: Door, app: str) -> str:
    """Return the number of the certificate that visitors of an app see."""
    name = f"{app}.{door.domain}"
    return door.run(
        f"echo | openssl s_client -connect {name}:443 -servername {name} 2>/dev/null | openssl x509 -noout -serial"
    )


_OCSP_PORT = 2560


@contextmanager
def answering(stranger: Any, certificate: str, signer: Pair) -> Iterator[None]:
    """Let who has signed a certificate answer by OCSP that it is good."""
    leaf = x509.load_pem_x509_certificate(certificate.encode())
    index = f"V\t391231235959Z\t\t{leaf.serial_number:X}\tunknown\t/CN=given\n"
    files = {"index.txt": index, "signer.pem": signer.certificate, "signer-key.pem": signer.key}
    for name, text in files.items():
        stranger.check_output("mkdir -p /run/ocsp; printf %%s %s >/run/ocsp/%s", text, name)
    who = "-CA signer.pem -rsigner signer.pem -rkey signer-key.pem"
    respond = f"openssl ocsp -port {_OCSP_PORT} -index index.txt {who}"
    stranger.check_output(f"systemd-run --quiet --unit=ocsp --working-directory=/run/ocsp {respond}")
    try:
        # nginx asks again after minutes where nobody has answered.
        wait_for_listener(stranger, _OCSP_PORT)
        yield
    finally:
        stranger.check_output("systemctl stop ocsp")


def stapled(door: Door, app: str) -> bool:
    """Tell whether nginx sends along what the signer says; it asks after its first visitor."""
    name = f"{app}.{door.domain}"
    look = f"echo | openssl s_client -connect {name}:443 -servername {name} -status 2>/dev/null"
    for _ in range(20):
        if "OCSP Response Status: successful" in door.run(look):
            return True
        time.sleep(0.5)
    return False


@pytest.fixture
def late(host: Any, inventory: Path) -> Iterator[None]:
    """Remove the app that comes late; nothing of its certificate is left."""
    yield
    play(inventory, "remove", host.backend.get_hostname(), app="late", purge="true").good()
    assert "late" not in certificates(host)
    assert host.run("find /etc/letsencrypt /etc/flask-certificates -name '*late*' | grep .").rc == 1


def test_an_app_gets_its_certificate_in_the_run_that_brings_it(
    host: Any, door: Door, inventory: Path, late: None, figures: list[str]
) -> None:
    before = certificates(host)
    with asking(door, "guestbook") as told:
        run = deploy(host, inventory, late=f"late.{door.domain}").good()
    took = sum(task.ended - task.began for task in run.tasks if task.name == "Get a certificate")
    figures.append(f"first certificate of an app   {took:.1f} s   target: 20 s")
    assert 0 < took <= 20
    assert door.visitor("late").get("/").status == 200
    assert set(certificates(host)) - set(before) == {"late"}
    assert (told["lost"], told["certificates"]) == ([], 1), told
    again = deploy(host, inventory, late=f"late.{door.domain}").good()
    assert again.changed(host.backend.get_hostname()) == []


def test_a_name_that_the_authority_cannot_reach_harms_no_other_app(
    host: Any, door: Door, inventory: Path, late: None
) -> None:
    name = host.backend.get_hostname()
    with asking(door, "guestbook") as told:
        run = deploy(host, inventory, late="nowhere.invalid")
    assert run.code != 0
    report = run.report(name)
    assert "app late: no certificate for nowhere.invalid from https://" in report
    assert "nowhere.invalid: " in report
    assert "What to do: " in report
    assert told["lost"] == [], told
    # With a certificate that browsers warn of, so that nginx serves at all.
    assert "issued/flask-nowhere.invalid-" in certificates(host)["late"]
    assert host.run("nginx -t").rc == 0
    visitor = door.visitor("late")
    visitor.name, visitor.address = "nowhere.invalid", door.domain
    assert visitor.get("/").status == 200


def test_a_name_with_an_asterisk_is_proved_by_dns(
    host: Any, stranger: Any, door: Door, inventory: Path, late: None
) -> None:
    """The authority's host serves the DNS, and certbot changes it as the key there allows."""
    secret = stranger.check_output("sed -nE 's/.*secret \"(.*)\";/\\1/p' /etc/bind/certbot.key")
    dns = {
        "plugin": "rfc2136",
        "credentials": {
            "dns_rfc2136_server": stranger.check_output("hostname -I").split()[0],
            "dns_rfc2136_name": "certbot.",
            "dns_rfc2136_secret": secret,
            "dns_rfc2136_algorithm": "HMAC-SHA512",
        },
        "propagation": 1,
    }
    variables = {"late": f"*.late.{door.domain}", "certificates_acme_dns": dns}
    # Of all apps, all would be proved so from now on.
    options = ("--extra-vars", json.dumps(variables))
    run = play(inventory, "deploy", host.backend.get_hostname(), *options, app="late").good()
    assert secret not in run.output
    file = host.file("/etc/letsencrypt/flask-rfc2136.ini")
    assert (file.user, file.mode) == ("root", 0o600)
    visitor = door.visitor("late")
    visitor.name = f"any.late.{door.domain}"
    assert visitor.get("/").status == 200
    link = "/etc/flask-certificates/apps/late/fullchain.pem"
    names = host.check_output(f"openssl x509 -in {link} -noout -ext subjectAltName")
    assert f"DNS:*.late.{door.domain}" in names
    before = host.file(link).sha256sum
    lineage = Path(certificates(host)["late"]).name
    host.check_output(f"certbot renew --force-renewal --no-random-sleep-on-renew --cert-name {lineage}")
    assert host.file(link).sha256sum != before


def test_a_forced_renewal_loses_no_request(host: Any, door: Door, figures: list[str]) -> None:
    name = Path(certificates(host)["guestbook"]).name
    with asking(door, "guestbook") as told:
        host.check_output(f"certbot renew --force-renewal --no-random-sleep-on-renew --cert-name {name}")
        time.sleep(2)
    seen = f"{told['total']} requests, {len(told['lost'])} lost, the longest took {told['longest']:.2f} s"
    figures.append(f"renewal                       {seen}")
    assert told["lost"] == []
    assert told["total"] > 50
    assert told["certificates"] == 2, "nginx has the old one still"


def test_a_given_certificate_is_replaced(host: Any, stranger: Any, door: Door, inventory: Path, tmp_path: Path) -> None:
    before = serial(door, "given")
    name = host.backend.get_hostname()
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], name)
    signer = Pair((folder / "signer.pem").read_text("utf-8"), (folder / "signer-key.pem").read_text("utf-8"))
    pair = make_pair(f"given.{door.domain}", signer, ocsp=f"http://{STRANGER}:{_OCSP_PORT}")
    (tmp_path / "fullchain.pem").write_text(pair.certificate, "utf-8")
    (tmp_path / "privkey.pem").write_text(pair.key, "utf-8")
    with asking(door, "given") as told:
        deploy(host, inventory, app="given", given=str(tmp_path)).good()
    assert told["lost"] == []
    assert serial(door, "given") != before
    with answering(stranger, pair.certificate, signer):
        assert stapled(door, "given")
    assert [name for name in certificates(host) if name == "given"] == ["given"]
    assert host.check_output("ls /etc/flask-certificates/issued | grep -c flask-given.") == "1", "the old one is there"
    deploy(host, inventory, app="given").good()
    assert serial(door, "given") == before


def test_the_timer_renews(host: Any) -> None:
    assert host.service("certbot.timer").is_running
    assert host.service("certbot.timer").is_enabled
    assert "certbot" in host.check_output("systemctl cat certbot.service")


def test_the_stopgap_and_what_was_renewed_are_no_change(host: Any, inventory: Path) -> None:
    run = play(inventory, "site", host.backend.get_hostname()).good()
    assert run.changed(host.backend.get_hostname()) == []
