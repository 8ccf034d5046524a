"""A card is reset only when nobody at all uses it, and never more than that card."""

from pathlib import Path

import pytest
from glmtts_remedy import exporters, gpu_reset, proc
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError, Refused, UsageProblem

UUID = "GPU-1"
CARD = """<x><gpu><uuid>{uuid}</uuid><minor_number>0</minor_number><product_name>L40S</product_name>
<persistence_mode>{persistence}</persistence_mode><mig_mode><current_mig>{mig}</current_mig></mig_mode>
<gpu_recovery_action>None</gpu_recovery_action><processes>{processes}</processes></gpu></x>"""
STRANGER = "<process_info><pid>4242</pid><process_name>train.py</process_name></process_info>"
INACTIVE = "printf 'Id=glm-tts@7860.service\\nActiveState=inactive\\n'"


@pytest.fixture
def card(program, tmp_path, monkeypatch):
    """Install a driver with one card; what it is told to change is noted in the file `calls`."""
    program("systemctl", INACTIVE)
    monkeypatch.setattr(proc, "device_holders", lambda prefix: {})

    def install(reset: str = "exit 0", *, mig="Disabled", processes="", persistence="Disabled"):
        xml = CARD.format(uuid=UUID, mig=mig, processes=processes, persistence=persistence)
        show = f"cat <<'X'\n{xml}\nX\nexit 0"
        program("nvidia-smi", f'if [ "$1" = -q ]; then {show}\nfi\necho "$*" >> {tmp_path}/calls\n{reset}')

    return install


