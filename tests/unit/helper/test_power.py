"""A reboot is asked for once, where it is allowed, and not in a loop."""

from dataclasses import replace

import pytest
from glmtts_remedy import clock, power, rotate
from glmtts_remedy.errors import Refused


@pytest.fixture
def calls(program, tmp_path):
    program("systemctl", f'echo "systemctl $*" >> {tmp_path}/calls')
    program("systemd-run", f'echo "later $*" >> {tmp_path}/calls')
    return lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []


@pytest.mark.parametrize(
    ("uptime_s", "allowed", "reboots"),
    [
        pytest.param(119.0, True, False, id="just booted: another reboot would not help"),
        pytest.param(120.0, True, True, id="up long enough"),
        pytest.param(9999.0, False, False, id="this host may not be rebooted"),
    ],
)
def test_reboot(config, calls, monkeypatch, uptime_s, allowed, reboots):
    monkeypatch.setattr(clock, "uptime_s", lambda: uptime_s)
    host = replace(config, reboot_allowed=allowed)
    if reboots:
        assert power.reboot(host)["boot_id"] == clock.boot_id()
        assert calls() == [
            "later --quiet --collect --on-active=5s --timer-property=AccuracySec=100ms systemctl reboot"
        ], "in a moment, so that the answer is still delivered"
    else:
        with pytest.raises(Refused):
            power.reboot(host)
        assert calls() == []


def test_rotating_tells_the_sizes_before_and_after(config, program, tmp_path):
    log = tmp_path / "log/7860/error.log"
    log.write_text("x" * 1000)
    program("logrotate", f"mv {log} {log}.1; : > {log}")
    answer = rotate.rotate(config)
    assert answer["before_b"] == {"7860/error.log": 1000}
    assert answer["after_b"] == {"7860/error.log": 0, "7860/error.log.1": 1000}
