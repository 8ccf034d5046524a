"""Who listens, who runs where: read from the real /proc."""

import os
import socket

from glmtts_remedy import proc


def test_the_owner_of_a_listening_port_is_found():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert proc.listening_inodes({port})[port]
        assert os.getpid() in proc.port_owners({port})[port]


def test_a_bound_port_that_does_not_listen_has_no_owner():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert proc.port_owners({port}) == {port: []}


def test_this_process_is_described_by_user_command_and_start():
    pid = os.getpid()
    assert proc.user_of(pid)
    assert "python" in proc.cmdline(pid) or "pytest" in proc.cmdline(pid)
    assert proc.start_time(pid) == proc.start_time(pid)
    assert proc.start_time(pid) > 0
    assert proc.rss_mb(pid) > 0


def test_a_process_that_is_gone_is_described_by_nothing():
    gone = 2**22 + 1  # above the kernel's largest process id
    assert proc.start_time(gone) is None
    assert proc.rss_mb(gone) is None
    assert proc.user_of(gone) == ""
    assert proc.instance_of(gone) is None


def test_the_instance_is_read_from_the_units_cgroup(monkeypatch):
    lines = {
        1: "0::/system.slice/system-glm\\x2dtts.slice/glm-tts@7861.service\n",
        2: "0::/system.slice/cron.service\n",
        3: "0::/system.slice/not-glm-tts@7861.service.d/x\n",
    }
    monkeypatch.setattr(proc, "text_of", lambda pid, name: lines[pid])
    assert [proc.instance_of(pid) for pid in lines] == ["7861", None, None]
