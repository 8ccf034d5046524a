"""What was put aside for a reset is remembered before it is, and put back whoever comes next."""

from dataclasses import replace
from pathlib import Path

import pytest
from glmtts_remedy import exporters, gpu_reset, left_behind
from glmtts_remedy.cli import main
from glmtts_remedy.errors import HelperError

UUID = "GPU-00000000-0000-0000-0000-000000000201"
CARD = "<nvidia_smi_log><gpu><uuid>{}</uuid><persistence_mode>'$(cat {})'</persistence_mode></gpu></nvidia_smi_log>"


@pytest.fixture
def host(config, program, tmp_path):
    """A host with one card in persistence mode and one exporter that runs; both can be put aside."""
    mode, active = tmp_path / "mode", tmp_path / "active"
    mode.write_text("Enabled")
    active.write_text("active")
    program(
        "nvidia-smi",
        f'[ "$3" = -pm ] && {{ [ "$4" = 1 ] && printf Enabled >{mode} || printf Disabled >{mode}; exit 0; }}\n'
        f"echo '{CARD.format(UUID, mode)}'",
    )
    program(
        "systemctl",
        f"case $1 in stop) printf inactive >{active};;\n"
        f"start) [ -e {tmp_path}/broken ] && exit 1; printf active >{active};;\n"
        f"show) printf 'Id=dcgm.service\\nActiveState='; cat {active};; esac",
    )
    return replace(config, exporters=("dcgm.service",))


def put_aside(host):
    exporters.stop(host)
    gpu_reset.set_persistence(host, UUID, False)


def test_nothing_is_left_behind_on_a_host_in_order(host):
    assert left_behind.show(host) == {}
    assert left_behind.settle(host) == {"put_back": {}}


def test_what_a_run_that_was_cut_off_put_aside_is_known_and_put_back(host, tmp_path):
    put_aside(host)
    assert left_behind.show(host) == {"exporters": ["dcgm.service"], "persistence": [UUID]}
    assert ((tmp_path / "mode").read_text(), (tmp_path / "active").read_text()) == ("Disabled", "inactive")
    left_behind.settle(host)
    assert ((tmp_path / "mode").read_text(), (tmp_path / "active").read_text()) == ("Enabled", "active")
    assert left_behind.show(host) == {}


def test_the_next_reset_still_knows_that_persistence_mode_was_on(host):
    put_aside(host)
    assert gpu_reset.holders(host, UUID)["persistence"] is True
    gpu_reset.set_persistence(host, UUID, True)
    gpu_reset.set_persistence(host, UUID, False)
    assert gpu_reset.holders(host, UUID)["persistence"] is True


def test_a_card_that_was_never_in_persistence_mode_is_not_put_into_it(host, tmp_path):
    (tmp_path / "mode").write_text("Disabled")
    gpu_reset.set_persistence(host, UUID, False)
    assert gpu_reset.holders(host, UUID)["persistence"] is False


def test_what_fails_does_not_keep_the_rest_from_being_put_back(host, tmp_path):
    put_aside(host)
    (tmp_path / "broken").touch()
    with pytest.raises(HelperError, match="not put back: exporters") as caught:
        left_behind.settle(host)
    assert (tmp_path / "mode").read_text() == "Enabled"
    assert caught.value.facts["left_behind"] == {"exporters": ["dcgm.service"]}


def test_whoever_takes_the_lease_is_told(host, config_file, capsys):
    Path(host.state_dir, "persistence_off.json").write_text(f'["{UUID}", 7, "../x"]')
    assert main(["lease", "take", "run-2"], config_file) == 0
    assert f'"left_behind": {{"persistence": ["{UUID}"]}}' in capsys.readouterr().out
