"""What an app needs, from what is on the host."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor as emperors
from ansible_collections.emperor.flask.plugins.module_utils import history, plan, vassals
from ansible_collections.emperor.flask.plugins.module_utils.digests import release_id
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import AppPlan, as_dicts, plan_app
from ansible_collections.emperor.flask.plugins.module_utils.releases import activate, mark_rolled_back
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
        ({"recipe": "other"}, "changed: templates of the release"),
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
    vassals.socket_of(VASSAL).unlink()
    return f"vassal {VASSAL} has no link or no socket"


def drift_no_vassal(served: Served) -> str:
    (served.release / "uwsgi.sock").unlink()
    (served.release / "started.sock").unlink()
    vassals.socket_of(VASSAL).unlink()
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
    assert vassals.serving_vassal(served.release) == VASSAL  # until the new one is checked
    served.start(ID, vassal)
    served.activate(ID)
    assert planned().reasons == [f"vassal {VASSAL} is left over"]
    served.link.unlink()
    vassals.socket_of(VASSAL).unlink()
    assert (planned().action, planned().serving, planned().vassal) == ("unchanged", vassal, vassal)


def test_a_start_that_was_never_activated_is_gone_on_with(served: Served) -> None:
    """A run was killed between the start and the check."""
    served.start(ID, f"{VASSAL}-2")
    found = planned()
    assert (found.action, found.reasons) == ("repair", [f"vassal {VASSAL}-2 is left over"])
    assert (found.serving, found.vassal) == (VASSAL, f"{VASSAL}-2")


def test_a_link_of_somebody_else_is_a_drift(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emperors, "user_id", lambda _name: 4_000_000)
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


A, B, C, D = (letter * 12 for letter in "abcd")


@pytest.fixture
def old(shop: App) -> App:
    """Return an app that served A, then B, then C."""
    for release in (A, B, C):
        shop.serve(release, revision=f"revision of {release}")
    for release in (A, B):
        shop.end(f"shop.{release}")
    return shop


def test_a_rollback_goes_to_the_release_before(old: App) -> None:
    found = asked_back()
    assert (found.action, found.id, found.served) == ("rollback", B, C)
    assert (found.built, found.revision, found.path) == (True, f"revision of {B}", str(old.layout.release(B)))
    # Its old vassal is gone, and its name is used up.
    assert (found.serving, found.vassal) == (f"shop.{C}", f"shop.{B}-2")
    assert found.description == found.served_description == old.description
    assert found.request == {"want": "rollback", "name": "shop", "release": ""}


def test_a_rollback_to_a_warm_release_takes_its_vassal(old: App, host: Host) -> None:
    old.start(B, f"shop.{B}-2")
    host.warm.mkdir()
    (host.warm / f"shop.{B}-2").write_text("9999999999")
    assert (asked_back().id, asked_back().vassal) == (B, f"shop.{B}-2")


def test_a_rollback_may_name_its_release(old: App) -> None:
    assert (asked_back(release=A).action, asked_back(release=A).id) == ("rollback", A)


def test_a_rollback_to_the_served_release_is_none(old: App) -> None:
    found = asked_back(release=C)
    assert (found.action, found.reasons) == ("unchanged", [f"release {C} serves already"])


def test_a_release_that_was_rolled_back_from_is_skipped(old: App) -> None:
    mark_rolled_back(old.layout, B, "ada@controller")
    assert asked_back().id == A
    # By name it can be had.
    assert asked_back(release=B).action == "rollback"


def test_a_second_rollback_goes_one_further(old: App) -> None:
    mark_rolled_back(old.layout, C, "ada@controller")
    old.start(B, f"shop.{B}-2")
    old.activate(B, history.ROLLED_BACK)
    old.end(f"shop.{C}")
    assert asked_back().id == A


def incomplete(old: App) -> None:
    (old.layout.release(B) / "env/KEY").write_text("other")


def gone(old: App) -> None:
    (old.layout.release(B)).rename(old.layout.root / "elsewhere")


def of_an_early_version(old: App) -> None:
    path = old.layout.release(B) / "release.json"
    path.write_text(path.read_text().replace('"description"', '"parts"'))


@pytest.mark.parametrize("change", [incomplete, gone, of_an_early_version])
def test_a_release_that_cannot_serve_again_is_skipped_or_refused(old: App, change: Callable[[App], None]) -> None:
    change(old)
    assert asked_back().id == A
    found = asked_back(release=B)
    assert found.action == "failed"
    assert found.error == (
        f"app shop has no complete release {B} here; complete releases: {C}, {A}; name one with -e release=ID"
    )


def test_a_release_that_never_went_live_is_nowhere_to_go_back_to(old: App) -> None:
    old.build(D)
    history.record(old.layout, {"release": D, "result": history.FAILED})
    assert asked_back().id == B


def test_without_an_earlier_release_a_rollback_fails(shop: App) -> None:
    shop.serve(A)
    found = asked_back()
    assert (found.action, found.served, found.id) == ("failed", A, "unknown")
    assert found.error == (
        f"app shop has no earlier good release to roll back to; complete releases: {A}; name one with -e release=ID"
    )
    assert found.served_description == shop.description


@pytest.mark.parametrize("want", ["rollback", "restart"])
def test_an_app_that_is_not_here_cannot_go_back(host: Host, want: str) -> None:
    assert asked_back(want).error == "app shop has no release on this host; deploy it first"


def test_a_rollback_that_was_interrupted_goes_on_instead_of_one_further(old: App) -> None:
    """The traffic has moved back to B; the entry is missing, and the host has been started anew since."""
    mark_rolled_back(old.layout, C, "ada@controller")
    old.start(B, f"shop.{B}-2")
    activate(old.layout, B)
    old.end(f"shop.{C}")
    found = asked_back()
    assert (found.action, found.id) == ("rollback", B)
    assert found.reasons == ["the last switch was interrupted, and is brought to its end"]
    # Asked for by name, it is just that.
    assert asked_back(release=A).id == A


def test_a_rollback_that_left_its_old_vassal_goes_on(old: App) -> None:
    old.start(B, f"shop.{B}-2")
    old.activate(B, history.ROLLED_BACK)
    assert asked_back().reasons == ["the last switch was interrupted, and is brought to its end"]
    old.end(f"shop.{C}")
    assert asked_back().id != B


def test_a_restart_is_the_served_release_under_a_new_name(old: App) -> None:
    found = asked_back("restart")
    assert (found.action, found.id, found.built, found.reasons) == ("restart", C, True, ["restart was asked for"])
    assert (found.serving, found.vassal) == (f"shop.{C}", f"shop.{C}-2")


def test_a_release_that_was_rolled_back_from_is_held(served: Served) -> None:
    wanted = planned("rev2").id
    served.build(wanted)
    mark_rolled_back(served.layout, wanted, "ada@controller")
    found = planned("rev2")
    assert (found.action, found.served, found.id) == ("held", ID, wanted)
    [reason] = found.reasons
    assert reason.startswith(f"release {wanted} was rolled back from at 2")
    assert reason.endswith(" by ada@controller")
    assert planned("rev3").action == "deploy"


@pytest.mark.parametrize("mark", ["", "{", "[]", "{}"])
def test_a_mark_that_nobody_can_read_holds_too(served: Served, mark: str) -> None:
    wanted = planned("rev2").id
    served.build(wanted)
    (served.layout.release(wanted) / "rolled-back.json").write_text(mark)
    assert planned("rev2").reasons == [f"release {wanted} was rolled back from"]


def test_again_deploys_what_is_held(served: Served) -> None:
    wanted = planned("rev2").id
    served.build(wanted)
    mark_rolled_back(served.layout, wanted, "ada@controller")
    found = planned("rev2", again=True)
    assert (found.action, found.built, found.reasons) == ("deploy", True, ["changed: source"])


def test_a_source_that_cannot_be_had_is_a_failed_plan(served: Served) -> None:
    found = plan_app({**request(revision=None), "error": "app shop: git cannot read x", "warnings": ["w"]})
    assert (found.action, found.error, found.served) == ("failed", "app shop: git cannot read x", ID)
    assert (found.served_description, found.warnings) == (DESCRIPTION, ["w"])


def test_leftovers_are_neither_wanted_nor_warm(served: Served) -> None:
    bind(f"shop.{A}")
    (served.host.vassals / f"shop.{B}.ini").symlink_to("/nowhere")
    (served.host.vassals / f"shop.{C}.ini").symlink_to("/nowhere")
    served.host.warm.mkdir()
    (served.host.warm / f"shop.{C}").write_text("9999999999")
    (served.host.warm / f"shop.{B}").write_text("1")
    for name in (f"shop2.{D}", f"shop-2.{D}"):
        (served.host.vassals / f"{name}.ini").symlink_to("/nowhere")
    assert plan.leftovers(served.layout, VASSAL) == [f"shop.{A}", f"shop.{B}"]
    assert plan.leftovers(served.layout, VASSAL, None, f"shop.{A}") == [f"shop.{B}"]
    assert plan.leftovers(served.layout) == sorted([VASSAL, f"shop.{A}", f"shop.{B}"])


def test_a_warm_vassal_is_no_drift(served: Served) -> None:
    served.build(A)
    served.start(A)
    assert planned().reasons == [f"vassal shop.{A} is left over"]
    served.host.warm.mkdir()
    (served.host.warm / f"shop.{A}").write_text("9999999999")
    assert planned().action == "unchanged"


def test_apps_whose_names_begin_alike_are_two_apps(host: Host) -> None:
    for name in ("web", "web2"):
        App(name).serve(A)
    (host.vassals / f"web2.{B}.ini").symlink_to("/nowhere")
    (host.vassals / f"web.{C}.ini").symlink_to("/nowhere")
    found = {name: plan.leftovers(AppLayout(name), f"{name}.{A}") for name in ("web", "web2")}
    assert found == {"web": [f"web.{C}"], "web2": [f"web2.{B}"]}


def test_a_missing_user_comes_with_its_home(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "user_id", lambda _name: None)
    assert planned().missing_users == [
        {"name": "app-shop", "home": str(host.apps / "shop")},
        {"name": "build-shop", "home": str(host.cache / "shop")},
    ]
