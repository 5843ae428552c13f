"""Takes what it is asked to take: memory, processes, files, time."""

from __future__ import annotations

import json
import os
import signal
import time

KEPT: list[bytes] = []


def memory(mib):
    """Touch memory and keep it."""
    KEPT.append(b"x" * (mib << 20))


def address_space(mib):
    """Ask for memory and give it back untouched."""
    bytearray(mib << 20)


def processes(count):
    """Start processes, end them again, and tell how many there were."""
    started = []
    try:
        for _ in range(count):
            child = os.fork()
            if child == 0:
                signal.pause()
            started.append(child)
    except BlockingIOError:
        pass
    finally:
        for child in started:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(started)


def files(count):
    """Open files, close them again, and tell how many there were."""
    opened: list[int] = []
    try:
        opened.extend(os.dup(0) for _ in range(count))
    except OSError:
        pass
    finally:
        for handle in opened:
            os.close(handle)
    return len(opened)


def wait_for_a_database(seconds):
    """Hang, as the request in the log shall show."""
    time.sleep(seconds)


def leak(mib):
    """Take memory and do not come to an end."""
    memory(mib)
    time.sleep(60)


WISHES = {wish.__name__: wish for wish in (memory, address_space, processes, files, wait_for_a_database, leak)}


def application(environ, start_response):
    wish, _, amount = environ["PATH_INFO"].strip("/").partition("/")
    try:
        got = WISHES[wish](int(amount)) if wish else None
        error = None
    except MemoryError:
        got, error = None, "MemoryError"
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"process": os.getpid(), "got": got, "error": error}).encode()]
