"""A server as a stranger finds it, as its operator does, and as it is after somebody has meddled with it."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from doors import OPEN, SHUT, UDP_OPEN, UDP_SHUT, Operator, Stranger, podman

LOAD = ["Put it into effect"]
OURS = "nft list table inet emperor_flask"


def expected() -> dict[str, str]:
    return {
        **{f"tcp:{port}": "open" for port in (22, *OPEN)},
        **{f"tcp:{port}": "silent" for port in SHUT},
        **{f"udp:{port}": "open" for port in UDP_OPEN},
        **{f"udp:{port}": "silent" for port in UDP_SHUT},
    }


def until(host: Any, command: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while host.run(command).rc:
        assert time.monotonic() < deadline, f"not within {seconds} s: {command}"
        time.sleep(0.3)


def test_no_unit_has_failed(host: Any) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""


@pytest.mark.usefixtures("doors")
def test_a_stranger_gets_through_the_doors_of_the_inventory_and_no_other(
    host: Any, stranger: Stranger, address: str
) -> None:
    assert stranger.knock(address, *expected()) == expected()
    # Else this would pass on a host without any door.
    assert set(stranger.knock(address, *(f"tcp:{port}" for port in SHUT)).values()) == {"silent"}
    host.check_output("nft add rule inet emperor_flask input tcp dport 5432 accept")
    assert stranger.knock(address, "tcp:5432") == {"tcp:5432": "open"}


def test_what_was_opened_by_hand_is_shut_again(host: Any, stranger: Stranger, operator: Operator) -> None:
    operator.play().good()
    host.check_output("nft add rule inet emperor_flask input tcp dport 9091 accept")
    assert operator.play().good().changed(operator.host) == LOAD
    assert "dport 9091" not in host.check_output(OURS)
    assert operator.play().good().changed(operator.host) == []


@pytest.mark.usefixtures("doors")
def test_the_same_holds_for_ipv6(host: Any, stranger: Stranger) -> None:
    found = host.check_output("ip -6 -brief address show dev eth0 scope link").split()[2].partition("/")[0]
    assert stranger.knock(f"{found}%eth0", *expected()) == expected()


def test_the_host_answers_a_ping(stranger: Stranger, address: str, host: Any) -> None:
    icmp = (
        "import socket, struct, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)\n"
        "s.settimeout(2)\n"
        "s.sendto(struct.pack('!BBHHH', 8, 0, 0, 0, 1) + b'x', (sys.argv[1], 0))\n"
        "print(len(s.recv(99)))"
    )
    assert stranger.run("python3", "-c", icmp, address) == "9"


@pytest.mark.lengthy
def test_a_flushed_firewall_is_loaded_again(host: Any, operator: Operator) -> None:
    host.check_output("nft flush ruleset")
    check = operator.play("--check").good()
    assert check.changed(operator.host) == LOAD
    assert host.run(OURS).rc != 0
    assert operator.play().good().changed(operator.host) == LOAD
    assert "policy drop" in host.check_output(OURS)
    assert operator.play().good().changed(operator.host) == []


def test_tables_of_others_stay(host: Any, operator: Operator) -> None:
    host.check_output(
        "nft add table inet theirs; nft add chain inet theirs forward; nft delete table inet emperor_flask"
    )
    try:
        assert operator.play().good().changed(operator.host) == LOAD
        assert "chain forward" in host.check_output("nft list table inet theirs")
    finally:
        host.run("nft delete table inet theirs")


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_the_distributions_own_firewall_does_not_take_ours_away(host: Any, verb: str) -> None:
    host.check_output("systemctl start nftables")
    host.check_output(f"systemctl {verb} nftables")
    until(host, OURS, 5)
    host.check_output("systemctl stop nftables")
    host.check_output("systemctl start flask-firewall")
    assert "policy drop" in host.check_output(OURS)


def test_a_firewall_of_somebody_else_is_left_alone(host: Any, operator: Operator) -> None:
    host.check_output("systemctl stop flask-firewall")
    host.check_output(
        "nft add table inet admin; nft add chain inet admin in '{ type filter hook input priority 0; policy drop; }'"
    )
    host.check_output("nft add rule inet admin in tcp dport 22 accept")
    before = host.check_output("nft list ruleset")
    try:
        run = operator.play().good()
        warned = " ".join(run.output.split())
        assert "another firewall is at work here (table inet admin, chain in)" in warned
        assert host.check_output("nft list table inet admin") in before
        assert host.run(OURS).rc != 0
        assert operator.play().good().changed(operator.host) == []
        operator.play(baseline_firewall_beside_others=True).good()
        assert "policy drop" in host.check_output(OURS)
    finally:
        host.run("nft delete table inet admin")
    operator.play().good()


@pytest.mark.usefixtures("doors")
def test_switched_off_it_is_gone_and_a_boot_does_not_bring_it(
    host: Any, operator: Operator, stranger: Stranger
) -> None:
    operator.play(baseline_firewall="false").good()
    assert host.run(OURS).rc != 0
    assert not host.file("/etc/nftables.d/emperor-flask.nft").exists
    assert "flask-firewall" not in host.check_output("systemctl list-units --all --plain --no-legend 'flask-*'")
    assert not host.file("/etc/systemd/system/sysinit.target.wants/flask-firewall.service").exists
    assert operator.play(baseline_firewall="false").good().changed(operator.host) == []
    run = operator.play().good()
    warned = " ".join(run.output.split())
    assert "5432/tcp (python3)" in warned
    assert "9091/tcp (python3)" in warned
    assert "9090/tcp" not in warned
    assert operator.play().good().changed(operator.host) == []


def test_over_ssh_the_operator_stays_connected_and_a_second_run_changes_nothing(host: Any, operator: Operator) -> None:
    operator.by_ssh().good()
    host.check_output("nft flush ruleset")
    run = operator.by_ssh().good()
    assert "Keep the firewall" in run.changed(operator.host)
    assert "policy drop" in host.check_output(OURS)
    assert "flask-firewall-back" not in host.check_output("systemctl list-timers --all --no-legend")
    assert operator.by_ssh().good().changed(operator.host) == []


def test_another_port_of_sshd_is_open_at_once(host: Any, operator: Operator, stranger: Stranger, address: str) -> None:
    host.check_output("printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh")
    try:
        assert stranger.knock(address, "tcp:2222") == {"tcp:2222": "silent"}
        operator.play().good()
        assert stranger.knock(address, "tcp:2222") == {"tcp:2222": "open"}
        assert operator.by_ssh(port=2222).good()
    finally:
        host.check_output("rm /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh")
    operator.play().good()
    assert stranger.knock(address, "tcp:2222") == {"tcp:2222": "silent"}


def test_networks_without_the_operator_are_refused_before_anything_changes(host: Any, operator: Operator) -> None:
    before = host.check_output("nft list ruleset; find /etc -newer /etc/hostname | sort | xargs ls -ld | md5sum")
    run = operator.by_ssh(baseline_firewall_ssh_from=["192.0.2.0/24"], baseline_journal_max_use="300m")
    assert run.code != 0
    assert "baseline_firewall_ssh_from: this very connection comes from" in run.tail()
    assert "which is in none of 192.0.2.0/24; add" in run.tail()
    assert (
        host.check_output("nft list ruleset; find /etc -newer /etc/hostname | sort | xargs ls -ld | md5sum") == before
    )


def test_only_networks_that_may_reach_sshd(host: Any, operator: Operator, stranger: Stranger, address: str) -> None:
    gateway = address.rpartition(".")[0] + ".1"
    operator.by_ssh(baseline_firewall_ssh_from=[gateway]).good()
    assert stranger.knock(address, "tcp:22", "tcp:80")["tcp:22"] == "silent"
    operator.by_ssh().good()
    assert stranger.knock(address, "tcp:22") == {"tcp:22": "open"}


@pytest.mark.in_turns
def test_rules_that_let_no_new_connection_in_are_taken_back(host: Any, operator: Operator) -> None:
    """Somebody's own rule does it here, so that ours are right and yet nobody gets in."""
    operator.by_ssh().good()
    before = host.check_output(OURS)
    # It comes into force with the load, when the connection of the run stands already.
    host.check_output("mkdir -p /etc/systemd/system/flask-firewall.service.d")
    host.check_output(
        "printf '[Service]\\nExecReload=/usr/sbin/nft add rule inet odd in tcp dport 22 ct state new drop\\n'"
        " >/etc/systemd/system/flask-firewall.service.d/odd.conf; systemctl daemon-reload"
    )
    host.check_output("nft add table inet odd; nft add chain inet odd in '{ type filter hook input priority -9; }'")
    try:
        run = operator.by_ssh(baseline_firewall_allow=[{"port": 7777}])
        assert run.code != 0
        assert "7777" in host.check_output(OURS)
        assert "flask-firewall-back.timer" in host.check_output("systemctl list-timers --no-legend")
        # What that timer does after a minute.
        host.check_output("systemctl start flask-firewall-back.service")
        until(host, "! systemctl is-active flask-firewall-back.service", 10)
        assert host.check_output(OURS) == before
        # A boot has them, too.
        assert host.run("systemctl is-enabled flask-firewall").rc == 0
        host.check_output("rm -r /etc/systemd/system/flask-firewall.service.d; systemctl daemon-reload")
        host.check_output("systemctl restart flask-firewall")
        assert host.check_output(OURS) == before
    finally:
        host.run(
            "nft delete table inet odd; rm -rf /etc/systemd/system/flask-firewall.service.d; systemctl daemon-reload"
        )
    assert operator.by_ssh().good().changed(operator.host) != []
    assert "flask-firewall-back" not in host.check_output("systemctl list-timers --no-legend")
    assert operator.by_ssh().good().changed(operator.host) == []


