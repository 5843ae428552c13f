"""A swap file: made once, and never in the place of others'."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import swap

HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "swaps").write_text(HEAD)
    monkeypatch.setattr(swap, "SWAPS", tmp_path / "swaps")
    monkeypatch.setattr(swap, "_RESERVE", 0)
    return tmp_path / "swapfile"


@pytest.mark.parametrize(("text", "size"), [("2g", 2 << 30), ("512m", 512 << 20), ("0", 0), ("2gb", 0)])
def test_sizes(text: str, size: int) -> None:
    assert swap.size_of(text) == size


def test_it_is_made_whole_and_for_root_alone(file: Path) -> None:
    assert swap.obstacle(file, 1 << 20) == ""
    swap.make(file, 1 << 20)
    info = file.stat()
    assert (stat.S_IMODE(info.st_mode), info.st_size) == (0o600, 1 << 20)
    assert info.st_blocks * 512 >= 1 << 20, "the kernel refuses to swap to a hole"
    assert file.read_bytes()[4086:4096] == b"SWAPSPACE2"
    assert swap.obstacle(file, 1 << 20) == ""


def test_nothing_is_left_when_it_cannot_be_made(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(swap.SwapError, match="cannot be made: No space left on device"):
        swap.make(file, 1 << 20)
    assert [path.name for path in file.parent.iterdir()] == ["swaps"]


def test_swap_of_others_is_kept(file: Path) -> None:
    swap.SWAPS.write_text(f"{HEAD}/dev/sda2  partition 1 0 -2\n{file} file 1 0 -3\n")
    assert swap.obstacle(file, 1 << 20) == (
        "baseline_swap: this host swaps to /dev/sda2 already, which is kept; set baseline_swap: 0"
    )


def test_another_size_is_refused_with_what_to_type(file: Path) -> None:
    swap.make(file, 1 << 20)
    why = swap.obstacle(file, 2 << 20)
    assert why.startswith(f"baseline_swap: {file} has 1 MiB, and 2 are wanted")
    assert f"swapoff {file}; rm {file}; then run again" in why


def test_it_does_not_fill_the_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_RESERVE", 1 << 30)
    free = shutil.disk_usage(file.parent).free
    assert "take a smaller one" in swap.obstacle(file, free - (1 << 29))
