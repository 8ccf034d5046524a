#!/usr/bin/python3 -I
"""Write facts about this host's speech services and cards for node exporter's textfile collector.

One pass, started by a timer. Needs only the system's Python. A source that fails leaves its own metrics out
and says so in glmtts_collect_success; the others are written all the same.
"""

import argparse
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

XID = re.compile(r"NVRM: Xid \((?:PCI:)?[0-9a-fA-F:.]+\).*?: (\d+)\b")
STAMP = re.compile(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)")
TIMEOUT_S = 8
MEBI = 1024 * 1024
CARD_FIGURES = (
    ("glmtts_gpu_memory_used_bytes", "fb_memory_usage/used", MEBI),
    ("glmtts_gpu_memory_total_bytes", "fb_memory_usage/total", MEBI),
    ("glmtts_gpu_utilization_ratio", "utilization/gpu_util", 0.01),
    ("glmtts_gpu_temperature_celsius", "temperature/gpu_temp", 1),
)
REMAPPED = (
    ("glmtts_gpu_remapped_rows_correctable", "remapped_rows/remapped_row_corr"),
    ("glmtts_gpu_remapped_rows_uncorrectable", "remapped_rows/remapped_row_unc"),
    ("glmtts_gpu_remapped_rows_pending", "remapped_rows/remapped_row_pending"),
    ("glmtts_gpu_remapped_rows_failure", "remapped_rows/remapped_row_failure"),
)
WORDS = {"No": 0, "Yes": 1}
LOG_TAIL_BYTES = 1 << 20


def main():
    """Collect from every source and replace the file in one step."""
    options = parse(sys.argv[1:])
    sources = {
        "units": lambda: unit_lines(options.instance),
        "maintenance": lambda: maintenance_lines(options.maintenance_file),
    }
    if options.nvidia_smi:
        sources["gpu"] = lambda: gpu_lines(options.nvidia_smi)
        sources["kernel"] = lambda: xid_lines(kernel_log(options.kernel_log), booted_at())
    lines = []
    for name, read in sources.items():
        try:
            lines += read()
            success = 1
        except (OSError, ValueError, subprocess.SubprocessError, ElementTree.ParseError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            success = 0
        lines.append(metric("glmtts_collect_success", success, source=name))
    fresh = options.out.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(options.out)


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="file to write, *.prom")
    parser.add_argument("--instance", action="append", default=[], help="PORT or PORT=UNIT; repeatable")
    parser.add_argument("--nvidia-smi", default="", help="the driver's tool; empty: no cards here")
    parser.add_argument("--kernel-log", default="dmesg", help="dmesg, or a file with the kernel's lines")
    parser.add_argument("--maintenance-file", type=Path, required=True, help="holds the end of the window")
    return parser.parse_args(arguments)


def metric(name, value, **labels):
    """Return one line of the exposition format."""
    pairs = ",".join(f'{key}="{escape(str(text))}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"


def escape(text):
    """Return a label's value as the format wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def output_of(command):
    """Return what a command writes; an error when it fails or hangs."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def unit_lines(instances):
    """Return state, result and restarts of each instance's unit; those of others have names of their own."""
    lines = []
    for instance in instances:
        port, _, named = instance.partition("=")
        names = "ActiveState,Result,NRestarts"
        shown = output_of(["systemctl", "show", f"--property={names}", named or f"glm-tts@{port}.service"])
        state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        lines += [
            metric("glmtts_unit_state", 1, port=port, state=state["ActiveState"]),
            metric("glmtts_unit_result", 1, port=port, result=state["Result"]),
            metric("glmtts_unit_restarts_total", int(state["NRestarts"]), port=port),
        ]
    return lines


def gpu_lines(nvidia_smi):
    """Return memory, load, temperature and the driver's own advice of each card."""
    report = ElementTree.fromstring(output_of([nvidia_smi, "-q", "-x"]))  # noqa: S314 - the driver's own tool
    return [line for index, card in enumerate(report.iter("gpu")) for line in card_lines(card, index)]


def card_lines(card, index):
    """Return the figures of one card; one that the driver cannot tell is left out."""
    uuid = card.findtext("uuid", "unknown")
    lines = []
    for name, path, factor in CARD_FIGURES:
        found = re.match(r"\d+(\.\d+)?", card.findtext(path, ""))
        if found:
            lines.append(metric(name, float(found.group()) * factor, uuid=uuid, gpu=index))
    lines += [*ecc_lines(card, uuid, index), *remapped_lines(card, uuid, index)]
    action = card.findtext("gpu_recovery_action")
    if action:  # drivers older than 580 have no such field
        lines.append(metric("glmtts_gpu_recovery_action", 1, uuid=uuid, action=action.strip()))
    return lines


def ecc_lines(card, uuid, index):
    """Return memory errors over the card's life, by whether they could be corrected; none without ECC."""
    found = {}
    for counter in card.iterfind("ecc_errors/aggregate/*"):
        kind = "uncorrected" if "uncorrectable" in counter.tag else "corrected"
        if "correctable" in counter.tag and (counter.text or "").strip().isdigit():
            found[kind] = found.get(kind, 0) + int(counter.text)
    return [
        metric("glmtts_gpu_ecc_errors_total", count, uuid=uuid, gpu=index, kind=kind)
        for kind, count in sorted(found.items())
    ]


def remapped_lines(card, uuid, index):
    """Return how many rows of its memory were replaced, and whether more wait for a reset or could not be."""
    lines = []
    for name, path in REMAPPED:
        text = card.findtext(path, "").strip()
        value = int(text) if text.isdigit() else WORDS.get(text)
        if value is not None:
            lines.append(metric(name, value, uuid=uuid, gpu=index))
    return lines


def kernel_log(source):
    """Return the newest kernel lines."""
    if source == "dmesg":
        return output_of(["dmesg", "--time-format", "iso"])
    path = Path(source)
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - LOG_TAIL_BYTES, 0))
        return stream.read().decode("utf-8", "replace")


def booted_at():
    """Return the time of this boot, in epoch seconds."""
    return time.time() - float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def xid_lines(text, since):
    """Return count and newest time of each Xid since `since` (epoch seconds); undated lines count as of now."""
    seen = {}
    for line in text.splitlines():
        found = XID.search(line)
        moment = stamp_of(line) if found else None
        if found and moment >= since - 1:
            count, newest = seen.get(found.group(1), (0, 0.0))
            seen[found.group(1)] = (count + 1, max(newest, moment))
    return [
        line
        for xid, (count, newest) in sorted(seen.items())
        for line in (
            metric("glmtts_xid_total", count, xid=xid),
            metric("glmtts_xid_last_timestamp_seconds", f"{newest:.0f}", xid=xid),
        )
    ]


def stamp_of(line):
    """Return a line's own time in epoch seconds, or now."""
    found = STAMP.match(line)
    if not found:
        return time.time()
    moment = datetime.fromisoformat(found.group(1).replace("Z", "+00:00").replace(",", "."))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def maintenance_lines(path):
    """Return the end of the maintenance window in epoch seconds; 0 when there is none."""
    try:
        end = stamp_of(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        end = 0
    return [metric("glmtts_maintenance_until_timestamp_seconds", f"{end:.0f}")]


if __name__ == "__main__":
    main()
