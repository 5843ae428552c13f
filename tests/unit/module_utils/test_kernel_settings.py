"""Settings of the kernel, in a folder that stands for /proc/sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import kernel_settings


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "proc"
    for name, value in {
        "net/core/somaxconn": "128",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/eth0.7/rp_filter": "0",
        "net/ipv4/tcp_rmem": "1\t2\t3",
        "kernel/kptr_restrict": "2",
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(f"{value}\n")
    monkeypatch.setattr(kernel_settings, "SETTINGS", made)
    monkeypatch.setattr(kernel_settings, "FOLDERS", (tmp_path / "etc", tmp_path / "lib"))
    return made


def write(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def differing(file: Path) -> dict[str, str]:
    return {setting.key: setting.value for setting in kernel_settings.differing(file)}


def test_only_what_differs_is_told_and_set(proc: Path, tmp_path: Path) -> None:
    text = "# a comment\n; another\n\nnet.core.somaxconn = 4096\nkernel.kptr_restrict=2\nnet.ipv4.tcp_rmem = 1 2 3\n"
    file = write(tmp_path, "etc/60-x.conf", text)
    assert differing(file) == {"net.core.somaxconn": "4096"}
    assert kernel_settings.apply(file) == []
    assert (proc / "net/core/somaxconn").read_text() == "4096\n"
    assert differing(file) == {}


def test_a_star_is_every_interface_also_one_with_a_dot(proc: Path, tmp_path: Path) -> None:
    file = write(tmp_path, "etc/60-x.conf", "net.ipv4.conf.*.rp_filter = 2\n")
    assert len(differing(file)) == 2
    assert kernel_settings.apply(file) == []
    assert (proc / "net/ipv4/conf/eth0.7/rp_filter").read_text() == "2\n"


def test_with_slashes_a_dot_is_a_dot(proc: Path, tmp_path: Path) -> None:
    assert len(differing(write(tmp_path, "etc/60-x.conf", "net/ipv4/conf/eth0.7/rp_filter = 2\n"))) == 1


def test_what_the_kernel_does_not_have_is_no_difference(proc: Path, tmp_path: Path) -> None:
    assert differing(write(tmp_path, "etc/60-x.conf", "net.ipv6.conf.*.accept_redirects = 0\n-kernel.none = 1\n")) == {}


def test_a_later_file_of_the_admin_wins(proc: Path, tmp_path: Path) -> None:
    file = write(tmp_path, "etc/60-x.conf", "net.core.somaxconn = 4096\n")
    write(tmp_path, "etc/50-before.conf", "net.core.somaxconn = 1\n")
    assert differing(file) == {"net.core.somaxconn": "4096"}
    write(tmp_path, "lib/99-after.conf", "net.core.somaxconn = 65535\n")
    assert differing(file) == {}
    # Of files of one name, that in the first folder is the one that is read.
    write(tmp_path, "etc/99-after.conf", "")
    assert differing(file) == {"net.core.somaxconn": "4096"}


def test_what_the_kernel_refuses_is_named(proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "etc/60-x.conf", "net.core.somaxconn = 4096\nnet.ipv4.conf.all.rp_filter = 2\n")

    def refuse(self: Path, *_: object, **__: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert kernel_settings.apply(file) == [
        "net.core.somaxconn (Operation not permitted)",
        "net.ipv4.conf.all.rp_filter (Operation not permitted)",
    ]