def test_who_guesses_is_shut_out_and_the_operator_is_not(
    host: Any, stranger: Stranger, operator: Operator, address: str
) -> None:
    operator.by_ssh().good()
    # One who is shut out in the middle of a guess would wait for the answer for long.
    guess = ["timeout", "5", "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "ConnectTimeout=3"]
    try:
        for _ in range(6):
            stranger.run(*guess, f"nobody-here@{address}", "true")
        until(host, f"fail2ban-client status sshd | grep -w {stranger.address}")
        until(host, f"nft list table inet f2b-table | grep -w {stranger.address}", 5)
        assert stranger.knock(address, "tcp:22", "tcp:80")["tcp:22"] == "refused"
        # The same attempts by the operator's machine.
        gateway = address.rpartition(".")[0] + ".1"
        for _ in range(6):
            guess_as_operator(address)
        until(host, f"journalctl --quiet --unit=fail2ban --unit=ssh --grep 'nobody-here from {gateway}'")
        time.sleep(2)
        assert gateway not in host.check_output("fail2ban-client status sshd").split()
        operator.by_ssh().good()
    finally:
        host.run("fail2ban-client unban --all")
    assert stranger.knock(address, "tcp:22") == {"tcp:22": "open"}


def guess_as_operator(address: str) -> None:
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    subprocess.run(["ssh", *options, f"nobody-here@{address}", "true"], capture_output=True, check=False)


def test_an_app_cannot_have_somebody_shut_out(host: Any) -> None:
    """By lines such as sshd writes, from a process that calls itself so."""
    forge = (
        "import pathlib, syslog, time; pathlib.Path('/proc/self/comm').write_text('sshd'); "
        "syslog.openlog('sshd', 0, syslog.LOG_AUTH)\n"
        "for _ in range(8):\n"
        "    syslog.syslog('Failed password for root from 198.51.100.66 port 4711 ssh2')\n"
        "    time.sleep(0.2)"
    )
    host.check_output("setpriv --reuid=nobody --clear-groups python3 -c %s", forge)
    # As the journal has it, the lines are sshd's.
    until(host, "journalctl --quiet _COMM=sshd --grep 198.51.100.66")
    time.sleep(3)
    assert "198.51.100.66" not in host.check_output("fail2ban-client status sshd").split()


def test_only_security_updates_come_by_themselves(host: Any) -> None:
    origins = [line for line in host.check_output("apt-config dump").splitlines() if "Origins-Pattern::" in line]
    assert len(origins) == 4
    assert all("security" in line for line in origins)
    said = host.check_output("unattended-upgrade --dry-run --debug 2>&1")
    assert "Allowed origins are: origin=Debian,codename=" in said
    assert host.check_output("apt-config shell DAILY APT::Periodic::Unattended-Upgrade") == "DAILY='1'"
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_enabled
        assert host.service(timer).is_running


def test_the_journal_has_its_limits_and_stays(host: Any, operator: Operator) -> None:
    said = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert "SystemMaxUse=256M" in said
    until(host, "journalctl --header | grep -q /var/log/journal", 5)
    started = host.check_output("systemctl show --property ExecMainStartTimestampMonotonic systemd-journald")
    operator.play(baseline_journal_max_use="300m").good()
    assert "SystemMaxUse=300M" in host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert host.check_output("systemctl show --property ExecMainStartTimestampMonotonic systemd-journald") != started
    operator.play().good()
    assert operator.play().good().changed(operator.host) == []


def test_what_belongs_to_the_containers_host_is_left_to_it(host: Any, operator: Operator) -> None:
    [look] = [task for task in operator.play().good().tasks if task.name == "Look at the host"]
    assert not host.file("/etc/sysctl.d/60-emperor-flask.conf").exists
    assert not host.package("systemd-timesyncd").is_installed
    assert [text.partition(":")[0] for text in look.result["left"]] == ["settings of the kernel", "the clock"]


def test_a_stricter_sshd_lets_keys_in_and_no_password(
    host: Any, operator: Operator, stranger: Stranger, address: str
) -> None:
    asked = ["ssh", "-v", "-o", "StrictHostKeyChecking=no", "-o", "PreferredAuthentications=none", f"root@{address}"]
    offered = "(publickey,password"
    assert offered in stranger_said(stranger, asked)
    try:
        operator.by_ssh(baseline_sshd="true").good()
        assert "(publickey)" in stranger_said(stranger, asked)
        assert operator.by_ssh(baseline_sshd=True).good().changed(operator.host) == []
        settings = host.check_output("sshd -T").splitlines()
        assert {"passwordauthentication no", "x11forwarding no", "permitrootlogin without-password"} <= set(settings)
    finally:
        host.run("fail2ban-client unban --all")
        operator.play().good()
    assert offered in stranger_said(stranger, asked)
    assert operator.play().good().changed(operator.host) == []


def stranger_said(stranger: Stranger, command: list[str]) -> str:
    return stranger.run("sh", "-c", f"{' '.join(command)} true 2>&1")


def test_who_came_by_a_password_does_not_lose_it(host: Any, operator: Operator) -> None:
    host.check_output("echo deploy:correct-horse | chpasswd; rm /home/deploy/.ssh/authorized_keys")
    run = operator.by_ssh(baseline_sshd=True, ansible_password="correct-horse", ansible_ssh_private_key_file="")
    assert run.code != 0
    assert "password login cannot be turned off: this very connection came by a password" in run.tail()
    assert not host.file("/etc/ssh/sshd_config.d/10-emperor-flask.conf").exists


def test_sshd_has_the_last_word(host: Any, operator: Operator) -> None:
    host.check_output("echo 'Nonsense yes' >/etc/ssh/sshd_config.d/99-odd.conf")
    try:
        run = operator.by_ssh(baseline_sshd=True)
        assert run.code != 0
        assert "sshd -t refused the new files; the old are back." in run.tail()
        assert not host.file("/etc/ssh/sshd_config.d/10-emperor-flask.conf").exists
    finally:
        host.run("rm /etc/ssh/sshd_config.d/99-odd.conf")


def test_a_file_that_comes_first_is_found_in_each_run(host: Any, operator: Operator) -> None:
    host.check_output("echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/01-odd.conf")
    try:
        for _ in range(2):
            run = operator.by_ssh(baseline_sshd=True)
            assert run.code != 0
            assert "sshd has passwordauthentication yes all the same: another file of /etc/ssh says so" in run.tail()
    finally:
        host.run("rm /etc/ssh/sshd_config.d/01-odd.conf")
        operator.by_ssh(baseline_sshd=True).good()
        operator.play().good()


@pytest.mark.usefixtures("doors")
def test_rules_stand_after_a_boot(host: Any, name: str, stranger: Stranger, operator: Operator) -> None:
    """The last test: the doors are gone by it."""
    podman("restart", "--time", "10", name)
    until(host, "systemctl is-system-running | grep -Eq 'running|degraded'", 60)
    assert "policy drop" in host.check_output(OURS)
    assert host.service("fail2ban").is_running
    assert operator.play().good().changed(name) == []
