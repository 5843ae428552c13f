"""What a source of advisories says of our pins, and what becomes of that: pip-audit against a source of our own."""

from __future__ import annotations

import datetime
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import audit
from audit import Accepted, Advisory, AuditError, judge, layers, read_accepted, read_pins, unaudited

# In the form of https://ossf.github.io/osv-schema/, and as shortened from what is published of it.
OF_JINJA2_2_11_0 = {
    "schema_version": "1.7.0",
    "id": "PYSEC-2021-66",
    "aliases": ["CVE-2020-28493", "GHSA-g3rq-g295-4j3m"],
    "summary": "Regular expression denial of service\nin the urlize filter",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.11.3"}]}],
        }
    ],
}


class Source(BaseHTTPRequestHandler):
    """Knows one vulnerability, and fails at some versions."""

    asked: list[tuple[str, str]] = []
    broken: set[str] = set()

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pin = (query["package"]["name"], query["version"])
        self.asked.append(pin)
        body = json.dumps({"vulns": [OF_JINJA2_2_11_0]} if pin == ("jinja2", "2.11.0") else {}).encode()
        self.send_response(500 if pin[1] in self.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Source]]:
    """The source that pip-audit asks."""
    Source.asked.clear()
    Source.broken.clear()
    monkeypatch.setattr(audit, "CACHE", tmp_path / "cache")
    with ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask_at(monkeypatch, server.server_port)
        yield Source
        server.shutdown()


def ask_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{port}/v1/query")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def pinned(folder: Path, *lines: str) -> Path:
    file = folder / "requirements.txt"
    file.write_text("".join(f"{line} \\\n    --hash=sha256:0\n" for line in lines), encoding="utf-8")
    return file


def run(monkeypatch: pytest.MonkeyPatch, file: Path, must: str = "0") -> int:
    monkeypatch.setenv("EMPEROR_FLASK_MUST_AUDIT", must)
    return audit.main([str(file)])


def test_a_known_vulnerability_is_a_failure_whatever_the_version_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: type[Source]
) -> None:
    # Two versions of one package are asked for by two processes, and that of the second fails.
    source.broken.add("2.11.3")
    lines = ["Jinja2==2.11.0 ; python_full_version < '3.0'", "jinja2==2.11.3 ; os_name == 'nt'", "zope.event[x]==6.2"]
    assert run(monkeypatch, pinned(tmp_path, *lines)) == 1
    assert sorted(source.asked) == [("jinja2", "2.11.0"), ("jinja2", "2.11.3"), ("zope-event", "6.2")]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("error: jinja2 2.11.0 (")
    assert "requirements.txt): PYSEC-2021-66 CVE-2020-28493 GHSA-g3rq-g295-4j3m, fixed in 2.11.3: Regular " in first
    assert second.startswith("warning: NOT AUDITED: the source of advisories gave no answer (")


def test_the_fixed_version_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, pinned(tmp_path, "jinja2==2.11.3"), must="1") == 0
    assert capsys.readouterr().out == "1 pins, no known vulnerability\n"


def test_a_source_that_does_not_answer_is_a_warning_and_where_it_must_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ask_at(monkeypatch, unused.getsockname()[1])
        assert run(monkeypatch, pinned(tmp_path, "jinja2==2.11.0"), must="1") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("error: NOT AUDITED: the source of advisories gave no answer (")
    assert judge(PINS, [], "silence", [], must=False)
    assert capsys.readouterr().out == "warning: NOT AUDITED: silence\n"


PINS = {("jinja2", "2.11.0"): [Path("requirements.txt")]}
FOUND = Advisory(("jinja2", "2.11.0"), ("PYSEC-2021-66", "CVE-2020-28493"), ("2.11.3",), "too slow")
ACCEPTED = Accepted("CVE-2020-28493", "jinja2", "urlize is used nowhere", datetime.date(2021, 2, 1))


def test_an_accepted_one_passes_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(PINS, [FOUND], "", [ACCEPTED], must=True)
    assert "accepted since 2021-02-01: CVE-2020-28493 of jinja2: urlize is used nowhere" in capsys.readouterr().out


def test_what_is_accepted_of_one_package_is_not_of_another() -> None:
    assert not judge(PINS, [FOUND], "", [replace(ACCEPTED, package="flask")], must=False)


def test_what_nobody_has_any_more_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(PINS, [], "", [ACCEPTED], must=True)
    assert "warning: CVE-2020-28493 of jinja2: accepted" in capsys.readouterr().out
    # Where nobody answered, nobody knows.
    assert judge(PINS, [], "silence", [ACCEPTED], must=False)
    assert capsys.readouterr().out == "warning: NOT AUDITED: silence\n"


def test_a_source_that_knows_no_package_has_audited_nothing() -> None:
    # As an index answers that has no interface for advisories.
    unknown = {"name": "flask", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert unaudited([unknown, unknown]) == "the source of advisories does not know any of the packages"
    assert unaudited([unknown, {"name": "jinja2", "version": "3", "vulns": []}]).endswith("does not know flask")


def test_a_file_that_pins_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="pins nothing"):
        read_pins([pinned(tmp_path, "flask>=3")])


def test_no_share_has_a_package_twice() -> None:
    shares = layers([("a", "1"), ("b", "1"), ("a", "2"), ("a", "3"), ("b", "2")])
    assert shares == [[("a", "1"), ("b", "1")], [("a", "2"), ("b", "2")], [("a", "3")]]


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "X", "package": "a", "date": datetime.date(2021, 2, 1)},
        {"id": "X", "package": "a", "reason": " ", "date": datetime.date(2021, 2, 1)},
        {"id": "X", "package": "a", "reason": "it is so", "date": "2021-02-01"},
    ],
)
def test_nothing_is_accepted_without_a_reason_and_a_date(entry: dict[str, Any]) -> None:
    with pytest.raises(AuditError, match="needs id, package, reason and date"):
        read_accepted({"tool": {"audit": {"accepted": [entry]}}})


def test_what_we_pin_is_found() -> None:
    files = [file for pattern in audit.PINNED for file in audit.ROOT.glob(pattern)]
    pins = {name: {file.name for file in found} for (name, _), found in read_pins(files).items()}
    assert pins["uv"] == {"requirements-dev.lock", "uv.txt"}
    assert pins["pyuwsgi"] == {"pyuwsgi.txt"}
    assert "requirements.txt" in pins["flask"]
