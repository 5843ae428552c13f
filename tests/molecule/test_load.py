"""What the scenarios count as lost, and what they compute from it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from load import Load, Request, Switch, summary, switch


class Moody(BaseHTTPRequestHandler):
    """Answers, fails or hangs up, as the Host header says."""

    asked: list[str] = []

    def do_GET(self) -> None:
        host = str(self.headers["Host"])
        self.asked.append(host)
        if host == "hangs-up":
            return
        body = json.dumps({"release": "one"}).encode() if host != "babbles" else b"no JSON"
        self.send_response(503 if host == "fails" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """An address that a moody server listens at."""
    Moody.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_whatever_is_no_good_answer_is_counted_and_not_asked_again(address: str, tmp_path: Path) -> None:
    with Load(address, ["good", "hangs-up", "fails", "babbles"], 20, tmp_path) as load:
        time.sleep(2)
    requests = load.requests()
    assert len(requests) == len(Moody.asked)
    good = {request.domain: request.good for request in requests}
    assert good == {"good": True, "hangs-up": False, "fails": False, "babbles": False}
    assert summary(requests).rate == pytest.approx(20, rel=0.1)


def test_a_load_that_does_not_come_about_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no load came about"), Load("http://127.0.0.1:1", [], -1, tmp_path):
        pass


def request(start: float, release: str | None, status: int = 200) -> Request:
    return Request("app", "/", start, 0.0, 0.01, status, "", release)


def test_a_switch_is_seen_in_its_span_alone() -> None:
    requests = [request(1, "old"), request(2, "old"), request(2.5, "new"), request(3, "old"), request(9, "old")]
    assert switch(requests, "old", "new", 0, 5) == Switch(last_old=3, first_new=2.5)
    assert switch(requests, "old", "other", 0, 5) is None


def test_the_summary_counts_what_is_lost() -> None:
    found = summary([request(0, "a"), request(1, None, 502), request(2, "a")])
    assert (found.total, len(found.lost), found.rate) == (3, 1, 1.0)
