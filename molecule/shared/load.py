"""Load from outside a host: an even rate of requests for as long as a test needs it, and what became of each."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

USERS = Path(__file__).with_name("load_users.py")
# Each user asks once in this time, so an answer that takes less never lowers the rate.
PACE = 10
# Whatever a test does, no load lasts longer.
LONGEST = 1500


class Request(NamedTuple):
    """A request and its outcome; the release is the one that the answer names."""

    domain: str
    path: str
    start: float
    late: float
    seconds: float
    status: int
    error: str
    release: str | None

    @property
    def good(self) -> bool:
        return self.status == 200 and not self.error


@dataclass(frozen=True)
class Summary:
    """What a run of load comes to; times in seconds."""

    total: int
    lost: list[Request]
    rate: float
    latest: float
    quick: tuple[float, float]
    slow: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"{self.total} requests, {len(self.lost)} lost, {self.rate:.1f} each second, begun at most "
            f"{self.latest * 1000:.0f} ms late; p50 and p99: quick {_span(self.quick)}, slow {_span(self.slow)}"
        )


def _span(pair: tuple[float, float]) -> str:
    return f"{pair[0] * 1000:.0f} and {pair[1] * 1000:.0f} ms"


class Switch(NamedTuple):
    """When the last request began that the old release answered, and the first that the new one did."""

    last_old: float
    first_new: float


class Load:
    """Asks an address for some domains at a rate, from entering to leaving the context."""

    def __init__(self, address: str, domains: Sequence[str], rate: float, folder: Path) -> None:
        self.record = folder / "requests.jsonl"
        self.log = folder / "locust.log"
        self._command = [
            *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "ERROR"),
            *("--locustfile", str(USERS), "--host", address, "--run-time", f"{LONGEST}s", "--stop-timeout", "15"),
            *("--users", str(round(rate * PACE)), "--spawn-rate", str(round(rate * PACE))),
            *("--rate", str(rate), "--domains", ",".join(domains), "--record", str(self.record)),
        ]
        folder.mkdir(parents=True, exist_ok=True)
        self.record.unlink(missing_ok=True)

    def __enter__(self) -> Load:
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self.requests():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError(f"no load came about: {self.log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the requests in flight end."""
        ended_by_itself = self._process.poll() is not None
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if ended_by_itself and error is None:
            raise AssertionError(f"the load ended too early: {self.log.read_text(encoding='utf-8')}")

    def requests(self) -> list[Request]:
        """Return what has been answered so far, by the start of each request."""
        if not self.record.exists():
            return []
        lines = self.record.read_text(encoding="utf-8").splitlines(keepends=True)
        found = [Request(**json.loads(line)) for line in lines if line.endswith("\n")]
        return sorted(found, key=lambda request: request.start)


def summary(requests: Sequence[Request]) -> Summary:
    """Count and measure; an answer other than 200, or none, is lost."""
    took = requests[-1].start - requests[0].start
    return Summary(
        total=len(requests),
        lost=[request for request in requests if not request.good],
        rate=(len(requests) - 1) / took if took else 0.0,
        latest=max(request.late for request in requests),
        quick=_percentiles(request.seconds for request in requests if request.path == "/"),
        slow=_percentiles(request.seconds for request in requests if request.path != "/"),
    )


def _percentiles(values: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(values)
    if not ordered:
        return math.nan, math.nan
    return ordered[len(ordered) // 2], ordered[math.ceil(len(ordered) * 0.99) - 1]


def switch(requests: Sequence[Request], old: str | None, new: str, since: float, until: float) -> Switch | None:
    """Find the change from one release to another among the requests begun in a span of time."""
    within = [request for request in requests if since <= request.start <= until]
    before = [request.start for request in within if request.release == old]
    after = [request.start for request in within if request.release == new]
    return Switch(max(before), min(after)) if before and after else None
