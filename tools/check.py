#!/usr/bin/env python3
"""Run the named parts of the test suite.

    tools/check.py                 all
    tools/check.py lint unit       these
    tools/check.py molecule        all scenarios

One part alone writes to the terminal as it goes. Several run two at a time: each
writes to a log, and a line now and then tells what it is doing. A part that fails shows the end of its
log, and the last lines name it and its tests that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / ".cache" / "check"
COLLECTION = Path("ansible_collections", "emperor", "flask")
HEARTBEAT = 20
TAIL = 60
# More would only make the hosts' waits run out on a small machine.
AT_ONCE = 2
# A lock for each scenario that has run: `default` and `installed` are one.
RUNNING: dict[str, threading.Lock] = {}
# Of the tests that failed, this many lines, cut to this length.
FINDINGS, WIDTH = 12, 160


class PartError(Exception):
    """What a part found wrong, in one line."""


@dataclass
class Runner:
    """Runs the commands of a part; a log takes their output, else the terminal."""

    log: TextIO | None = None
    env: dict[str, str] = field(default_factory=dict)

    def say(self, text: str) -> None:
        print(text, file=self.log or sys.stdout, flush=True)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        # molecule and ansible-lint look for their companions on the PATH.
        merged = {**os.environ, **self.env, **(env or {})}
        merged["PATH"] = os.pathsep.join([str(BIN), merged.get("PATH", "")])
        return merged

    def call(
        self,
        *command: str | Path,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
    ) -> int:
        self.say(f"$ {shlex.join(map(str, command))}")
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT if self.log else None,
            check=False,
        ).returncode

    def run(
        self,
        *command: str | Path,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
    ) -> None:
        if self.call(*command, cwd=cwd, env=env):
            raise PartError(shlex.join(map(str, command)))

    def run_all(self, *commands: Sequence[str | Path], beside: Sequence[str | Path] = ()) -> None:
        """Run all of them, so that one mistake does not hide the next; `beside` them one that mostly waits."""
        waiting = self.start(*beside) if beside else None
        failed = [shlex.join(map(str, c)) for c in commands if self.call(*c)]
        if waiting:
            output, _ = waiting.communicate()
            self.say(f"$ {shlex.join(map(str, beside))}\n{output.rstrip()}")
            failed += [shlex.join(map(str, beside))] * bool(waiting.returncode)
        if failed:
            raise PartError(", ".join(failed))

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read(self, *command: str | Path, cwd: Path, env: dict[str, str]) -> str:
        self.say(f"$ {shlex.join(map(str, command))}")
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.say(done.stdout + done.stderr)
            raise PartError(shlex.join(map(str, command)))
        return done.stdout


# --- the parts ---------------------------------------------------------------


def lint(runner: Runner) -> None:
    """ansible-lint, yamllint, ruff, mypy, known vulnerabilities, the reference of docs/app.md, the changelog"""
    runner.run_all(
        ["ruff", "check", "--no-fix"],
        ["ruff", "format", "--check"],
        ["yamllint", "--strict", "."],
        ["mypy"],
        # The guestbook has settings of its own.
        ["env", "-C", "app", "mypy"],
        ["ansible-lint", "--nocolor", "-q"],
        ["python", "tools/app_reference.py", "--check"],
        ["antsibull-changelog", "lint"],
        ["python", "tools/vaults.py"],
        beside=["python", "tools/audit.py"],
    )


def unit(runner: Runner) -> None:
    """pytest: modules, filters, templates, contracts; the guestbook"""
    runner.run_all(["pytest"], ["env", "-C", "app", "pytest", "-q"])


def scenario(name: str, **env: str) -> Callable[[Runner], None]:
    """Return a part that runs a scenario; what the caller's environment says, holds."""

    def run(runner: Runner) -> None:
        unsaid = {key: value for key, value in env.items() if key not in os.environ}
        run_scenario(runner, name, unsaid)

    return run


def run_scenario(runner: Runner, name: str, env: dict[str, str]) -> None:
    """Run a scenario from beginning to end, and never twice at a time."""
    # Two would share their hosts' names and Molecule's folder, which each empties at its end.
    with RUNNING.setdefault(name, threading.Lock()):
        runner.run(*molecule_command("test", "--scenario-name", name), env=env)


def molecule_command(*arguments: str) -> list[str]:
    # Named, because molecule looks for it only in a git clone.
    return ["molecule", "--base-config", str(ROOT / ".config/molecule/config.yml"), *arguments]


def build(runner: Runner) -> None:
    """the collection's tarball, installed and used outside the clone"""
    with installed_collection(runner) as (collections, elsewhere):
        env = isolated(collections, elsewhere)
        check_documentation(runner, collections / COLLECTION, elsewhere, env)
        inventory = ROOT / "inventory" / "development"
        for playbook in sorted((collections / COLLECTION / "playbooks").glob("*.yml")):
            name = f"emperor.flask.{playbook.stem}"
            runner.run(
                *("ansible-playbook", "-i", inventory, name, "--syntax-check"),
                cwd=elsewhere,
                env=env,
            )


