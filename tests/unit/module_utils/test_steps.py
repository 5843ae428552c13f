"""A step under the app's lock, and how each kind of error becomes a failure."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import locks
from ansible_collections.emperor.flask.plugins.module_utils.emperor import EmperorDownError, EmperorError
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import NotProvisionedError
from ansible_collections.emperor.flask.plugins.module_utils.releases import MANIFEST, ReleaseError
from ansible_collections.emperor.flask.plugins.module_utils.steps import (
    ARGUMENTS,
    RELEASE_ARGUMENTS,
    StepError,
    hide_secrets,
    step,
)
from ansible_collections.emperor.flask.tests.support.hosts import ID, LOCK, OTHER, App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module


def do(work: Callable[[], None] = lambda: None, check: bool = False, **more: Any) -> dict[str, Any]:
    """Run a module that is one step."""

    def main() -> None:
        arguments = RELEASE_ARGUMENTS if "release" in more else ARGUMENTS
        module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
        with step(module) as layout:
            work()
        module.exit_json(name=layout.name)

    one: Any = SimpleNamespace(main=main)
    return run_module(one, check, name="shop", lock=LOCK, **more)


def fail(error: Exception) -> dict[str, Any]:
    def work() -> None:
        raise error

    return do(work, release=ID)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (StepError("it broke", "mend it"), "it broke", "mend it"),
        (StepError("answered 404"), "answered 404", "set health.path to an address that the app has"),
        (EmperorError("the emperor bound no socket"), "the emperor bound no socket", "the lines above are all"),
        (EmperorDownError("the emperor does not run"), "the emperor does not run", "the lines above are all"),
        (ReleaseError("release x is not complete"), "release x is not complete", "the lines above are all"),
        (LookupError("there is no user app-shop"), "there is no user app-shop", "the lines above are all"),
        (
            NotProvisionedError("/x is missing, which the role uwsgi writes"),
            "/x is missing, which the role uwsgi writes",
            "run site.yml once, which brings the host up to this version of the collection; deploy.yml does not",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/srv/apps/shop/releases/x"),
            "[Errno 28] No space left on device: '/srv/apps/shop/releases/x'",
            "make room: df -h /srv/apps",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/apps"),
            "[Errno 13] Permission denied: '/srv/apps'",
            "look at the path that is named",
        ),
    ],
)
def test_each_kind_of_error_names_app_release_cause_and_remedy(error: Exception, cause: str, remedy: str) -> None:
    found = fail(error)
    assert found["failed"]
    assert found["msg"] == f"app shop, release {ID}: {cause}"
    assert found["remedy"].startswith(remedy)
    assert {"log", "view"} <= found.keys()


@pytest.mark.usefixtures("host")
def test_what_the_app_wrote_and_how_the_emperor_sees_it_come_along() -> None:
    found = fail(StepError("timed out", "", "KeyError: 'DB_URL'", "the emperor sees: pid 7"))
    assert (found["log"], found["view"]) == ("KeyError: 'DB_URL'", "the emperor sees: pid 7")
    assert found["remedy"].startswith("if DB_URL is")


@pytest.mark.usefixtures("host")
def test_another_run_at_the_app_is_told_as_such() -> None:
    with locks.held("shop", locks.Holder.of(OTHER)):
        found = do(release=ID)
    assert (found["failed"], found["locked"]) == (True, True)
    assert found["msg"].startswith(f"app shop, release {ID}: bob@controller is at app shop since ")


@pytest.mark.usefixtures("host")
def test_a_run_that_came_between_is_told() -> None:
    with locks.held("shop", locks.Holder.of(OTHER)):
        pass
    locks.release("shop", locks.Holder.of(OTHER))
    found = do(release=ID)
    assert found["msg"].startswith(f"app shop, release {ID}: bob@controller was at app shop since ")
    assert (found["remedy"], "locked" in found) == ("see what that run has done", False)


@pytest.mark.usefixtures("host")
def test_a_failure_of_the_run_itself_is_no_lock() -> None:
    assert "locked" not in fail(StepError("it broke"))


@pytest.mark.usefixtures("host")
def test_a_step_without_a_release_names_the_app_alone() -> None:
    def work() -> None:
        raise StepError("it broke")

    assert do(work)["msg"] == "app shop: it broke"


@pytest.mark.usefixtures("host")
def test_a_mistake_of_our_own_is_no_nice_failure() -> None:
    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        do(work)


@pytest.mark.usefixtures("host")
def test_the_lock_is_held_at_work_and_kept_for_the_next_step() -> None:
    seen: list[locks.Holder | None] = []
    assert do(lambda: seen.append(locks.holder_of("shop")))["name"] == "shop"
    [at_work] = seen
    after = locks.holder_of("shop")
    assert at_work
    assert after
    assert (at_work.run, after.run) == (LOCK["run"], LOCK["run"])
    assert at_work.until == 0
    assert after.until > 0


def test_check_mode_takes_no_lock_and_leaves_no_trace(host: Host) -> None:
    with locks.held("shop2", locks.Holder.of(OTHER)):
        pass
    before = sorted(path.name for path in host.locks.iterdir())
    assert do(check=True)["name"] == "shop"
    assert sorted(path.name for path in host.locks.iterdir()) == before == ["shop2"]


@pytest.mark.usefixtures("host")
def test_check_mode_waits_for_nobody() -> None:
    with locks.held("shop", locks.Holder.of(OTHER)):
        assert do(check=True)["name"] == "shop"


@pytest.mark.usefixtures("host")
def test_what_the_app_wrote_cannot_steer_a_terminal() -> None:
    found = fail(StepError("ValueError: \x1b[2J", "", "\x1b]0;x\x07", "\x9b31m"))
    assert found["msg"].endswith("ValueError: \\x1b[2J")
    assert (found["log"], found["view"]) == ("\\x1b]0;x\\x07", "\\x9b31m")


def test_what_the_app_wrote_is_told_without_its_secrets(shop: App) -> None:
    release = shop.build(ID)
    manifest = json.loads((release / MANIFEST).read_text())
    manifest["description"]["secret_names"] = ["DB_URL", "PEM", "PORT", "GONE"]
    (release / MANIFEST).write_text(json.dumps(manifest))
    for name, value in {"DB_URL": "db://u:pw@host", "PEM": "-begin-\nMIIBsecret\n", "PORT": "5432"}.items():
        (release / "env" / name).write_text(value)

    def main() -> None:
        module = AnsibleModule(argument_spec=RELEASE_ARGUMENTS, supports_check_mode=True)
        with step(module) as layout:
            hide_secrets(module, layout.release(ID))
            raise StepError("no db://u:pw@host", "mend it", "MIIBsecret\nport 5432 " + "x" * 380 + "db://u:pw@host")

    one: Any = SimpleNamespace(main=main)
    found = run_module(one, False, name="shop", lock=LOCK, release=ID)
    assert found["msg"].endswith(": no ********")
    assert found["log"].startswith("********\nport 5432 ")
    assert "db:" not in found["log"]


def test_a_release_that_cannot_be_read_hides_nothing_and_breaks_nothing(shop: App) -> None:
    release = shop.build(ID)
    (release / MANIFEST).write_text("{")
    module: Any = SimpleNamespace(no_log_values=set())
    hide_secrets(module, release)
    assert module.no_log_values == set()
