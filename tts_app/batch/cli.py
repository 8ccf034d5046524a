"""The command `python -m tts_app batch`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tts_app import logs
from tts_app.batch import jsonl
from tts_app.batch.estimate import Limits
from tts_app.batch.journal import JournalBusy
from tts_app.batch.machine import read_machine
from tts_app.batch.out_dir import look
from tts_app.batch.paths import AudioDirs
from tts_app.batch.places import places, unusable
from tts_app.batch.preflight import Context, Preflight, check, nothing, refuse
from tts_app.batch.problems import problem
from tts_app.batch.recordings import probe, read_reference
from tts_app.batch.report import Exit
from tts_app.batch.show import show_preflight, show_report
from tts_app.batch.stopping import Stop
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.terminal import listener_on, say, take_every_character
from tts_app.batch.work import MAX_OWNER_CHARS, Batch, default_owner, do_batch, is_owner, log_faults
from tts_app.batch.worker import DEFAULT_ENGINE
from tts_app.batch.worker_speaker import WorkerSpeaker
from tts_app.engines import make_engine
from tts_app.engines.base import Engine
from tts_app.errors import ConfigError, TtsError
from tts_app.settings import Settings

EPILOG = """\
exit status / 退出码:
  0   every item was spoken / 全部成功
  1   some items failed; the others were spoken / 部分失败
  2   wrong usage or settings / 用法或配置有误
  3   no item was spoken / 全部失败
  4   refused before anything was spoken; with --check: would be refused / 检查未通过
  5   every item was spoken, the zip archive could not be written / 全部成功，但压缩包未生成
  75  stopped (signal, full disk, engine not loadable or long busy); run the same command to resume / 已停止，可继续