def installed(runner: Runner) -> None:
    """the default scenario on one host, with the installed tarball"""
    with installed_collection(runner) as (collections, _):
        env = {
            "EMPEROR_FLASK_COLLECTIONS": str(collections),
            "EMPEROR_FLASK_HOSTS": os.environ.get("EMPEROR_FLASK_INSTALLED_HOSTS", "debian12"),
        }
        run_scenario(runner, "default", env)


@contextlib.contextmanager
def installed_collection(runner: Runner) -> Iterator[tuple[Path, Path]]:
    """Build and install outside the clone; yields the collections path and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="emperor-flask-") as name:
        folder = Path(name)
        collections, elsewhere = folder / "collections", folder / "elsewhere"
        elsewhere.mkdir()
        env = isolated(collections, elsewhere)
        runner.run("ansible-galaxy", "collection", "build", "--output-path", folder, ROOT, env=env)
        (tarball,) = folder.glob("*.tar.gz")
        check_tarball(tarball)
        runner.run(
            *("ansible-galaxy", "collection", "install", "--no-deps"),
            *("--collections-path", collections, tarball),
            cwd=elsewhere,
            env=env,
        )
        yield collections, elsewhere


def isolated(collections: Path, elsewhere: Path) -> dict[str, str]:
    """The clone's ansible.cfg and the user's own must not help."""
    config = elsewhere / "ansible.cfg"
    config.touch()
    return {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
    }


def check_tarball(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    strays = [name for name in names if re.match(r"\.|.*(__pycache__|\.pyc$|\.tar\.gz$)", name)]
    if strays:
        raise PartError(f"the tarball contains {', '.join(strays[:5])}; see build_ignore")
    missing = {"README.md", "playbooks/site.yml", "meta/runtime.yml"} - set(names)
    if missing:
        raise PartError(f"the tarball lacks {', '.join(sorted(missing))}")


def check_documentation(runner: Runner, collection: Path, elsewhere: Path, env: dict[str, str]) -> None:
    """Each plugin of the installed collection explains itself."""
    for kind, folder in {"module": "modules", "filter": "filter", "test": "test"}.items():
        files = {path.stem for path in (collection / "plugins" / folder).glob("[!_]*.py")}
        if not files:
            continue
        text = runner.read("ansible-doc", "-t", kind, "-j", "-l", "emperor.flask", cwd=elsewhere, env=env)
        names = sorted(json.loads(text))
        if kind == "module" and (files - {name.split(".")[-1] for name in names}):
            raise PartError(f"ansible-doc does not list all of {', '.join(sorted(files))}")
        if not names:
            raise PartError(f"ansible-doc lists no {kind} of {folder}/")
        docs = runner.read("ansible-doc", "-t", kind, "-j", *names, cwd=elsewhere, env=env)
        bare = [name for name, entry in json.loads(docs).items() if not entry.get("doc")]
        if bare:
            raise PartError(f"no documentation: {', '.join(bare)}")


def about(name: str) -> str:
    """What a scenario says of itself in its first comment."""
    text = (ROOT / "molecule" / name / "molecule.yml").read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith("# "))[2:].rstrip(".")


@dataclass(frozen=True)
class Part:
    name: str
    call: Callable[[Runner], None]
    about: str


# The longest first, so that nobody waits for one at the end; scenarios of other names come last.
LONG = (
    *("ways", "lint", "unit", "build", "release", "faults", "isolation", "hardening", "default"),
    *("baseline", "secrets", "sources", "density", "installed"),
)
SCENARIOS = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
PARTS = {
    part.name: part
    for part in sorted(
        (
            *(Part(call.__name__, call, call.__doc__ or "") for call in (lint, unit, build, installed)),
            *(Part(name, scenario(name), about(name)) for name in SCENARIOS),
        ),
        key=lambda part: LONG.index(part.name) if part.name in LONG else len(LONG),
    )
}
GROUPS = {"molecule": SCENARIOS}
# When all are run, each is on one distribution and in short: two cores need more than half an hour for that.
ON_ONE = {
    "baseline": "debian12",
    "faults": "debian12",
    "hardening": "debian13",
    "isolation": "debian12",
    "operations": "debian12",
    "release": "debian13",
    "secrets": "debian13",
    "sources": "debian13",
    "ways": "debian13",
}
# And these are not among them: `installed` is `default` with the tarball, and what `density` weighs takes more apps
# than there is time for.
ALONE = {"default", "density"}


# --- running them ------------------------------------------------------------


@dataclass
class Result:
    part: Part
    started: float
    ended: float | None = None
    error: str | None = None
    findings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        return round((self.ended or time.monotonic()) - self.started)

    @property
    def log(self) -> Path:
        return LOGS / f"{self.part.name}.log"


class Suite:
    """The parts, two at a time, and what became of them."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.lock = threading.Lock()

    def work(self, waiting: queue.SimpleQueue[Part]) -> None:
        """Do what waits, until nothing does."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.do(waiting.get_nowait())

    def do(self, part: Part) -> None:
        result = Result(part, time.monotonic())
        with self.lock:
            self.results.append(result)
            say(f"{part.name} started: {part.about}")
        with result.log.open("w", encoding="utf-8", errors="replace") as log:
            result.error = attempt(part, Runner(log, {"NO_COLOR": "1", **PLAIN}))
        result.ended = time.monotonic()
        with self.lock:
            if result.error:
                result.findings = findings(result.log)
                say(f"{part.name} FAILED after {result.seconds} s; the end of its log:")
                print(tail(result.log), flush=True)
            else:
                shown = [*warnings(result.log), *figures(result.log)]
                print("".join(f"{line}\n" for line in shown), end="", flush=True)
            say(f"{part.name} {'FAILED' if result.error else 'ok'}, {result.seconds} s")

    def run(self, parts: Sequence[Part]) -> list[Result]:
        shutil.rmtree(LOGS, ignore_errors=True)
        LOGS.mkdir(parents=True)
        waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
        for part in parts:
            waiting.put(part)
        threads = [threading.Thread(target=self.work, args=(waiting,), daemon=True) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        beat = time.monotonic() + HEARTBEAT
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            if time.monotonic() >= beat:
                beat = time.monotonic() + HEARTBEAT
                self.heartbeat()
        return self.results

    def heartbeat(self) -> None:
        with self.lock:
            for result in self.results:
                if result.ended is None and result.seconds >= HEARTBEAT / 2:
                    line = last_line(result.log)
                    say(f"{result.part.name} has run for {result.seconds} s: {line}")


# Logs are read by people and by tools: no colours, no boxes.
PLAIN = {"ANSIBLE_NOCOLOR": "1", "MOLECULE_COMMAND_BORDERS": "0", "PY_COLORS": "0"}


def say(text: str) -> None:
    print(f"check: {text}", flush=True)


def tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  | {line}" for line in lines[-TAIL:])


def warnings(log: Path) -> list[str]:
    """What a part that passed would have a person know."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return list(dict.fromkeys(line for line in lines if line.startswith("warning: ")))


