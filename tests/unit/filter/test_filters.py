"""The filters, as templates call them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.action.plan import LATE, describe
from ansible_collections.emperor.flask.plugins.filter.app_units import FilterModule as AppUnits
from ansible_collections.emperor.flask.plugins.filter.complete_apps import FilterModule as CompleteApps
from ansible_collections.emperor.flask.plugins.filter.failed_step import FilterModule as FailedStep
from ansible_collections.emperor.flask.plugins.filter.site_files import FilterModule as SiteFiles
from ansible_collections.emperor.flask.plugins.filter.stored_app import FilterModule as StoredApp
from ansible_collections.emperor.flask.tests.support.apps import complete, full, gunicorn, minimal
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT

complete_apps = CompleteApps().filters()["complete_apps"]
site_files = SiteFiles().filters()["site_files"]
app_units = AppUnits().filters()["app_units"]
failed_step = FailedStep().filters()["failed_step"]
stored_app = StoredApp().filters()["stored_app"]


def test_apps_come_out_complete() -> None:
    [first, second] = complete_apps([minimal(), full(name="blog", domains=["blog.test"])])
    assert (first["domains"], first["idle"], first["user"]) == (["shop.localhost"], 0, "app-shop")
    assert (second["idle"], second["root"]) == (900, "/srv/apps/blog")
    assert first.keys() == second.keys()


def test_all_mistakes_are_one_filter_error() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        complete_apps([minimal(name="My App"), minimal(domans=[])])
    assert str(caught.value).splitlines() == [
        "2 mistakes in the apps; no host was changed.",
        "flask_apps[0].name: app 'My App': use a-z, 0-9 and '-', at most 23 characters",
        "flask_apps[1].domans: is not a key of an app; did you mean 'domains'?",
    ]


def test_a_source_that_only_the_controller_has_is_not_looked_for_here() -> None:
    assert complete_apps([minimal(source={"path": "gone"})])[0]["source"]["path"] == "gone"


def stored(app: dict[str, Any]) -> dict[str, Any]:
    """Return a description as a release carries it."""
    return describe(app, "recipe")["description"]


def planned(name: str = "shop", **more: Any) -> dict[str, Any]:
    """Return a plan of an app that moves from one domain to another."""
    before, after = (stored(complete(full(name=name, domains=[f"{name}.{when}"]))) for when in ("old", "new"))
    plan = {"name": name, "action": "deploy", "id": NEXT, "served": ID}
    return {**plan, "description": after, "served_description": before, **more}


def domains(files: list[dict[str, Any]]) -> list[str]:
    sites = (file["vars"]["app"] for file in files if file.get("template") == "site.conf.j2")
    return [domain for app in sites for domain in app["domains"]]


def test_each_app_has_its_files_and_no_secret_in_them() -> None:
    blog = planned("blog", action="held", served_description=stored(complete(minimal(name="blog"))))
    files = site_files([planned("shop"), blog])
    assert [(file["path"], file.get("template", file.get("state"))) for file in files] == [
        ("/etc/nginx/flask-apps/shop.conf", "site.conf.j2"),
        ("/etc/nginx/flask-apps/shop.redirect.conf", "redirect.conf.j2"),
        ("/etc/flask-emperor/listeners/shop.ini", "listener.ini.j2"),
        ("/etc/nginx/flask-mounts/*/shop.conf", "absent"),
        ("/etc/nginx/flask-apps/shop.redirect.conf", "absent"),
        ("/etc/flask-emperor/listeners/shop.ini", "absent"),
        ("/etc/nginx/flask-apps/blog.conf", "site.conf.j2"),
        ("/etc/nginx/flask-mounts/*/blog.conf", "absent"),
        ("/etc/nginx/flask-apps/blog.redirect.conf", "absent"),
        ("/etc/flask-emperor/listeners/blog.ini", "absent"),
    ]
    assert domains(files) == ["shop.new", "blog.localhost"]
    assert full()["secrets"]["SECRET_KEY"] not in repr(files)


@pytest.mark.parametrize(
    ("listen", "there"),
    [({}, False), ({"http": "127.0.0.1:9090"}, True), ({"uwsgi": "127.0.0.1:3031"}, True)],
)
def test_an_app_that_listens_has_a_file_for_it_and_others_have_none(listen: dict[str, str], there: bool) -> None:
    description = stored(complete(minimal(listen=listen)))
    found = [one for one in site_files([planned(description=description)]) if one["path"].endswith(".ini")]
    assert {one["path"] for one in found} == {"/etc/flask-emperor/listeners/shop.ini"}
    # A file that is written is not taken away by a later entry.
    assert found[0].get("template") == ("listener.ini.j2" if there else None)
    assert found[-1].get("state") == "absent"


@pytest.mark.parametrize(("before", "after"), [("uwsgi", "gunicorn"), ("gunicorn", "uwsgi")])
def test_between_two_servers_the_site_is_the_served_ones_and_reaches_either(before: str, after: str) -> None:
    old, new = (stored(complete(minimal(server=server, domains=[f"shop.{server}"]))) for server in (before, after))
    plan = planned(description=new, served_description=old)
    [site] = [file for file in site_files([plan], between=True) if file.get("template") == "site.conf.j2"]
    assert site["vars"]["servers"] == ["gunicorn", "uwsgi"]
    assert site["vars"]["app"]["domains"] == [f"shop.{before}"]
    [site] = [file for file in site_files([plan]) if file.get("template") == "site.conf.j2"]
    assert (site["vars"]["servers"], site["vars"]["app"]["domains"]) == ([after], [f"shop.{after}"])


def test_no_apps_have_no_sites() -> None:
    assert site_files([]) == []


@pytest.mark.parametrize(
    ("action", "served"),
    [
        ("create", "shop.new"), ("deploy", "shop.new"), ("repair", "shop.new"), ("unchanged", "shop.new"),
        ("rollback", "shop.new"), ("restart", "shop.new"), ("held", "shop.old"), ("failed", "shop.old"),
    ],
)  # fmt: skip
def test_a_site_belongs_to_the_release_that_serves(action: str, served: str) -> None:
    assert domains(site_files([planned(action=action)])) == [served]


def test_an_app_that_failed_keeps_the_site_of_the_release_that_serves_on() -> None:
    plans = [planned("shop"), planned("shop2")]
    assert domains(site_files(plans, [{"name": "shop", "served": ID}])) == ["shop.old", "shop2.new"]


def test_an_app_that_failed_after_its_switch_has_the_site_of_the_new_release() -> None:
    assert domains(site_files([planned()], [{"name": "shop", "served": NEXT}])) == ["shop.new"]


def test_an_app_of_which_nothing_was_ever_served_has_no_site() -> None:
    first = planned(action="create", served=None, served_description=None)
    assert site_files([first], [{"name": "shop", "served": None}]) == []
    assert domains(site_files([first])) == ["shop.new"]


def test_a_plan_that_failed_has_the_site_of_what_serves_or_none() -> None:
    """Its source cannot be had, so nobody knows the wanted release."""
    failed = {"name": "shop", "action": "failed", "id": "unknown", "description": {}}
    failures = [{"name": "shop", "served": ID, "report": "git cannot read"}]
    before = stored(complete(minimal(domains=["shop.old"])))
    assert domains(site_files([{**failed, "served_description": before}], failures)) == ["shop.old"]
    assert site_files([{**failed, "served_description": None}], [{"name": "shop", "served": None}]) == []


def test_an_app_has_a_service_for_each_daemon_and_a_timer_for_each_schedule() -> None:
    [found] = app_units([planned()])
    names = ["flask-app-shop.mails.service", "flask-app-shop.nightly.service", "flask-app-shop.nightly.timer"]
    assert (found["name"], found["units"]) == ("shop", names)
    assert [file["path"] for file in found["files"]] == [f"/etc/systemd/system/{name}" for name in names]


def test_statistics_past_nginx_are_a_daemon_of_the_app() -> None:
    description = stored(complete(minimal(listen={"stats": "127.0.0.1:9191"})))
    [found] = app_units([{**planned(), "description": description}])
    assert found["units"] == ["flask-app-shop.stats.service"]
    [file] = found["files"]
    assert file["vars"]["command"].endswith('/flask-emperor/stats /srv/apps/shop 127.0.0.1:9191"')
    # uWSGI's routers have no part in it.
    files = site_files([{**planned(), "description": description}])
    assert {"path": "/etc/flask-emperor/listeners/shop.ini", "state": "absent"} in files


def test_units_carry_no_value_of_a_variable() -> None:
    said = repr(app_units([planned()]))
    for value in (*full()["environment"].values(), *full()["secrets"].values()):
        assert repr(value) not in said


def test_units_belong_to_the_release_that_serves() -> None:
    before = stored(complete(minimal()))
    held = {**planned(action="held"), "served_description": before}
    assert app_units([held]) == [{"name": "shop", "units": [], "files": []}]
    assert app_units([{**held, "served_description": None}]) == []
    failed = {**held, "action": "deploy"}
    assert app_units([failed], [{"name": "shop", "served": ID}])[0]["units"] == []
    assert len(app_units([failed], [{"name": "shop", "served": NEXT}])[0]["units"]) == 3


def test_a_release_of_an_earlier_version_gets_the_keys_it_lacks() -> None:
    description = stored(complete(minimal()))
    old = {key: value for key, value in description.items() if key not in ("keep_releases", "rollback_window")}
    old["health"] = {"path": "/up", "status": [], "timeout": 9}
    found = stored_app(old)
    assert (found["keep_releases"], found["rollback_window"]) == (5, 0)
    assert found["health"] == {"path": "/up", "status": [], "text": None, "timeout": 9}
    # Left out where they say nothing new.
    assert stored_app(description) == {**description, **LATE}


def test_a_python_for_gunicorn_comes_back_without_a_uwsgi() -> None:
    found = stored_app(stored(complete(gunicorn())))
    assert (found["server"], found["python"], found["uwsgi_engine"]) == ("gunicorn", "3.12", "distribution")


def test_what_a_release_has_stored_stays_as_it_is() -> None:
    description = stored(complete(full()))
    found = stored_app(description)
    assert {key: found[key] for key in description} == description
    # Names of an environment are the app's own, not options that could be missing.
    assert stored_app({**description, "environment": {}})["environment"] == {}


ABOUT = "app shop, release 0123456789ab: "
NO_ANSWER = "Module result deserialization failed."


def told(**result: object) -> dict[str, object]:
    return dict(failed_step(result, "Build shop", "shop", "0123456789ab"))


@pytest.mark.parametrize("said", [f"{ABOUT}no answer", "app shop: no answer"])
def test_a_step_that_tells_why_it_failed_is_believed(said: str) -> None:
    result = {"remedy": "mend it", "log": "boom", "view": "no process", "locked": True}
    assert told(**result, msg=said) == {**result, "msg": f"{ABOUT}no answer", "cause": "no answer", "away": False}


def test_a_step_that_was_killed_has_a_cause_and_a_remedy() -> None:
    found = told(msg=NO_ANSWER, rc=137, module_stdout="")
    assert found["cause"] == '"Build shop" was killed on the host by SIGKILL'
    assert found["msg"] == f"{ABOUT}{found['cause']}"
    assert "journalctl --dmesg" in str(found["remedy"])


GONE = {"msg": NO_ANSWER, "rc": 255, "module_stdout": "", "module_stderr": "Error: no such host\n"}


@pytest.mark.parametrize(
    ("result", "cleared"), [(GONE, {}), ({"msg": NO_ANSWER, "rc": 137, "module_stdout": ""}, GONE), (GONE, GONE)]
)
def test_a_host_that_went_away_is_the_cause(result: dict[str, object], cleared: dict[str, object]) -> None:
    found = failed_step(result, "Build shop", "shop", "0123456789ab", cleared)
    assert found["cause"] == 'the host went away in "Build shop": no such host'
    assert found["away"]
    assert "is up" in found["remedy"]


def test_what_a_step_has_told_stays_the_cause_when_the_host_goes_away_after_it() -> None:
    own = {"msg": f"{ABOUT}answered 500", "remedy": "mend it", "log": "boom"}
    found = failed_step(own, "Build shop", "shop", "0123456789ab", GONE)
    assert (found["cause"], found["remedy"], found["away"]) == ("answered 500", "mend it", True)


@pytest.mark.parametrize("result", [{"rc": 255, "module_stdout": "{}"}, {"rc": 255}, {"rc": 1, "module_stdout": ""}])
def test_a_host_that_answered_did_not_go_away(result: dict[str, object]) -> None:
    assert not told(msg=NO_ANSWER, **result)["away"]


@pytest.mark.parametrize("result", [{"rc": 1, "module_stdout": ""}, {"rc": 137}, {"rc": 400, "module_stdout": ""}, {}])
def test_a_step_that_was_not_killed_is_not_said_to_be(result: dict[str, object]) -> None:
    found = told(msg=NO_ANSWER, **result)
    assert found["msg"] == f'{ABOUT}"Build shop" failed: {NO_ANSWER}'
    assert found["remedy"]
    assert (found["log"], found["view"], found["locked"]) == ("", "", False)
