"""What load.py gives to locust: users who together ask at an even rate, whatever the answers take."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, TextIO

import geventhttpclient.client
from locust import FastHttpUser, events, task

# This client asks again when a connection ends without an answer; here each such end is a lost answer.
geventhttpclient.client.IDEMPOTENT_METHODS = frozenset()

# Every twentieth request is a slow one.
SLOW_EVERY = 20


class Rhythm:
    """When which request is due: each has a number, and each user takes its turn."""

    def __init__(self) -> None:
        self.record: TextIO | None = None
        self.domains: list[str] = []
        self.rate = 1.0
        self.begin = 0.0
        self.users = 1
        self.joined = 0

    def join(self) -> int:
        self.joined += 1
        return self.joined - 1


RHYTHM = Rhythm()


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    parser.add_argument("--rate", type=float, required=True, help="requests each second")
    parser.add_argument("--domains", required=True, help="names of the apps, with commas between; they take turns")
    parser.add_argument("--record", required=True, help="file that gets one line of JSON for each request")


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    options = environment.parsed_options
    RHYTHM.rate = options.rate
    RHYTHM.users = options.num_users
    RHYTHM.domains = options.domains.split(",")
    # Written line by line, so that whoever watches the file sees each answer at once.
    RHYTHM.record = Path(options.record).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 - until the end
    # The first is due when all users are there.
    RHYTHM.begin = time.time() + 1


@events.request.add_listener
def note(
    name: str,
    start_time: float,
    response_time: float,
    response: Any,
    exception: Exception | None,
    context: dict[str, Any],
    **_: Any,
) -> None:
    status = getattr(response, "status_code", 0) or 0
    error = str(exception or "")
    answer: dict[str, Any] = {}
    if status == 200:
        try:
            answer = json.loads(response.content)
        except (ValueError, TypeError) as wrong:
            error = f"unreadable answer: {wrong}"
    line = {
        "domain": context["domain"],
        "path": name,
        "start": start_time,
        "late": start_time - context["due"],
        "seconds": response_time / 1000,
        "status": status,
        "error": error,
        "release": answer.get("release"),
    }
    assert RHYTHM.record is not None
    RHYTHM.record.write(json.dumps(line) + "\n")


class Visitor(FastHttpUser):
    """Asks when it is due, on a connection of its own each time."""

    network_timeout = connection_timeout = 30.0
    max_retries = 0

    def on_start(self) -> None:
        self.number = RHYTHM.join()
        self.wait()

    def due(self) -> float:
        return RHYTHM.begin + self.number / RHYTHM.rate

    def wait_time(self) -> float:
        return max(0.0, self.due() - time.time())

    @task
    def ask(self) -> None:
        path = "/slow" if self.number % SLOW_EVERY == 0 else "/"
        # Each name gets its share of the slow ones.
        domain = RHYTHM.domains[(self.number + self.number // SLOW_EVERY) % len(RHYTHM.domains)]
        context = {"due": self.due(), "domain": domain}
        headers = {"Host": domain, "Connection": "close"}
        self.client.get(path, headers=headers, allow_redirects=False, context=context)
        self.number += RHYTHM.users
