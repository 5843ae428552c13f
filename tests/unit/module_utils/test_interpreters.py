"""Which Python an app gets; those of the host are scripts that say what they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import interpreters
from ansible_collections.emperor.flask.plugins.module_utils.interpreters import (
    Interpreter,
    InterpreterError,
    MissingVersionError,
    find,
    hidden_folder,
    on_host,
    unfit,
)

HERE = [Interpreter("/usr/bin/python3", "cpython-3.11"), Interpreter("/usr/local/bin/python3.12", "cpython-3.12")]
LISTED = "3.11 (/usr/bin/python3), 3.12 (/usr/local/bin/python3.12)"


def run(command: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def here() -> list[Interpreter]:
    return HERE


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make Pythons below a folder that is taken for root's."""
    system = tmp_path / "system/python3"
    monkeypatch.setattr(interpreters, "SYSTEM_PYTHON", str(system))
    monkeypatch.setattr(interpreters, "FOLDERS", (tmp_path / "usr", tmp_path / "none"))
    monkeypatch.setattr(interpreters, "FETCHED", tmp_path / "fetched")
    monkeypatch.setattr(interpreters, "_flaw", lambda path: "" if path.exists() else "does not exist")

    def make(name: str, says: str, mode: int = 0o755) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(mode)
        return path

    make("system/python3", "echo cpython-3.11")
    return make


def test_those_of_the_host_are_found_by_name_and_say_what_they_are(make: Callable[..., Path], tmp_path: Path) -> None:
    make("usr/python3.12", "echo cpython-3.12")
    make("usr/python3.12-config", "echo cpython-3.12")
    make("usr/python3.9", "exit 1")
    make("usr/python3.10", "echo hello")
    make("fetched/cpython-3.14/bin/python3.14", "echo cpython-3.14")
    make("usr/python3.8", "echo cpython-3.8", mode=0o644)
    assert [(python.version, python.path) for python in on_host(run)] == [
        ("3.11", f"{tmp_path}/system/python3"),
        ("3.12", f"{tmp_path}/usr/python3.12"),
        ("3.14", f"{tmp_path}/fetched/cpython-3.14/bin/python3.14"),
    ]


def test_without_a_wish_it_is_the_distributions(make: Callable[..., Path]) -> None:
    found = find(run, None, here)
    assert (found.name, found.is_distributions) == ("cpython-3.11", True)


def test_a_host_without_python_is_told(make: Callable[..., Path]) -> None:
    make("system/python3", "exit 1")
    with pytest.raises(InterpreterError, match="does not run; install the package python3"):
        find(run, None, here)


@pytest.mark.parametrize("wanted", ["3.11", "3.12"])
def test_a_version_is_the_first_of_the_host_that_has_it(wanted: str) -> None:
    assert find(run, wanted, here).version == wanted


@pytest.mark.parametrize("wanted", ["3.1", "3.13"])
def test_a_version_that_the_host_lacks_is_told_with_those_that_it_has(make: Callable[..., Path], wanted: str) -> None:
    with pytest.raises(MissingVersionError) as caught:
        find(run, wanted, here)
    assert str(caught.value) == f"the host has no Python {wanted}; it has {LISTED}"


def test_one_of_the_version_that_is_useless_is_told(make: Callable[..., Path]) -> None:
    """Such as one that lacks a library."""
    path = make("usr/python3.14", "exit 127")
    with pytest.raises(MissingVersionError) as caught:
        find(run, "3.14", lambda: on_host(run))
    assert str(caught.value).endswith(f"; {path} does not run")


def test_a_path_is_asked_what_it_is(make: Callable[..., Path]) -> None:
    path = make("opt/python3", "echo pypy-3.11")
    assert find(run, str(path), here) == Interpreter(str(path), "pypy-3.11")


@pytest.mark.parametrize("says", ["exit 1", "echo hello"])
def test_a_path_that_is_no_python_is_told(make: Callable[..., Path], says: str) -> None:
    path = make("opt/python3", says)
    with pytest.raises(InterpreterError) as caught:
        find(run, str(path), here)
    assert str(caught.value) == f"python: {path} does not run, or is no Python; the host has {LISTED}"


def test_a_path_that_is_not_there_is_told() -> None:
    with pytest.raises(InterpreterError) as caught:
        find(run, "/opt/none/python3", here)
    assert str(caught.value) == f"python: /opt/none/python3 does not exist; the host has {LISTED}"


def test_a_link_into_a_hidden_folder_is_told(tmp_path: Path) -> None:
    """As pyenv's are."""
    file, link = tmp_path / "real", Path(tmp_path, "link")
    file.touch()
    link.symlink_to(file)
    with pytest.raises(InterpreterError, match="is below /tmp, which no app sees; install it elsewhere, such as in"):
        find(run, str(link), here)


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is root's alone, whatever those above it are."""
    way = interpreters._way
    monkeypatch.setattr(interpreters, "HIDDEN", ())
    monkeypatch.setattr(interpreters, "_way", lambda path: [part for part in way(path) if tmp_path in part.parents])
    tmp_path.chmod(0o755)
    return tmp_path


