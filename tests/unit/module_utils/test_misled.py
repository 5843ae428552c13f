"""Links whose last part is right, in a folder that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import vassals
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import misled
from ansible_collections.emperor.flask.tests.support.hosts import ID, Host


@pytest.fixture
def layout(host: Host) -> AppLayout:
    found = AppLayout("shop")
    found.release(ID).mkdir(parents=True)
    found.current.symlink_to(f"releases/{ID}")
    vassals.serving_link(found.release(ID)).symlink_to(vassals.socket_of(f"shop.{ID}"))
    return found


def bend(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


def test_right_links_are_left_alone(layout: AppLayout) -> None:
    assert misled(layout, ID) == []


@pytest.mark.parametrize("target", [f"/tmp/{ID}", f"releases/../elsewhere/{ID}", "releases/000000000000"])
def test_current_that_leads_elsewhere_is_found(layout: AppLayout, target: str) -> None:
    bend(layout.current, target)
    assert misled(layout, ID) == [layout.current]


def test_a_socket_of_the_same_name_elsewhere_is_found(layout: AppLayout) -> None:
    serving = vassals.serving_link(layout.release(ID))
    bend(serving, f"/tmp/shop.{ID}.socket")
    assert misled(layout, ID) == [serving]


def test_a_release_that_never_served_misleads_nobody(layout: AppLayout) -> None:
    vassals.serving_link(layout.release(ID)).unlink()
    layout.current.unlink()
    assert misled(layout, ID) == []
