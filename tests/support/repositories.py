"""Real git repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "n",
    "GIT_AUTHOR_EMAIL": "e",
    "GIT_COMMITTER_NAME": "n",
    "GIT_COMMITTER_EMAIL": "e",
}


def run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command as a module does."""
    together = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=together, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


class Repository:
    """A repository that somebody develops an app in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"file://{path}"
        path.mkdir(parents=True)
        self.git("init", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        code, out, err = run(["git", "-C", str(self.path), *arguments], {**_IDENTITY, **own})
        assert code == 0, err
        return out.strip()

    def commit(self, text: str) -> str:
        (self.path / "app.py").write_text(text)
        self.git("add", "app.py")
        self.git("commit", "-m", text)
        return self.git("rev-parse", "HEAD")

    def add_submodule(self, path: str, url: str, commit: str, name: str = "") -> str:
        """Commit a submodule without looking at its repository, so that its address may be any."""
        for key, value in (("path", path), ("url", url)):
            self.git("config", "--file", ".gitmodules", f"submodule.{name or path}.{key}", value)
        self.git("add", ".gitmodules")
        return self.add_gitlink(path, commit)

    def add_gitlink(self, path: str, commit: str) -> str:
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        self.git("commit", "-m", f"submodule {path}")
        return self.git("rev-parse", "HEAD")
