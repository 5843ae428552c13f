"""Visitors that take their time: 1,800 of them, and what others get meanwhile."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from door import Door

testinfra_hosts = ["ansible://app"]

SLOW = 1800
# Asks 180 times within 10 s, each by a connection of its own.
_ASK = """
import http.client, json, ssl, sys, time
from concurrent.futures import ThreadPoolExecutor
def ask(number):
    time.sleep(number / 18)
    begin = time.monotonic()
    try:
        connection = http.client.HTTPSConnection("127.0.0.1", timeout=20, context=context)
        connection.request("GET", "/", headers={"Host": sys.argv[1]})
        status = connection.getresponse().status
    except Exception as error:
        status = repr(error)
    return status, time.monotonic() - begin
context = ssl._create_unverified_context()
# The address has no name of a certificate's.
context.check_hostname = False
wrap = context.wrap_socket
context.wrap_socket = lambda sock, **options: wrap(sock, **{**options, "server_hostname": sys.argv[1]})
with ThreadPoolExecutor(90) as pool:
    print(json.dumps(list(pool.map(ask, range(180)))))
"""
# What is slow, and of what: the head of a request, its body, or the reader of an answer that no buffer holds.
_KINDS = {
    "head": "-H -i 5 -u http://plain.{domain}/",
    "body": "-B -i 5 -s 8192 -u http://plain.{domain}/",
    "reader": "-X -w 512 -y 1024 -n 5 -z 32 -u http://plain.{domain}/large",
}
_ATTACK = f"ulimit -n 8192; timeout 40 slowhttptest {{}} -c {SLOW} -r 600 -l 20 -p 3 2>&1; true"
_HELD = "ss --no-header --tcp state established '( sport = :80 )' | wc -l"


# One after the other, they would take minutes.
@pytest.mark.in_turns
@pytest.mark.parametrize("kind", _KINDS)
def test_others_are_answered(host: Any, door: Door, figures: list[str], kind: str) -> None:
    attack = _ATTACK.format(_KINDS[kind].format(domain=door.domain))
    with ThreadPoolExecutor(2) as pool:
        attacked = pool.submit(door.stranger.run, "bash -c %s", attack)
        time.sleep(4)
        asked = pool.submit(host.check_output, "python3 -c %s %s", _ASK, f"guestbook.{door.domain}")
        held = [int(host.check_output(_HELD))]
        while not asked.done():
            time.sleep(0.5)
            held.append(int(host.check_output(_HELD)))
        attacked.result()
    answers = json.loads(asked.result())
    good = sorted(seconds for status, seconds in answers if status == 200)
    slowest = good[-1] if good else 0.0
    seen = f"{len(good)} of {len(answers)} others answered, in {slowest:.2f} s at most"
    figures.append(f"slow {kind:25}{max(held)} connections held; {seen}")
    assert max(held) > 0.9 * SLOW
    assert len(good) >= 0.99 * len(answers), [status for status, _ in answers if status != 200][:5]
    assert slowest < 1
