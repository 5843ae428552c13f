# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Looks at commits that are not fetched yet, in a repository that is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from time import monotonic

from ansible_collections.emperor.flask.plugins.module_utils.changes import clean, first
from ansible_collections.emperor.flask.plugins.module_utils.sources import LOCAL_ENVIRONMENT, Run, SourceError
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import CANDIDATES, includes

_MOST_COMMITS = 20
# A person waits for it, and the plan does not need it.
SECONDS = 30


def within(run: Run, seconds: float = SECONDS) -> Run:
    """Return a `run` whose commands have so many seconds, all together."""
    deadline = monotonic() + seconds

    def limited(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        left = max(deadline - monotonic(), 0.1)
        code, out, err = run(["timeout", "--kill-after=2", f"{left:.1f}", *command], environment)
        return code, out, f"no answer within {seconds:.0f} s" if code in (124, 137) else err

    return limited


class Repository:
    """A bare repository that sees the commits of an app's mirror and keeps its own apart from it."""

    def __init__(self, run: Run, path: Path) -> None:
        self._run = run
        self.path = path

    @classmethod
    @contextlib.contextmanager
    def beside(cls, run: Run, mirror: Path, scratch: str) -> Iterator[Repository]:
        """Make one in the folder `scratch`, and take it away again. Raises SourceError."""
        with tempfile.TemporaryDirectory(prefix="commits-", dir=scratch) as place:
            found = cls(run, Path(place))
            # Without a template no hook is there to run.
            code, _out, err = run(["git", "init", "--quiet", "--bare", "--template=", place], LOCAL_ENVIRONMENT)
            if code != 0:
                raise SourceError(f"git cannot make a repository: {err.strip()}")
            if mirror.is_dir():
                info = found.path / "objects/info"
                info.mkdir(exist_ok=True)
                (info / "alternates").write_text(f"{mirror / 'objects'}\n", encoding="utf-8")
            yield found

    def has(self, commit: str) -> bool:
        """Tell whether a commit is here."""
        return self._git("cat-file", "-e", f"{commit}^{{commit}}")[0] == 0

    def between(self, old: str, new: str) -> list[str]:
        """Return the commits that `new` has and `old` has not, newest first. Raises SourceError."""
        listed = ["rev-list", "--no-commit-header", "--abbrev=7", "--format=%h %s", f"--max-count={_MOST_COMMITS}"]
        lines = self._checked(*listed, new, f"^{old}", "--").splitlines()
        total = int(self._checked("rev-list", "--count", new, f"^{old}", "--")) if len(lines) >= _MOST_COMMITS else None
        return first([clean(line) for line in lines], _MOST_COMMITS, total)

    def write_requirements(self, commit: str, named: str | None, folder: Path) -> None:
        """Write the files of a commit that name what to install, and those that they include."""
        pending = [Path(name) for name in ([named] if named else CANDIDATES)]
        seen = set[Path]()
        while pending:
            path = Path(os.path.normpath(pending.pop()))
            if path in seen or path.is_absolute() or ".." in path.parts:
                continue
            seen.add(path)
            # No `git show`: attributes and the configuration could name a program to run.
            code, text, _err = self._git("cat-file", "blob", f"{commit}:{PurePosixPath(path)}")
            if code != 0:
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8", errors="replace")
            pending += includes(path, text)
            if path.name == "uv.lock":
                pending.append(path.with_name("pyproject.toml"))

    def _git(self, *arguments: str) -> tuple[int, str, str]:
        return self._run(["git", "--git-dir", str(self.path), *arguments], LOCAL_ENVIRONMENT)

    def _checked(self, *arguments: str) -> str:
        code, out, err = self._git(*arguments)
        if code != 0:
            raise SourceError(err.strip().splitlines()[-1] if err.strip() else f"git {arguments[0]} ended with {code}")
        return out
