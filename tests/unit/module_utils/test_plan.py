"""What an app needs, from what is on the host."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor, plan
from ansible_collections.emperor.flask.plugins.module_utils.digests import release_id
from ansible_collections.emperor.flask.plugins.module_utils.plan import AppPlan, as_dicts, plan_app
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import marker
from ansible_collections.emperor.flask.tests.support.hosts import App, Host, bind, request

DESCRIPTION = request()["description"]
ID = release_id(DESCRIPTION, "rev", "py")
VASSAL = f"shop.{ID}"


class Served(App):
    """The app as a finished deployment leaves it."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
        self.serve(ID)
        self.release = self.layout.release(ID)
        self.link = host.vassals / f"{VASSAL}.ini"


@pytest.fixture
def served(host: Host) -> Served:
    return Served(host)


def planned(revision: str | None = "rev", interpreter: str = "py", again: bool = False, **changes: Any) -> AppPlan:
    """Ask for a deploy of the app with some changes of its description."""
    description = {**DESCRIPTION, **changes}
    asked = request(revision=revision)
    return plan_app({**asked, "description": description, "interpreter": interpreter, "again": again})


def asked_back(want: str = "rollback", release: str = "", name: str = "shop") -> AppPlan:
    return plan_app({"want": want, "name": name, "release": release})


def test_an_app_that_is_not_there_is_created(host: Host) -> None:
    found = planned()
    assert (found.action, found.reasons) == ("create", ["not on this host yet"])
    assert (found.id, found.served, found.serving) == (ID, None, None)
    assert (found.built, found.vassal) == (False, VASSAL)
    assert found.path == str(host.apps / "shop/releases" / ID)
    assert (found.description, found.served_description) == (DESCRIPTION, None)
    assert found.request == request()


def test_what_is_as_it_should_be_is_unchanged(served: Served) -> None:
    found = planned()
    assert (found.action, found.reasons) == ("unchanged", [])
    assert (found.built, found.served, found.serving, found.vassal) == (True, ID, VASSAL, VASSAL)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"revision": "rev2"}, "changed: source"),
        ({"secrets": "2e"}, "changed: secrets"),
        ({"revision": "rev2", "secrets": "2e", "writable": []}, "changed: source, secrets, writable"),
        ({"idle": 5}, "changed: idle"),
        ({"recipe": "other"}, "changed: vassal template"),
        ({"interpreter": "py3"}, "changed: Python"),
        ({"revision": None}, "changed: source"),
    ],
)
def test_another_release_is_deployed_and_the_reason_named(served: Served, wanted: dict[str, Any], reason: str) -> None:
    found = planned(**wanted)
    assert (found.action, found.reasons) == ("deploy", [reason])
    assert (found.served, found.serving, found.built) == (ID, VASSAL, False)
    assert found.id != ID
    assert found.vassal == f"shop.{found.id}"


@pytest.mark.parametrize("manifest", ["", "{", None])
def test_a_served_release_without_manifest_is_replaced(served: Served, manifest: str | None) -> None:
    path = served.release / "release.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    assert planned("rev2").reasons == [f"release {ID} has no readable release.json"]


def test_a_revision_that_nobody_can_ask_for_yet_is_unknown(host: Host) -> None:
    found = planned(None)
    assert (found.action, found.id, found.revision) == ("create", "unknown", "unknown")


def test_a_release_that_was_built_before_needs_no_build_but_a_new_vassal(served: Served) -> None:
    served.layout.current.unlink()
    served.layout.current.symlink_to("releases/000000000000")
    assert (planned().action, planned().built, planned().vassal) == ("deploy", True, VASSAL)
    served.link.unlink()
    assert (planned().built, planned().vassal) == (True, f"{VASSAL}-2")


def drift_mode(served: Served) -> str:
    served.layout.root.chmod(0o755)
    return f"{served.layout.root} has another owner or mode than it must have"


def drift_directory(served: Served) -> str:
    (served.layout.shared / "media").rmdir()
    return f"{served.layout.shared}/media has another owner or mode than it must have"


def drift_link(served: Served) -> str:
    served.link.unlink()
    return f"vassal {VASSAL} has no link or no socket"


def drift_target(served: Served) -> str:
    served.link.unlink()
    served.link.symlink_to("/etc/passwd")
    return f"vassal {VASSAL} was changed by hand"


def drift_socket(served: Served) -> str:
    emperor.socket_of(VASSAL).unlink()
    return f"vassal {VASSAL} has no link or no socket"


def drift_no_vassal(served: Served) -> str:
    (served.release / "uwsgi.sock").unlink()
    (served.release / "started.sock").unlink()
    emperor.socket_of(VASSAL).unlink()
    served.link.unlink()
    return "the release has no vassal"


