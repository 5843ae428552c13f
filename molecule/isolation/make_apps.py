"""Writes the apps that the scenario begins with, for each host that is named as an argument."""

from __future__ import annotations

import sys

from owner import Owner

APPS = "molecule/isolation/apps"
# With those that are described one by one, a host has 20.
BYSTANDERS = 15


def make(owner: Owner) -> None:
    owner.start_afresh()
    attacks = {"source": {"path": f"{APPS}/attacker"}, "wsgi": "attacker:application", "request_timeout": "5s"}
    owner.describe(
        "attacker",
        **attacks,
        workers={"processes": 1},
        media=[{"url": "/media", "path": "media"}],
        environment={"ROUND": "first"},
    )
    # The same, in the limits that an owner can set.
    owner.describe(
        "limited",
        **attacks,
        workers={"processes": 1, "process_limit": 64, "reload_on_rss": "128m", "evil_reload_on_rss": "256m"},
    )
    serves = {"source": {"path": f"{APPS}/victim"}, "wsgi": "victim:application"}
    owner.describe(
        "victim",
        **serves,
        # For the slow requests, and the quick ones beside them.
        workers={"processes": 2, "threads": 8},
        static=[{"url": "/static", "path": "static"}],
        media=[{"url": "/media", "path": "media"}],
        environment={"SETTING": "the-setting-of-the-victim"},
        secrets={"TOKEN": "the-secret-of-the-victim"},
    )
    one = {**serves, "workers": {"processes": 1}, "media": [{"url": "/media", "path": "media"}]}
    works = {"daemons": [{"name": "waits", "command": "sleep 1d"}]}
    # With all that an app can have on a host, and names of which one begins the other.
    owner.describe(
        "leaver",
        **one,
        **works,
        cron=[{"name": "nightly", "command": "true", "schedule": "03:30"}],
        redirect_domains=["old.leaver.localhost"],
        listen={"http": "127.0.0.1:9090"},
    )
    owner.describe("leaver2", **one, **works)
    for number in range(BYSTANDERS):
        owner.describe(f"bystander-{number}", **one)


for name in sys.argv[1:]:
    make(Owner(name))
