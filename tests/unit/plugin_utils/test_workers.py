"""How the processes of an app may be described, and what follows."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.tests.support.apps import complete, full, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.parsing import read_ini
from ansible_collections.emperor.flask.tests.support.rendering import vassal

REFUSED = [
    ({"processes": 0}, "processes: 0 is not between 1 and 256"),
    ({"threads": 257}, "threads: 257 is not between 1 and 256"),
    ({"cheaper": 0}, "cheaper: 0 is not at least 1 and below processes (2)"),
    ({"processes": 1, "cheaper": 1}, "cheaper: needs processes of at least 2; give more of them, or leave it out"),
    ({"cheaper": 2}, "cheaper: 2 is not at least 1 and below processes (2)"),
    ({"processes": 8, "cheaper": 2, "cheaper_initial": 1}, "cheaper_initial: 1 is not between cheaper (2) and processes (8)"),
    ({"processes": 8, "cheaper": 2, "cheaper_initial": 9}, "cheaper_initial: 9 is not between cheaper (2) and processes (8)"),
    ({"cheaper_initial": 1}, "cheaper_initial: goes with cheaper only; give cheaper, or leave it out"),
    ({"cheaper_algo": "busyness"}, "cheaper_algo: goes with cheaper only; give cheaper, or leave it out"),
    ({"cheaper": 1, "cheaper_algo": "backlog"}, "cheaper_algo: 'backlog' is not one of spare, busyness"),
    ({"max_requests": 0}, "max_requests: 0 is not between 1 and 1000000000"),
    ({"max_requests_delta": 5}, "max_requests_delta: goes with max_requests only; give that too"),
    ({"max_lifetime": "59s"}, "max_lifetime: 59s is not between 60s and 2592000s"),
    ({"max_lifetime": "12"}, "max_lifetime: '12' is not a time; try 12s"),
    ({"thunder_lock": True, "processes": 1}, "thunder_lock: is a lock between processes, and there is one; leave it out"),
    ({"loop": "asyncio"}, "loop: 'asyncio' is not one of gevent"),
    ({"loop": "gevent", "threads": 2}, "threads: with loop: gevent, greenlets stand for threads; leave it out, and give greenlets"),
    ({"loop": "gevent", "greenlets": 0}, "greenlets: 0 is not between 1 and 10000"),
    ({"greenlets": 10}, "greenlets: goes with loop: gevent only; give that too"),
    ({"reload_on_rss": "300mb"}, "reload_on_rss: '300mb' is not a size; try 300m"),
    ({"reload_on_rss": "300k"}, "reload_on_rss: 300k is less than 32m, which no app gets along with"),
    ({"memory_limit": "1000000"}, "memory_limit: 1000000 is less than 128m, which no app gets along with"),
    ({"reload_on_rss": "1g", "evil_reload_on_rss": "1024m"}, "evil_reload_on_rss: 1024m is not above reload_on_rss (1g)"),
    ({"process_limit": 0}, "process_limit: 0 is not between 1 and 1000000"),
    ({"process_limit": 39}, "process_limit: 39 is less than 40, which two releases need at a switch; give that or more"),
    (
        {"processes": 8, "threads": 16, "process_limit": 200},
        "process_limit: 200 is less than 304, which two releases need at a switch; give that or more",
    ),
    ({"open_files": 63}, "open_files: 63 is not between 64 and 1048576"),
]  # fmt: skip


@pytest.mark.parametrize(("workers", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(workers: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(workers=workers)) == [f"flask_apps[0].workers.{message}"]


@pytest.mark.parametrize(
    "workers",
    [
        {"processes": 8, "cheaper": 7, "cheaper_initial": 8, "cheaper_algo": "busyness"},
        {"max_requests": 1, "max_requests_delta": 1, "max_lifetime": "30d"},
        {"loop": "gevent", "threads": 1, "greenlets": 10000},
        {"reload_on_rss": "32m", "evil_reload_on_rss": "33m", "memory_limit": "134217728"},
        {"thunder_lock": True, "threads": 1},
        {"process_limit": 40},
    ],
    ids=str,
)
def test_accepted(workers: dict[str, Any]) -> None:
    assert mistakes(minimal(workers=workers)) == []


def options(**workers: Any) -> dict[str, str]:
    return dict(read_ini(vassal(complete(minimal(workers=workers)))))


@pytest.mark.parametrize(
    ("workers", "locked"),
    [
        ({"processes": 2, "threads": 1}, False),
        ({"processes": 1, "threads": 8}, False),
        ({"processes": 2, "threads": 2}, True),
        ({"processes": 2, "threads": 2, "thunder_lock": False}, False),
        ({"processes": 2, "threads": 1, "thunder_lock": True}, True),
    ],
)
def test_processes_with_threads_take_turns_to_wait(workers: dict[str, Any], locked: bool) -> None:
    assert options(**workers).get("thunder-lock") == ("true" if locked else None)


def test_the_limit_of_processes_leaves_room_for_two_releases_and_their_libraries() -> None:
    assert options()["limit-nproc"] == str(256 + 2 * 2 * 65)
    assert options(processes=8, threads=4)["limit-nproc"] == str(256 + 2 * 8 * 68)
    assert options(process_limit=99)["limit-nproc"] == "99"


def test_memory_is_told_in_mebibytes() -> None:
    made = options(reload_on_rss="300m", evil_reload_on_rss="1g", memory_limit="536870912")
    assert (made["reload-on-rss"], made["evil-reload-on-rss"], made["limit-as"]) == ("300", "1024", "512")


@pytest.mark.parametrize("cause", [{"max_requests": 9}, {"max_lifetime": "1h"}, {"reload_on_rss": "99m"}], ids=str)
def test_what_is_replaced_lives_for_ten_seconds_and_not_for_sixty(cause: dict[str, Any]) -> None:
    """uWSGI's own minute would let a leak grow for so long."""
    assert options(**cause)["min-worker-lifetime"] == "10"
    assert "min-worker-lifetime" not in options()


def test_greenlets_come_with_their_plugin_and_its_package() -> None:
    app = complete(minimal(workers={"loop": "gevent"}, packages=["libpq5"]))
    assert app["packages"] == ["libpq5", "git", "uwsgi-plugin-gevent-python3"]
    made = read_ini(vassal(app))
    assert ("plugin", "gevent_python3") in made
    assert ("gevent", "100") in made
    # As with threads, several requests would share one deadline.
    assert not {"threads", "post-buffering"} & dict(made).keys()


def test_a_lazy_app_has_no_tracebacker() -> None:
    """A worker that loads the app while the tracebacker's thread starts may hang for ever."""
    assert "py-tracebacker" in options()
    assert "py-tracebacker" not in options(lazy_apps=True)


def test_the_algorithm_of_busyness_comes_with_its_plugin() -> None:
    assert options(cheaper=1)["cheaper-algo"] == "spare"
    assert "plugin" not in options(cheaper=1)
    assert options(cheaper=1, cheaper_algo="busyness")["plugin"] == "cheaper_busyness"


def test_completing_twice_is_completing_once() -> None:
    """The description of a release, which is finished already, is merged with finished defaults."""
    assert complete(full())["workers"]["max_lifetime"] == 12 * 3600
    assert complete(full())["workers"]["memory_limit"] == 2048
