"""What the scenario of faults deploys, and how it makes things fail at a chosen moment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from extent import on_all
from load import Load
from outside import Outside, on_each
from owner import Owner
from playbooks import Playbook, play

# The app that is interrupted, and those whose next release is bad.
VICTIM = "victim"
BAD = ("import", "loop", "check", "command", "wrong", "disk", "git")
GIT_PORT = 9418
# The `health.timeout` of each.
TIMEOUT = 5

_FOLDER = "/run/emperor-flask-fault"
_SMALL = '''"""Tells its version and its release."""

import json
import os
import time

VERSION = "{version}"
STATUS = "200 OK"
HEADERS = [("Content-Type", "application/json")]


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    start_response(STATUS, HEADERS)
    return [json.dumps({{"version": VERSION, "release": os.environ["EMPEROR_RELEASE"]}}).encode()]
'''


def small_app(version: str) -> str:
    """Return the code of an app without requirements."""
    return _SMALL.format(version=version)


@contextmanager
def asked(hosts: Sequence[str], apps: Sequence[str], name: str) -> Iterator[dict[str, Load]]:
    """Let a light load ask for some apps of each host."""
    domains = [f"{app}.localhost" for app in apps]
    with ExitStack() as stack:
        yield {
            host: stack.enter_context(Load(Outside(host).address, domains, 20, Owner(host).folder / name))
            for host in hosts
        }


def install(outside: Outside) -> None:
    """Let the host's Python look for faults when it starts; no code of the collection knows of them."""
    folder = "/usr/lib/python3/dist-packages"
    code = (Path(__file__).parents[1] / "faults/host/emperor_flask_fault.py").read_text(encoding="utf-8")
    for name, text in (("emperor_flask_fault.py", code), ("emperor_flask_fault.pth", "import emperor_flask_fault\n")):
        outside.run("sh", "-c", 'printf %s "$1" >"$2"', "sh", text, f"{folder}/{name}")


def arm(outside: Outside, do: str, event: str, match: str, after: bool = False, nth: int = 1) -> None:
    """Let the next module that comes to a moment die or hang there; see host/emperor_flask_fault.py."""
    fault = json.dumps({"do": do, "event": event, "match": match, "after": after, "nth": nth})
    outside.run("sh", "-c", f'rm -rf {_FOLDER}; mkdir {_FOLDER}; printf %s "$1" >{_FOLDER}/1.json', "sh", fault)


def disarm(outside: Outside) -> None:
    outside.run("rm", "-rf", _FOLDER)


def has_struck(outside: Outside) -> bool:
    # After a start of the host there is no such folder, and nothing has struck.
    return outside.run("sh", "-c", f"ls {_FOLDER} 2>/dev/null || true").strip() == "1.json.struck"


def wait_struck(outside: Outside) -> None:
    """Wait until the armed fault has struck."""
    outside.wait(f"test -e {_FOLDER}/1.json.struck", 60)


def wake(outside: Outside) -> None:
    """Let what hangs go on."""
    outside.run("sh", "-c", "grep -l '^State:.T' /proc/[0-9]*/status | cut -d/ -f3 | xargs -r kill -CONT")


class Moment(NamedTuple):
    """A moment in a deploy of the victim, by what the host's Python does then."""

    name: str
    event: str
    match: str
    after: bool = False


