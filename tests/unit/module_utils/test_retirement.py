"""What interrupted runs have left, and nothing else."""

from __future__ import annotations

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.retirement import unfinished
from ansible_collections.emperor.flask.tests.support.hosts import Host


def test_what_was_about_to_be_renamed_is_found_everywhere(host: Host) -> None:
    layout = AppLayout("web")
    release = layout.release("0123456789ab")
    release.mkdir(parents=True)
    layout.virtualenvs.mkdir()
    left = [
        layout.root / ".current.7.tmp",
        layout.releases / "ba9876543210.tmp",
        release / ".uwsgi.sock.7.tmp",
        layout.virtualenvs / ".77ab.complete.7.tmp",
        host.vassals / ".web.0123456789ab.ini.7.tmp",
    ]
    for path in left:
        path.symlink_to("somewhere")
    (host.vassals / ".web2.0123456789ab.ini.7.tmp").symlink_to("somewhere")
    assert unfinished(layout) == sorted(left)


def test_an_app_that_is_not_there_left_nothing(host: Host) -> None:
    assert unfinished(AppLayout("web")) == []
