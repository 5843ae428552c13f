"""Commands in the environment of an app, as a program of the host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import launch
from ansible_collections.emperor.flask.plugins.module_utils.launch import app_environment


def test_an_apps_commands_see_what_its_vassal_sees(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/KEY").write_text("a\nb ü")
    (tmp_path / "env/HOME").write_text("/own")
    assert app_environment(tmp_path) == {
        "PATH": f"{tmp_path}/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": f"{tmp_path}/venv",
        "HOME": "/own",
        "KEY": "a\nb ü",
    }


def launched(app: Path, command: str, *release: str, **environment: str) -> str:
    """Start the file as a unit does, in an environment that is none of the app's."""
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", launch.__file__, str(app), command, *release],
        env={"OURS": "x", "LC_ALL": "C", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def test_a_command_finds_the_served_release_and_nothing_of_ours(tmp_path: Path) -> None:
    release = tmp_path / "releases/0123456789ab"
    for name in ("src", "env"):
        (release / name).mkdir(parents=True)
    hostile = "p%40ss 'q\" $(id) `id` \\ $HOME\n[Service]\nä"
    (release / "env/KEY").write_text(hostile)
    (tmp_path / "current").symlink_to("releases/0123456789ab")
    assert launched(tmp_path, 'printf %s "$KEY"') == hostile
    assert launched(tmp_path, "pwd; umask; printf %s ü").splitlines() == [str(release / "src"), "0027", "ü"]
    names = {line.partition("=")[0] for line in launched(tmp_path, "env -u KEY").splitlines()}
    assert names - {"PWD", "_", "SHLVL"} == {"LANG", "USER", "LOGNAME", "PATH", "VIRTUAL_ENV", "HOME", "TMPDIR"}


def test_a_release_that_is_named_gets_the_sockets_that_were_handed_over(tmp_path: Path) -> None:
    for name in ("0123456789ab", "ba9876543210"):
        for part in ("src", "env"):
            (tmp_path / "releases" / name / part).mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/0123456789ab")
    told = launched(tmp_path, "pwd; echo $LISTEN_FDS $LISTEN_PID", "ba9876543210", LISTEN_FDS="1", LISTEN_PID="7")
    assert told.splitlines() == [str(tmp_path / "releases/ba9876543210/src"), "1 7"]