_RELEASE = rf"/srv/apps/{VICTIM}/releases/[0-9a-f]{{12}}"
_VASSAL = rf"/etc/flask-emperor/vassals/{VICTIM}\."
MOMENTS = (
    # The lock is taken, and says by whom; nothing else of a deploy cuts a file by its number.
    Moment("locked", "os.truncate", "", after=True),
    Moment("fetching", "os.mkdir", rf"{_RELEASE}\.tmp"),
    # Built, but not yet marked as complete.
    Moment("virtualenv", "os.rename", rf"/srv/apps/{VICTIM}/venvs/\S+\.complete"),
    Moment("before-assembled", "os.rename", rf"{_RELEASE}\.tmp {_RELEASE}( |$)"),
    Moment("after-assembled", "os.rename", rf"{_RELEASE}\.tmp {_RELEASE}( |$)", after=True),
    # It has run, and nothing says so yet.
    Moment("release-command", "os.rename", r"/release-command\.log"),
    Moment("started", "os.rename", _VASSAL, after=True),
    Moment("check", "socket.connect", "started.sock", after=True),
    Moment("before-activated", "os.rename", f"/srv/apps/{VICTIM}/current"),
    Moment("after-activated", "os.rename", f"/srv/apps/{VICTIM}/current", after=True),
    Moment("before-retired", "os.remove", _VASSAL),
    Moment("after-retired", "os.remove", _VASSAL, after=True),
)


# Two at a time, each on a host.
PAIRS = tuple(zip(MOMENTS[::2], MOMENTS[1::2], strict=True))


def strike(hosts: Sequence[str], pair: tuple[Moment, Moment], first: int, check: Callable[[str, Moment], None]) -> None:
    """Let each moment of a pair come on one host, both at the same time.

    They take turns that begin with the host of the number `first`: so each comes on each of two hosts, when kills begin
    with one and power cuts with the other. On one host, each comes by a kill or by a power cut. With
    EMPEROR_FLASK_ON_ALL=1, each comes on all by both.
    """

    def at_once(struck: dict[str, Moment]) -> None:
        on_each(list(struck), lambda host: check(host, struck[host]))

    if on_all():
        for moment in pair:
            at_once(dict.fromkeys(hosts, moment))
    elif len(hosts) == 1:
        at_once({hosts[0]: pair[first]})
    else:
        turn = MOMENTS.index(pair[0]) + first
        at_once({hosts[(turn + number) % len(hosts)]: moment for number, moment in enumerate(pair)})


class Outage(NamedTuple):
    """What a power cut cost: the requests that found nobody, and the seconds from power on to the first answer."""

    host: str
    moment: str
    lost: int
    seconds: float
    requests: int


class Failure(NamedTuple):
    """How long a step took to fail, and how long it may take, in seconds."""

    host: str
    what: str
    seconds: float
    limit: int


class Victim:
    """The app that is interrupted on one host, and the next version of it."""

    def __init__(self, inventory: Path, host: str) -> None:
        self.inventory = inventory
        self.host = host
        self.outside = Outside(host)
        install(self.outside)
        disarm(self.outside)
        self.before = self.outside.condition(VICTIM).current
        self.version = secrets.token_hex(4)
        # The comment makes it another virtualenv, in which nothing is installed.
        files = {"small.py": small_app(self.version), "requirements.txt": f"# {self.version}\n"}
        Owner(host).write(VICTIM, files)

    def arm(self, do: str, moment: Moment) -> None:
        arm(self.outside, do, moment.event, moment.match, moment.after)

    def deploy(self, **variables: str) -> Playbook:
        return Playbook(self.inventory, "deploy", self.host, app=VICTIM, **variables)

    def converge(self) -> None:
        """Run again, and see that nothing is left to clear up."""
        disarm(self.outside)
        self.deploy().wait().good()
        check_converged(self.outside, VICTIM, self.version)


def check_unchanged(inventory: Path, hosts: list[str]) -> None:
    """See that another run has nothing left to do, after all that came before."""

    def check(host: str) -> None:
        assert play(inventory, "deploy", host, app=VICTIM).good().changed(host) == []

    on_each(hosts, check)


def check_converged(outside: Outside, app: str, version: str) -> None:
    """Exactly one vassal, one socket, nothing unfinished, and the wanted version of the release that is current."""
    found = outside.condition(app)
    assert len(found.vassals) == 1, found
    assert len(found.sockets) == 1, found
    assert found.leftovers == [], found
    assert found.vassals[0].startswith(f"{app}.{found.current}"), found
    answer = outside.get(app)
    assert answer.status == 200
    assert answer.json == {"version": version, "release": found.current}
