"""One run at an app: while a step is at work, and between two steps."""

from __future__ import annotations

import json
import multiprocessing
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import locks
from ansible_collections.emperor.flask.plugins.module_utils.locks import (
    Holder,
    LockedError,
    LostError,
    held,
    holder_of,
    release,
)
from ansible_collections.emperor.flask.tests.support.hosts import LOCK, OTHER, Host

MINE, THEIRS = Holder.of(LOCK), Holder.of(OTHER)
Process = multiprocessing.context.ForkProcess

pytestmark = pytest.mark.usefixtures("host")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look a hundred times as often as on a host."""
    monkeypatch.setattr(locks, "_PAUSE", 0.0025)


def hold(pipe: Connection) -> None:
    with held("shop", THEIRS):
        pipe.send("held")
        pipe.recv()


@contextmanager
def another_process(work: Callable[[Connection], None] = hold) -> Iterator[tuple[Connection, Process]]:
    """Run another process, which is at the app from here on."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(there,))
    process.start()
    there.close()
    try:
        assert here.recv() == "held"
        yield here, process
    finally:
        process.kill()
        process.join()


def run_out(host: Host) -> None:
    """Let the time between two steps be over."""
    file = host.locks / "shop"
    file.write_text(json.dumps({**json.loads(file.read_text()), "until": time.time() - 1}))


def expect_refusal(wait: float = 0.0) -> str:
    with pytest.raises(LockedError) as caught, held("shop", MINE, wait):
        pass
    return str(caught.value)


def test_a_living_process_keeps_all_others_out() -> None:
    with another_process():
        message = expect_refusal()
        assert holder_of("shop") is not None
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert message.startswith(f"bob@controller is at app shop since {today} ")
    assert message.endswith(" UTC; wait for that run to end, and run again")


def test_a_step_that_takes_longer_than_a_lease_keeps_the_app(host: Host) -> None:
    with another_process():
        run_out(host)
        assert expect_refusal()
        assert holder_of("shop") is not None


def test_the_end_of_another_run_is_waited_for() -> None:
    def work(pipe: Connection) -> None:
        hold(pipe)
        release("shop", THEIRS)

    with another_process(work) as (pipe, _process):
        timer = threading.Timer(0.2, pipe.send, ["go"])
        timer.start()
        begin = time.monotonic()
        with held("shop", MINE, wait=10):
            assert 0.15 < time.monotonic() - begin < 5
        timer.join()


def test_a_wait_ends_in_time() -> None:
    with another_process():
        begin = time.monotonic()
        expect_refusal(wait=0.2)
        assert 0.2 <= time.monotonic() - begin < 2


def test_a_step_that_was_killed_leaves_nothing_behind() -> None:
    """Its run may go on with the same app, or start anew; the kernel has taken the lock back."""
    with another_process() as (_pipe, process):
        process.kill()
        process.join()
    assert holder_of("shop") is None
    with held("shop", MINE):
        pass


def test_between_two_steps_the_app_is_kept_for_the_run(host: Host) -> None:
    with held("shop", THEIRS):
        pass
    assert "bob@controller is at app shop since " in expect_refusal()
    with held("shop", THEIRS):
        pass
    found = holder_of("shop")
    assert found is not None
    assert (found.run, found.who) == (OTHER["run"], OTHER["who"])
    assert time.time() + locks.LEASE - 5 < found.until <= time.time() + locks.LEASE


def test_since_is_the_begin_of_the_run_and_not_of_its_last_step() -> None:
    with held("shop", THEIRS):
        first = holder_of("shop")
    time.sleep(0.01)
    with held("shop", THEIRS):
        pass
    second = holder_of("shop")
    assert first
    assert second
    assert first.since == second.since > time.time() - 5


def test_a_failed_step_keeps_the_app_too() -> None:
    """The run goes on with what clears up."""
    with pytest.raises(KeyError), held("shop", THEIRS):
        raise KeyError
    assert expect_refusal()


def test_a_run_that_does_not_come_back_loses_the_app(host: Host) -> None:
    with held("shop", THEIRS):
        pass
    run_out(host)
    assert holder_of("shop") is None
    with held("shop", MINE):
        found = holder_of("shop")
    assert found is not None
    assert found.run == LOCK["run"]


