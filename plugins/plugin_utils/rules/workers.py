# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The processes of an app: how many, how they take requests, when they are replaced, what they may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.engines import is_own
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import (
    check_memory,
    check_number,
    check_time,
    megabytes,
    seconds,
)

_NUMBERS = {
    "processes": (1, 256),
    "threads": (1, 256),
    "max_requests": (1, 1_000_000_000),
    "max_requests_delta": (1, 1_000_000),
    "greenlets": (1, 10_000),
    # The least depends on the others, see _check_process_limit.
    "process_limit": (1, 1_000_000),
    # Below, uWSGI and Python do not start; above 2^20, kernels refuse (fs.nr_open).
    "open_files": (64, 1_048_576),
}
# MiB. Python with Flask takes 30 to 40 resident and, with its libraries, 100 of address space.
_MEMORY = {"reload_on_rss": 32, "evil_reload_on_rss": 32, "memory_limit": 128}
_LOOPS = ("gevent",)
_GREENLETS = 100
# Of a process, besides its own: OpenBLAS, for one, starts one for each core, at most 64 in the wheels of numpy.
_LIBRARY_THREADS = 64
# For commands of operators and releases, and for what works beside the requests.
_OTHER_PROCESSES = 256
# The same and the masters, when somebody counts by hand: less, and nothing but the processes would start.
_FEWEST_OTHERS = 32


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    workers, path = app["workers"], f"{path}.workers"
    before = len(problems)
    for key, (low, high) in _NUMBERS.items():
        if workers[key] is not None:
            check_number(workers[key], low, high, f"{path}.{key}", problems)
    given = {key: workers[key] for key in _MEMORY if workers[key] is not None}
    good = [check_memory(size, _MEMORY[key], f"{path}.{key}", problems) for key, size in given.items()]
    soft, hard = workers["reload_on_rss"], workers["evil_reload_on_rss"]
    if all(good) and soft and hard and megabytes(hard) <= megabytes(soft):
        problems.add(f"{path}.evil_reload_on_rss", f"{hard} is not above reload_on_rss ({soft})")
    if workers["max_lifetime"] is not None:
        check_time(workers["max_lifetime"], 60, 30 * 86_400, f"{path}.max_lifetime", problems)
    _check_cheaper(workers, path, problems)
    _check_relations(workers, path, problems)
    if len(problems) == before and workers["process_limit"] is not None:
        _check_process_limit(workers, f"{path}.process_limit", problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    workers = dict(app["workers"])
    processes, threads = workers["processes"], workers["threads"]
    for key in _MEMORY:
        if workers[key] is not None:
            workers[key] = megabytes(workers[key])
    if workers["max_lifetime"] is not None:
        workers["max_lifetime"] = seconds(workers["max_lifetime"])
    if workers["thunder_lock"] is None:
        # Without threads it costs more than it spares: 4 % of the requests a second, measured.
        workers["thunder_lock"] = processes > 1 and threads > 1
    if workers["process_limit"] is None:
        workers["process_limit"] = _OTHER_PROCESSES + 2 * processes * (threads + _LIBRARY_THREADS)
    packages = list(app["packages"])
    if workers["loop"] == "gevent":
        workers["greenlets"] = workers["greenlets"] or _GREENLETS
        if app["server"] == "uwsgi" and not is_own(app):
            packages.append("uwsgi-plugin-gevent-python3")
    return {"workers": workers, "packages": packages}


def _check_cheaper(workers: Mapping[str, Any], path: str, problems: Problems) -> None:
    cheaper, initial, processes = workers["cheaper"], workers["cheaper_initial"], workers["processes"]
    if cheaper is None:
        if initial is not None:
            problems.add(f"{path}.cheaper_initial", "goes with cheaper only; give cheaper, or leave it out")
        if workers["cheaper_algo"] != "spare":
            problems.add(f"{path}.cheaper_algo", "goes with cheaper only; give cheaper, or leave it out")
        return
    if processes == 1:
        problems.add(f"{path}.cheaper", "needs processes of at least 2; give more of them, or leave it out")
    elif not 1 <= cheaper < processes:
        problems.add(f"{path}.cheaper", f"{cheaper} is not at least 1 and below processes ({processes})")
    elif initial is not None and not cheaper <= initial <= processes:
        problems.add(
            f"{path}.cheaper_initial", f"{initial} is not between cheaper ({cheaper}) and processes ({processes})"
        )


def _check_relations(workers: Mapping[str, Any], path: str, problems: Problems) -> None:
    if workers["max_requests_delta"] is not None and workers["max_requests"] is None:
        problems.add(f"{path}.max_requests_delta", "goes with max_requests only; give that too")
    if workers["thunder_lock"] and workers["processes"] == 1:
        problems.add(f"{path}.thunder_lock", "is a lock between processes, and there is one; leave it out")
    # Not by choices of the spec: of a key without a value, Ansible remembers None, and takes that for a choice when the
    # next app has no workers either.
    if workers["loop"] not in (None, *_LOOPS):
        problems.add(f"{path}.loop", f"{workers['loop']!r} is not one of {', '.join(_LOOPS)}")
    if workers["loop"] == "gevent":
        if workers["threads"] > 1:
            problems.add(
                f"{path}.threads", "with loop: gevent, greenlets stand for threads; leave it out, and give greenlets"
            )
    elif workers["greenlets"] is not None:
        problems.add(f"{path}.greenlets", "goes with loop: gevent only; give that too")


def _check_process_limit(workers: Mapping[str, Any], where: str, problems: Problems) -> None:
    processes, limit = workers["processes"], workers["process_limit"]
    # Besides the threads for requests, a process has one that tells where it is.
    least = _FEWEST_OTHERS + 2 * processes * (workers["threads"] + 1)
    if limit < least:
        problems.add(where, f"{limit} is less than {least}, which two releases need at a switch; give that or more")