def python(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho cpython-3.12\n")
    path.chmod(0o755)
    return path


@pytest.mark.root
@pytest.mark.parametrize(("mode", "owner"), [(0o757, 0), (0o755, 65534)])
def test_what_others_could_change_is_not_run(below: Path, mode: int, owner: int) -> None:
    path = python(below / "python3")
    assert find(run, str(path), here).version == "3.12"
    path.chmod(mode)

    os.chown(path, owner, owner)
    with pytest.raises(InterpreterError, match=f"could be changed by others than root, because of {path}; give that"):
        find(run, str(path), here)


@pytest.mark.root
@pytest.mark.parametrize("folder", ["venv/bin", "venv", "other", "third", "real"])
@pytest.mark.parametrize(("mode", "owner", "group"), [(0o757, 0, 0), (0o755, 65534, 0), (0o775, 0, 65534)])
def test_no_folder_on_the_way_may_be_anothers(below: Path, folder: str, mode: int, owner: int, group: int) -> None:
    """Whoever may write there can put another link into the place of the one that is there."""
    python(below / "real/python3")
    for name in ("venv/bin", "other", "third"):
        (below / name).mkdir(parents=True)
    (below / "third/folder").symlink_to(below / "real")
    (below / "other/python3").symlink_to("../third/folder/python3")
    link = below / "venv/bin/python"
    link.symlink_to(below / "other/python3")
    assert find(run, str(link), here) == Interpreter(str(link), "cpython-3.12")
    os.chown(below / folder, owner, group)
    (below / folder).chmod(mode)
    with pytest.raises(InterpreterError) as caught:
        find(run, str(link), here)
    flaw = f"could be changed by others than root, because of {below / folder}; give that to root alone"
    assert str(caught.value) == f"python: {link} {flaw}; the host has {LISTED}"


@pytest.mark.root
def test_a_folder_that_roots_group_may_change_is_roots(below: Path) -> None:
    path = python(below / "opt/python3")
    path.parent.chmod(0o775)
    assert find(run, str(path), here).version == "3.12"


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    link = tmp_path / "python3"
    link.symlink_to(link)
    with pytest.raises(InterpreterError, match=f"^python: {link} does not exist; the host has"):
        find(run, str(link), here)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        interpreters._way(link)


def test_the_packages_of_a_virtualenv_do_not_run(make: Callable[..., Path], tmp_path: Path) -> None:
    """Root asks for the version; a file `.pth` of theirs is code."""
    venv, ran = tmp_path / "venv", tmp_path / "ran"
    packages = venv / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    (packages / "other.pth").write_text(f"import os; os.mkdir({str(ran)!r})\n")
    (venv / "bin").mkdir()
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    link = venv / "bin/python"
    link.symlink_to(Path(sys.executable).resolve())
    version = f"cpython-{sys.version_info[0]}.{sys.version_info[1]}"
    assert find(run, str(link), here) == Interpreter(str(link), version)
    assert not ran.exists()


def test_the_packages_of_a_python_itself_do_not_run(tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def note(command: list[str]) -> tuple[int, str, str]:
        commands.append(command)
        return 0, "cpython-3.12", ""

    find(note, None, here)
    assert [set(command[1:-2]) for command in commands] == [{"-I", "-S", "-B"}]


@pytest.mark.parametrize(
    ("path", "folder"), [("/root/x", "/root"), ("/home", "/home"), ("/rooted/x", None), ("/opt/root/x", None)]
)
def test_folders_are_hidden_whole(path: str, folder: str | None) -> None:
    assert hidden_folder(Path(path)) == folder


def test_who_runs_which_python(make: Callable[..., Path], tmp_path: Path) -> None:
    usual = Interpreter(f"{tmp_path}/system/python3", "cpython-3.11")
    same = Interpreter(str(make("opt/python3", "echo cpython-3.11")), "cpython-3.11")
    assert unfit({}, usual) == ""
    assert unfit({"uwsgi_engine": "app"}, same) == ""
    assert unfit({"server": "gunicorn"}, same) == ""
    assert "has the Python of" in unfit({}, same)
    assert unfit({"uwsgi_engine": "distribution"}, same).endswith("; write uwsgi_engine: app, or leave it out")
    assert "is pypy-3.11, and apps are run on CPython only" in unfit(
        {"uwsgi_engine": "app"}, Interpreter("/opt/pypy", "pypy-3.11")
    )


def test_virtualenvs_are_made_from_what_a_link_leads_to(make: Callable[..., Path], tmp_path: Path) -> None:
    path, link = make("opt/bin/python3.12", "echo cpython-3.12"), tmp_path / "usr/python3.12"
    link.parent.mkdir()
    link.symlink_to(path)
    assert [(python.path, python.program) for python in on_host(run)] == [
        (f"{tmp_path}/system/python3",) * 2,
        (str(link), str(path)),
    ]
    # Under its usual name, whatever it is a link to: virtualenvs that are there keep theirs.
    other = tmp_path / "system/python"
    other.symlink_to("python3")
    assert find(run, str(other), here).program == f"{tmp_path}/system/python3"