The same command resumes: what is finished is never spoken again. Nothing is written outside OUT_DIR
but the zip archive. 重新运行同一命令即可继续，已完成的任务不会重复。
"""

GRACE_S = 15.0


def main(
    argv: Sequence[str],
    *,
    make: Callable[[Settings], Engine] = make_engine,
    worker_engine: str = DEFAULT_ENGINE,
) -> int:
    """Run the command, return its exit status (see --help). `worker_engine` names `make` for the worker."""
    take_every_character()
    options = _parser().parse_args(argv)
    env = os.environ | ({"TTS_ENGINE": options.engine} if options.engine else {})
    try:
        settings = Settings.from_env(env)
    except ConfigError as error:
        print("settings are wrong / 配置有误:", *error.problems, sep="\n  ", file=sys.stderr)
        return Exit.USAGE
    log_file = _log_to(settings.log_dir, options)
    preflight, facts = _judge(options, settings, make)
    refused = not _may_start(preflight, options)
    if options.check or refused or not options.json:
        say(lambda: show_preflight(preflight, sys.stdout, as_json=options.json))
    if refused and not options.check:
        log_faults(preflight, batch_id="-", owner=options.owner, source=str(options.tasks))
    if options.check or refused:
        return Exit.REFUSED if refused else Exit.ALL_OK
    speaker = WorkerSpeaker(
        task_timeout_s=_item_limit_s(settings),
        load_timeout_s=settings.load_timeout_s + GRACE_S,
        command=(sys.executable, "-m", "tts_app.batch.worker", worker_engine),
        env=env,
        log_file=log_file,
    )
    return _run(options, settings, preflight, facts, speaker)


def _item_limit_s(settings: Settings) -> float:
    """Return after how many seconds the worker is killed: the engine's own limit should speak first.

    GLM-TTS may load its model again before a text, when its worker was replaced.
    """
    loading_s = settings.load_timeout_s if settings.engine == "glm" else 0.0
    return settings.task_timeout_s + loading_s + GRACE_S


def _log_to(log_dir: Path, options: argparse.Namespace) -> Path | None:
    """Write error.log where the service writes it, else in OUT_DIR; nowhere when only checking.

    Returns the file, None when nothing is logged.
    """
    usable = log_dir.is_dir() and os.access(log_dir, os.W_OK | os.X_OK)
    if options.check or (not usable and unusable(options.out_dir)):
        logging.getLogger("tts_app").addHandler(logging.NullHandler())
        return None
    folder = log_dir if usable else options.out_dir
    logs.set_up_command(folder)
    return folder / "error.log"


def _may_start(preflight: Preflight, options: argparse.Namespace) -> bool:
    return not preflight.errors or (options.skip_bad and preflight.can_skip)


def _judge(
    options: argparse.Namespace, settings: Settings, make: Callable[[Settings], Engine]
) -> tuple[Preflight, EngineFacts]:
    """Check the file and everything around it."""
    unknown = EngineFacts(settings.engine, False, (), ())
    try:
        facts = EngineFacts.of(make(settings))
    except TtsError as error:
        return nothing(
            problem("engine_unusable", detail_en=error.message_en, detail_zh=error.message_zh)
        ), unknown
    try:
        with options.tasks.open("rb") as tasks:
            data = tasks.read(jsonl.MAX_FILE_BYTES + 1)
    except OSError as error:
        return nothing(problem("file_unreadable", detail=error.strerror)), facts
    archive_dir, there = _archive_dir(options, settings), look(options.out_dir)
    dirs = [options.tasks.parent, *options.audio_dir, *settings.batch_audio_dirs]
    context = Context(
        engine=facts,
        dirs=AudioDirs(dirs),
        probe=probe(settings),
        machine=read_machine(options.out_dir, archive_dir, gpu=facts.name == "glm"),
        limits=Limits(
            max_tasks=settings.batch_max_tasks,
            max_chars=settings.batch_max_chars,
            max_hours=options.max_hours,
            max_text_chars=settings.max_chars,
        ),
        default_voice=options.voice or settings.voice,
        out=there,
    )
    found = list(places(options.out_dir, archive_dir, there))
    if not is_owner(options.owner):
        found.append(problem("owner_bad", limit=MAX_OWNER_CHARS))
    return refuse(check(data, context), *found), facts


def _archive_dir(options: argparse.Namespace, settings: Settings) -> Path | None:
    if options.no_archive:
        return None
    folder: Path = options.archive_dir or settings.outputs_dir / "batch"
    return folder


def _run(
    options: argparse.Namespace,
    settings: Settings,
    preflight: Preflight,
    facts: EngineFacts,
    speaker: WorkerSpeaker,
) -> int:
    batch = Batch(
        preflight,
        facts,
        out_dir=options.out_dir,
        archive_dir=_archive_dir(options, settings),
        owner=options.owner,
        retry_failed=options.retry_failed,
        source=str(options.tasks),
    )
    stop = Stop()
    try:
        with stop.handling():
            report = do_batch(
                batch,
                speaker=speaker,
                read_reference=read_reference(settings),
                must_stop=lambda: stop.asked,
                listener=listener_on(sys.stderr if options.json else sys.stdout, bar_on=sys.stderr),
            )
    except KeyboardInterrupt:
        print("stopped at once; run the same command to resume / 已立即停止，可继续", file=sys.stderr)
        return Exit.STOPPED
    except JournalBusy:
        print(" / ".join(problem("busy_out_dir").sentences()), file=sys.stderr)
        return Exit.REFUSED
    except OSError as error:
        logging.getLogger(__name__).error("batch can't go on", exc_info=error)
        print(" / ".join(problem("out_dir_unusable", detail=error.strerror).sentences()), file=sys.stderr)
        return Exit.STOPPED
    say(lambda: show_report(report, sys.stdout, as_json=options.json))
    return report.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tts_app batch",
        description="Speak every line of a JSONL file into OUT_DIR. 批量合成：每行一个任务。",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "tasks",
        type=Path,
        metavar="TASKS.jsonl",
        help="one JSON object per line: output_name, input_text, ...",
    )
    add("out_dir", type=Path, metavar="OUT_DIR", help="where the wav files, journal and report go")
    add("--check", action="store_true", help="only check the file, speak nothing / 只检查")
    add("--resume", action="store_true", help="go on where an earlier run ended (always done) / 继续（默认）")
    add("--retry-failed", action="store_true", help="try failed items again / 重试失败的任务")
    add("--skip-bad", action="store_true", help="run the good lines although others are wrong / 跳过有误的行")
    add("--owner", default=default_owner(), help="who is told about faults (default: %(default)s) / 负责人")
    add("--engine", help="kokoro, glm, openai or espeak (TTS_ENGINE)")
    add("--voice", help="for lines that name neither voice nor recording (TTS_VOICE) / 默认音色")
    add("--audio-dir", type=Path, action="append", default=[], metavar="DIR",
        help="allow reference audio from here too; may be repeated / 允许的音频目录")  # fmt: skip
    add("--archive-dir", type=Path, metavar="DIR", help="where the zip goes (TTS_DATA_DIR/outputs/batch)")
    add("--no-archive", action="store_true", help="write no zip / 不生成压缩包")
    add("--max-hours", type=float, default=Limits().max_hours, help="longest batch (default: %(default)s)")
    add("--json", action="store_true", help="print the result as one JSON object")
    return parser