def test_a_run_that_is_known_to_be_dead_is_not_waited_for() -> None:
    with held("shop", THEIRS):
        pass
    with held("shop", MINE, abandoned=OTHER["run"]):
        pass
    found = holder_of("shop")
    assert found is not None
    assert found.run == LOCK["run"]


def test_another_dead_run_is_no_way_in() -> None:
    with held("shop", THEIRS):
        pass
    with pytest.raises(LockedError), held("shop", MINE, abandoned="1-controller-other"):
        pass


def test_a_dead_controller_does_not_end_a_step_that_still_runs() -> None:
    with another_process(), pytest.raises(LockedError), held("shop", MINE, abandoned=OTHER["run"]):
        pass


@pytest.mark.parametrize("content", [b"", b'{"run": "1-x", "wh', b"[]", b"{}", b"\xff\x00", b'{"x": 1}'])
def test_a_file_that_nobody_can_read_is_nobodys(host: Host, content: bytes) -> None:
    host.locks.mkdir()
    (host.locks / "shop").write_bytes(content)
    assert holder_of("shop") is None
    with held("shop", MINE):
        pass
    assert holder_of("shop") is not None


def test_a_shorter_entry_leaves_nothing_of_a_longer_one(host: Host) -> None:
    with held("shop", Holder("run", "somebody-with-a-very-long-name@a-controller-with-a-longer-one")):
        pass
    run_out(host)
    with held("shop", Holder("r", "w")):
        assert json.loads((host.locks / "shop").read_text())["who"] == "w"


def test_a_refusal_by_a_process_that_has_not_written_yet_is_told(host: Host) -> None:
    with another_process():
        (host.locks / "shop").write_bytes(b"")
        assert expect_refusal() == "another run is at app shop; wait for it and run again"


def test_a_release_lets_the_next_run_in() -> None:
    with held("shop", THEIRS):
        pass
    release("shop", THEIRS)
    assert holder_of("shop") is None
    with held("shop", MINE):
        pass


def test_a_run_that_lost_the_app_does_not_go_on(host: Host) -> None:
    """What it has seen of the app is not true any more, though the other run has ended."""
    with held("shop", MINE):
        pass
    run_out(host)
    with held("shop", THEIRS):
        pass
    release("shop", THEIRS)
    with pytest.raises(LostError, match=r"^bob@controller was at app shop since "), held("shop", MINE, begins=False):
        pass
    assert holder_of("shop") is None
    with held("shop", MINE):
        pass


def test_a_run_that_is_late_and_alone_goes_on(host: Host) -> None:
    with held("shop", MINE):
        pass
    run_out(host)
    with held("shop", MINE, begins=False):
        pass


def test_a_clock_that_was_set_back_keeps_nobody_out(host: Host) -> None:
    with held("shop", THEIRS):
        pass
    file = host.locks / "shop"
    file.write_text(json.dumps({**json.loads(file.read_text()), "until": time.time() + 86400}))
    assert holder_of("shop") is None
    with held("shop", MINE):
        pass


def test_a_release_of_somebody_elses_lock_does_nothing() -> None:
    with held("shop", THEIRS):
        pass
    release("shop", MINE)
    assert expect_refusal()


def test_a_release_of_an_app_that_nobody_ever_locked_does_nothing(host: Host) -> None:
    release("shop", MINE)
    assert not host.locks.exists()
    assert holder_of("shop") is None


def test_each_app_has_a_lock_of_its_own() -> None:
    with held("shop", THEIRS), held("shop2", MINE):
        pass
    found = holder_of("shop2")
    assert found is not None
    assert found.run == LOCK["run"]


def test_nobody_but_root_reads_who_is_at_work(host: Host) -> None:
    with held("shop", MINE):
        assert stat.S_IMODE((host.locks / "shop").stat().st_mode) == 0o600


def test_two_at_once_are_never_both_in(host: Host) -> None:
    """Four processes add up in a file; a lost sum would be two that were in at once."""
    total = host.apps / "total"
    total.write_text("0")

    def add(name: str) -> None:
        for turn in range(20):
            holder = Holder(f"{name}-{turn}", name)
            with held("shop", holder, wait=30):
                seen = int(total.read_text())
                time.sleep(0.001)
                total.write_text(str(seen + 1))
            release("shop", holder)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=add, args=(str(number),)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert total.read_text() == "80"
