"""The filters, as templates call them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.filter.complete_apps import FilterModule as CompleteApps
from ansible_collections.emperor.flask.plugins.filter.site_files import FilterModule as SiteFiles
from ansible_collections.emperor.flask.tests.support.apps import full, minimal

complete_apps = CompleteApps().filters()["complete_apps"]
site_files = SiteFiles().filters()["site_files"]


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


def test_each_app_has_one_site_and_no_secret_in_it() -> None:
    apps = complete_apps([minimal(), full(name="blog", domains=["blog.test"])])
    files = site_files(apps)
    assert [(file["path"], file["template"]) for file in files] == [
        ("/etc/nginx/flask-apps/shop.conf", "site.conf.j2"),
        ("/etc/nginx/flask-apps/blog.conf", "site.conf.j2"),
    ]
    assert all("secrets" not in file["vars"]["app"] for file in files)
    assert apps[1]["secrets"] == full()["secrets"]
    assert files[1]["vars"]["app"]["domains"] == ["blog.test"]


def test_no_apps_have_no_sites() -> None:
    assert site_files(complete_apps([])) == []


def test_apps_may_be_left_out() -> None:
    apps = complete_apps([minimal(), full(name="shop2", domains=["blog.test"])])
    assert [file["vars"]["app"]["name"] for file in site_files(apps, without=["shop"])] == ["shop2"]
    assert site_files(apps, without=[]) == site_files(apps)
    assert site_files(apps, ["shop", "shop2", "gone"]) == []