def drift_leftover(served: Served) -> str:
    (served.host.vassals / "shop.000000000000.ini").symlink_to("/nowhere")
    return "vassal shop.000000000000 is left over"


def drift_leftover_socket(served: Served) -> str:
    bind("shop.000000000000")
    return "vassal shop.000000000000 is left over"


def drift_unfinished(served: Served) -> str:
    (served.layout.releases / "000000000000.tmp").mkdir()
    return "000000000000.tmp is unfinished"


def drift_history(served: Served) -> str:
    served.layout.history.unlink()
    return f"the history lacks the switch to release {ID}"


def drift_cache(served: Served) -> str:
    served.layout.cache.chmod(0o755)
    return f"{served.layout.cache} has another owner or mode than it must have"


@pytest.mark.parametrize(
    "drift",
    [
        drift_cache, drift_mode, drift_directory, drift_link, drift_target, drift_socket, drift_no_vassal,
        drift_leftover, drift_leftover_socket, drift_unfinished, drift_history,
    ],
)  # fmt: skip
def test_a_drift_is_repaired_and_named(served: Served, drift: Callable[[Served], str]) -> None:
    reason = drift(served)
    found = planned()
    assert (found.action, found.reasons) == ("repair", [reason])


@pytest.mark.parametrize("lost", [drift_link, drift_socket])
def test_a_vassal_that_lost_its_link_or_socket_gets_a_new_name(served: Served, lost: Callable[[Served], str]) -> None:
    lost(served)
    assert (planned().built, planned().serving, planned().vassal) == (True, VASSAL, f"{VASSAL}-2")


def changed_file(served: Served) -> None:
    (served.release / "vassal.ini").write_text("[uwsgi]\nexec-as-root = id\n")


def changed_environment(served: Served) -> None:
    (served.release / "env/KEY").write_text("other")


def changed_mode(served: Served) -> None:
    (served.release / "src").chmod(0o777)


def changed_virtualenv(served: Served) -> None:
    marker(served.virtualenv).unlink()


@pytest.mark.parametrize("change", [changed_file, changed_environment, changed_mode, changed_virtualenv])
def test_a_changed_release_is_built_again_and_started_beside_itself(
    served: Served, change: Callable[[Served], None]
) -> None:
    change(served)
    found = planned()
    reason = f"release {ID} was changed by hand, or its virtualenv is gone"
    assert (found.action, found.reasons, found.built) == ("repair", [reason], False)
    assert (found.id, found.served, found.serving, found.vassal) == (ID, ID, VASSAL, f"{VASSAL}-2")


def test_a_changed_release_is_as_it_should_be_after_its_repair(served: Served) -> None:
    changed_environment(served)
    vassal = planned().vassal
    served.build(ID)
    assert emperor.serving_vassal(served.release) == VASSAL  # until the new one is checked
    served.start(ID, vassal)
    served.activate(ID)
    assert planned().reasons == [f"vassal {VASSAL} is left over"]
    served.link.unlink()
    emperor.socket_of(VASSAL).unlink()
    assert (planned().action, planned().serving, planned().vassal) == ("unchanged", vassal, vassal)


def test_a_start_that_was_never_activated_is_gone_on_with(served: Served) -> None:
    """A run was killed between the start and the check."""
    served.start(ID, f"{VASSAL}-2")
    found = planned()
    assert (found.action, found.reasons) == ("repair", [f"vassal {VASSAL}-2 is left over"])
    assert (found.serving, found.vassal) == (VASSAL, f"{VASSAL}-2")


def test_a_link_of_somebody_else_is_a_drift(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "user_id", lambda _name: 4_000_000)
    assert planned().reasons == [f"vassal {VASSAL} was changed by hand"]


def test_a_missing_user_is_a_drift(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwnam("root")

    def getpwnam(name: str) -> pwd.struct_passwd:
        if name == "app-shop":
            raise KeyError(name)
        return me

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    assert planned().reasons[0] == "user app-shop is missing"


def test_the_vassal_of_a_neighbour_is_none_of_ours(served: Served) -> None:
    (served.host.vassals / f"shop2.{ID}.ini").symlink_to("/nowhere")
    (served.host.vassals / f"shop-2.{ID}.ini").symlink_to("/nowhere")
    assert planned().action == "unchanged"


def test_planning_changes_nothing(served: Served) -> None:
    def state() -> list[tuple[Path, int]]:
        return [(path, path.lstat().st_mtime_ns) for path in sorted(served.host.apps.parent.rglob("*"))]

    drift_mode(served)
    before = state()
    planned("rev2")
    planned()
    assert state() == before


def test_a_plan_becomes_plain_data(host: Host) -> None:
    assert as_dicts([plan_app(request("blog"))])[0]["action"] == "create"