def figures(log: Path) -> list[str]:
    """What a test has measured on a host: the sections of its output that bear the name of one."""
    found, within = [], False
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if re.match(r"=+ .* =+$|=+$", line):
            within = re.match(r"=+ emperor-flask-", line) is not None
        if within:
            found.append(line)
    return found


def findings(log: Path) -> list[str]:
    """The tests that failed, after what each found wrong; the tasks that failed; what Molecule says of itself."""
    found, before = [], ""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        tests = re.match(r"(FAILED|ERROR) \S+::", line) or (re.match(r"E  ", line) and not re.match(r"E  ", before))
        tasks = re.match(r"(fatal: \[|error: |\[ERROR\]: |CRITICAL |ERROR  )", line)
        if tests or tasks:
            found.append(line[:WIDTH])
        before = line
    return list(dict.fromkeys(found))[-FINDINGS:]


def last_line(log: Path) -> str:
    """The last line that says something: a task, not its rule of asterisks."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    spoken = [line for line in lines if re.match(r"(TASK|PLAY|INFO|\$|\S+\.py)", line)] or lines
    return spoken[-1].rstrip(" *")[:110] if spoken else ""


def attempt(part: Part, runner: Runner) -> str | None:
    try:
        part.call(runner)
    except PartError as error:
        runner.say(f"{part.name}: {error}")
        return str(error)
    except Exception as error:  # A part that cannot even run has failed like any other.
        runner.say(f"{part.name}: {type(error).__name__}: {error}")
        return f"{type(error).__name__}: {error}"
    return None


def on_one(part: Part) -> Part:
    """Return a part as it is among all others."""
    if part.name not in ON_ONE:
        return part
    env = {"EMPEROR_FLASK_HOSTS": ON_ONE[part.name], "EMPEROR_FLASK_IN_SHORT": "1"}
    return replace(part, call=scenario(part.name, **env))


def main() -> int:
    listing = "\n".join(f"  {name:11}{part.about}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        description="Run parts of the test suite.",
        epilog=f"parts:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS, *GROUPS], metavar="part")
    given = parser.parse_args().parts
    wanted = {part for name in given or PARTS for part in GROUPS.get(name, [name])}
    parts = [part for name, part in PARTS.items() if name in wanted]
    if not given and os.environ.get("EMPEROR_FLASK_ON_ALL") != "1":
        parts = [on_one(part) for part in parts if part.name not in ALONE]
    started = time.monotonic()
    if len(parts) == 1:
        result = Result(parts[0], started)
        result.error = attempt(result.part, Runner(env={"MOLECULE_COMMAND_BORDERS": "0"}))
        results = [result]
    else:
        results = Suite().run(parts)
    failed = [result for result in results if result.error]
    took = f"{time.monotonic() - started:.0f} s"
    say(f"took {took}: {', '.join(result.part.name for result in results)}")
    if failed:
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
        for result in failed:
            say(f"FAILED: {result.part.name}: {result.error}")
            print("".join(f"  | {line}\n" for line in result.findings), end="", flush=True)
        return 1
    say(f"{len(results)} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
