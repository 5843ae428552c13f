"""What is done to `web` leaves `web2` as it was, although one name begins with the other."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from outside import Outside, on_each
from owner import Owner
from playbooks import play


@pytest.mark.parametrize("playbook", ["deploy", "restart", "remove"])
def test_web2_is_untouched(inventory: Path, hosts: list[str], playbook: str) -> None:
    def check(host: str) -> None:
        outside, owner = Outside(host), Owner(host)
        web, web2 = outside.condition("web"), outside.condition("web2")
        assert web2.processes
        assert len(web2.sockets) == 1
        if playbook == "deploy":
            owner.write("web", {"changed.py": f"CODE = '{secrets.token_hex(4)}'\n"})
        play(inventory, playbook, host, app="web").good()
        # Else nothing would have been done that could have touched it.
        assert outside.condition("web").processes != web.processes
        assert outside.condition("web2") == web2
        assert outside.get("web2").status == 200

    on_each(hosts, check)
