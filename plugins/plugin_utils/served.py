# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The apps as the releases have them that get the traffic: what a host runs for them belongs to these."""

from __future__ import annotations

from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import with_defaults


def served_apps(plans: list[dict[str, Any]], failures: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return each app of which a release serves, complete but for source and secrets.

    `failures` are apps whose run failed, each with `name`, and `served`, the release that gets the traffic.
    """
    served = {failure["name"]: failure["served"] for failure in failures or []}
    descriptions = (_description(plan, served) for plan in plans)
    return [with_defaults(description) for description in descriptions if description is not None]


def _description(plan: dict[str, Any], failed: dict[str, Any]) -> dict[str, Any] | None:
    stays = plan["action"] in ("held", "failed")
    if plan["name"] in failed:
        stays = failed[plan["name"]] != plan["id"]
    found: dict[str, Any] | None = plan["served_description"] if stays else plan["description"]
    return found
