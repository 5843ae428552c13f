"""How much of a scenario is run: all of it, on all of its hosts, or less where the time is short."""

from __future__ import annotations

import os


def on_all() -> bool:
    """Tell whether each test runs on each host, whatever it hardly depends on."""
    return os.environ.get("EMPEROR_FLASK_ON_ALL") == "1"


def in_short() -> bool:
    """Tell whether the scenario is one of all that are run, which leaves it less time than alone."""
    return os.environ.get("EMPEROR_FLASK_IN_SHORT") == "1" and not on_all()