def calls(tmp_path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_an_idle_card_is_reset_by_its_uuid(config, card, tmp_path):
    card()
    assert gpu_reset.reset(config, UUID)["reset"] is True
    assert calls(tmp_path) == [f"--gpu-reset -i {UUID}"]


def test_a_card_somebody_computes_on_is_not_reset_and_the_holder_is_named(config, card, tmp_path):
    card(processes=STRANGER)
    with pytest.raises(Refused, match=r"in use by train\.py \(pid 4242\)") as caught:
        gpu_reset.reset(config, UUID)
    assert caught.value.facts["foreign"][0]["pid"] == 4242
    assert calls(tmp_path) == []


def test_a_card_somebody_only_has_open_is_not_reset_either(config, card, tmp_path, monkeypatch):
    card()
    monkeypatch.setattr(proc, "device_holders", lambda prefix: {77: {"/dev/nvidia0"}, 78: {"/dev/nvidia01"}})
    monkeypatch.setattr(proc, "cmdline", lambda pid: "dcgm")
    monkeypatch.setattr(proc, "text_of", lambda pid, name: "dcgm")
    with pytest.raises(Refused, match=r"dcgm \(pid 77\)") as caught:
        gpu_reset.reset(config, UUID)
    assert [item["pid"] for item in caught.value.facts["holders"]] == [77]
    assert calls(tmp_path) == []


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def ask(config, monkeypatch, names: dict[int, str], leaves_at: float = 1e9):
    """Ask who holds the card while these processes have it open, until `leaves_at`; return the answer and the wait."""
    clock = Clock()
    held = {pid: {"/dev/nvidia0"} for pid in names}
    monkeypatch.setattr(proc, "device_holders", lambda prefix: held if clock.now < leaves_at else {})
    monkeypatch.setattr(proc, "text_of", lambda pid, name: names[pid] if name == "comm" else "")
    found = gpu_reset.holders(config, UUID, clock, clock.sleep)
    return [item["pid"] for item in found["foreign"]], clock.now


def test_an_nvidia_smi_that_asks_and_leaves_is_waited_for(config, card, monkeypatch):
    card()
    assert ask(config, monkeypatch, {77: "nvidia-smi\n"}, leaves_at=2) == ([], 2)
    assert ask(config, monkeypatch, {77: ""}, leaves_at=0.5) == ([], 0.5), "gone between two looks"


def test_an_nvidia_smi_that_stays_is_a_holder_in_the_end(config, card, monkeypatch):
    card()
    assert ask(config, monkeypatch, {77: "nvidia-smi\n"}) == ([77], gpu_reset.PASSING_S)


@pytest.mark.parametrize("stranger", ["dcgm\n", "nvidia-smi-loop\n"])
def test_a_card_that_anybody_else_holds_is_not_waited_for(config, card, monkeypatch, stranger):
    card()
    assert ask(config, monkeypatch, {77: "nvidia-smi\n", 78: stranger}) == ([77, 78], 0)


def test_a_process_that_computes_is_not_waited_for_whatever_its_name(config, card, monkeypatch):
    card(processes=STRANGER)
    assert ask(config, monkeypatch, {4242: "nvidia-smi\n"}) == ([4242], 0)


def test_a_card_split_by_mig_is_not_reset(config, card, tmp_path):
    card(mig="Enabled")
    with pytest.raises(Refused, match="MIG"):
        gpu_reset.reset(config, UUID)
    assert calls(tmp_path) == []


def test_a_card_whose_service_runs_is_not_reset(config, card, program, tmp_path):
    card()
    program("systemctl", INACTIVE.replace("inactive", "active"))
    with pytest.raises(Refused, match=r"stop glm-tts@7860\.service first"):
        gpu_reset.reset(config, UUID)
    assert calls(tmp_path) == []


def test_a_host_that_may_not_reset_is_marked_and_says_so(config, card):
    card("echo 'Insufficient permissions to reset'; exit 4")
    assert not gpu_reset.is_unavailable(config)
    with pytest.raises(Refused, match="may not reset") as caught:
        gpu_reset.reset(config, UUID)
    assert caught.value.facts["reset_unavailable"] is True
    assert gpu_reset.is_unavailable(config)


def test_any_other_failure_of_the_reset_is_told_and_marks_nothing(config, card):
    card("echo 'In use by another client'; exit 255")
    with pytest.raises(HelperError, match="another client"):
        gpu_reset.reset(config, UUID)
    assert not gpu_reset.is_unavailable(config)


@pytest.mark.parametrize("uuid", ["0", "", "GPU-1,GPU-2", "GPU-1\n", "--all"])
def test_a_card_is_named_by_its_uuid_alone(config, card, uuid, tmp_path):
    card()
    with pytest.raises(UsageProblem):
        gpu_reset.reset(config, uuid)
    assert calls(tmp_path) == []


def test_persistence_mode_is_only_touched_when_it_differs(config, card, tmp_path):
    card(persistence="Enabled")
    assert gpu_reset.set_persistence(config, UUID, True)["was"] is True
    assert calls(tmp_path) == []
    gpu_reset.set_persistence(config, UUID, False)
    assert calls(tmp_path) == [f"-i {UUID} -pm 0"]


@pytest.fixture
def monitored(config) -> Config:
    return Config(**{**vars(config), "exporters": ("dcgm.service", "smi.service")})


def test_only_exporters_that_ran_are_started_again(monitored, program, tmp_path):
    shown = "Id=dcgm.service\\nActiveState=active\\n\\nId=smi.service\\nActiveState=inactive\\n"
    program("systemctl", f"[ $1 = show ] && printf '{shown}' || echo \"$*\" >> {tmp_path}/calls")
    assert exporters.stop(monitored) == {"stopped": ["dcgm.service"]}
    assert exporters.start(monitored) == {"started": ["dcgm.service"]}
    assert exporters.start(monitored) == {"started": []}
    assert calls(tmp_path) == ["stop -- dcgm.service", "start -- dcgm.service"]


@pytest.fixture
def collector(program, tmp_path):
    """Our own collector on a host that names no exporters: its timer waits, and a pass is `pass` for now."""
    (tmp_path / "pass").write_text("activating")
    state = "printf 'Id=glmtts-metrics.timer\\nActiveState=active\\n'"
    state_of_pass = f"printf 'Id=glmtts-metrics.service\\nActiveState='; cat {tmp_path}/pass"
    shown = f'case "$*" in *metrics.service) {state_of_pass};; *) {state};; esac'
    program("systemctl", f'if [ $1 = show ]; then {shown}\nelse echo "$*" >> {tmp_path}/calls\nfi')
    return tmp_path / "pass"


def test_our_own_collector_is_put_aside_on_every_host_and_its_pass_may_end(config, collector, tmp_path):
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        collector.write_text("inactive" if len(waits) == 3 else "activating")

    exporters.stop(config, sleep)
    assert len(waits) == 3
    assert exporters.start(config) == {"started": ["glmtts-metrics.timer"]}
    assert calls(tmp_path) == ["stop -- glmtts-metrics.timer", "start -- glmtts-metrics.timer"]


def test_a_pass_of_the_collector_that_hangs_is_not_waited_for_without_end(config, collector):
    waits = []
    exporters.stop(config, waits.append)
    assert sum(waits) == exporters.PASS_TIMEOUT_S


def test_an_exporter_in_the_middle_of_its_one_pass_is_stopped_too(monitored, program, tmp_path):
    shown = "Id=dcgm.service\\nActiveState=activating\\n\\nId=smi.service\\nActiveState=failed\\n"
    program("systemctl", f"[ $1 = show ] && printf '{shown}' || echo \"$*\" >> {tmp_path}/calls")
    assert exporters.stop(monitored) == {"stopped": ["dcgm.service"]}


def test_the_collector_is_called_here_as_the_host_knows_it():
    units = Path(__file__).parents[3] / "playbooks/roles/host_monitoring/templates"
    assert {f"{exporters.OWN_TIMER}.j2", f"{exporters.OWN_PASS}.j2"} <= {
        path.name for path in units.iterdir()
    }


def test_an_exporter_that_does_not_start_is_named_and_tried_again_later(monitored, program):
    shown = "Id=dcgm.service\\nActiveState=active\\n\\nId=smi.service\\nActiveState=active\\n"
    program("systemctl", f"[ $1 = show ] && printf '{shown}'; [ \"$1 $3\" != 'start dcgm.service' ]")
    exporters.stop(monitored)
    with pytest.raises(HelperError, match=r"dcgm\.service"):
        exporters.start(monitored)
    program("systemctl", "exit 0")
    assert exporters.start(monitored)["started"] == ["dcgm.service", "smi.service"]
