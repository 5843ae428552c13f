"""The apps of a host as their owner has them: descriptions and sources in a folder on the controller."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Owner:
    """Edits what the scenario's inventory reads as `flask_apps` of one host."""

    def __init__(self, host: str, folder: Path | None = None) -> None:
        self.host = host
        self.folder = (folder or Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])) / host
        self._file = self.folder / "apps.json"
        self.apps: dict[str, dict[str, Any]] = {}
        if self._file.exists():
            self.apps = {app["name"]: app for app in json.loads(self._file.read_text(encoding="utf-8"))}

    def source(self, app: str) -> Path:
        """Return the folder of an app's source."""
        return self.folder / app

    def start_afresh(self) -> None:
        """Forget all apps and their sources."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.apps = {}

    def describe(self, app: str, **keys: Any) -> None:
        """Add an app, or change keys of its description; None takes a key away."""
        merged = {"name": app, "source": {"path": str(self.source(app))}, **self.apps.get(app, {}), **keys}
        self.apps[app] = {key: value for key, value in merged.items() if value is not None}
        self._save()

    def end(self, app: str) -> None:
        """Say that an app shall be absent, and nothing else of it."""
        self.apps[app] = {"name": app, "state": "absent"}
        self._save()

    def forget(self, app: str) -> None:
        """Take an app out of the inventory."""
        del self.apps[app]
        self._save()

    def write(self, app: str, files: Mapping[str, str]) -> None:
        """Write files of an app's source."""
        for name, text in files.items():
            path = self.source(app) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def replace(self, app: str, name: str, old: str, new: str) -> None:
        """Change a text in a file of an app's source, where it must be."""
        path = self.source(app) / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Renamed, because a playbook may be reading it.
        aside = self._file.with_suffix(".tmp")
        aside.write_text(json.dumps(list(self.apps.values()), indent=2), encoding="utf-8")
        aside.rename(self._file)
