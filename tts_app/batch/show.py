"""Tell people on the command line what was found and what became of a batch."""

from __future__ import annotations

import json
from typing import TextIO

from rich.console import Console
from rich.table import Table

from tts_app.batch.preflight import Preflight, Verdict
from tts_app.batch.problems import ERROR, Problem
from tts_app.batch.progress import clock_time
from tts_app.batch.report import Exit, Report

MAX_PROBLEMS_SHOWN = 100
VERDICTS = {
    Verdict.GO: "may start / 可以开始",
    Verdict.SPLIT: "too large for one batch, split it / 超出单批上限，请拆分",
    Verdict.REFUSED: "refused / 已拒绝",
}
ENDINGS = {
    Exit.ALL_OK: "all spoken / 全部完成",
    Exit.SOME_FAILED: "some failed / 部分失败",
    Exit.NONE_OK: "none spoken / 全部失败",
    Exit.NO_ARCHIVE: "all spoken, but the zip is missing; run the same command to write it"
    " / 全部完成，但压缩包未生成，重新运行同一命令即可生成",
    Exit.STOPPED: "stopped; run the same command to resume / 已停止，重新运行同一命令即可继续",
}


def show_preflight(preflight: Preflight, out: TextIO, *, as_json: bool) -> None:
    """Print what the check found: a table on a terminal, else one line per problem."""
    if as_json:
        print(json.dumps(preflight.to_json(), ensure_ascii=False), file=out)
        return
    if out.isatty() and preflight.problems:
        Console(file=out).print(_table(preflight.problems[:MAX_PROBLEMS_SHOWN]))
    else:
        for found in preflight.problems[:MAX_PROBLEMS_SHOWN]:
            english, chinese = found.sentences()
            print(f"{found.level}: {english} / {chinese}", file=out)
    if (more := len(preflight.problems) - MAX_PROBLEMS_SHOWN) > 0:
        print(f"... and {more} more / 另有 {more} 个问题", file=out)
    need = preflight.estimate
    print(
        f"{VERDICTS[preflight.verdict]}: {need.tasks} tasks, {need.chars} characters, "
        f"about {clock_time(need.audio_s)} of speech in {clock_time(need.time_s)}, "
        f"{need.disk_mb:.1f} MB of wav files / 共 {need.tasks} 个任务，{need.chars} 字，"
        f"语音约 {clock_time(need.audio_s)}，用时约 {clock_time(need.time_s)}，wav 约 {need.disk_mb:.1f} MB",
        file=out,
    )


def show_report(report: Report, out: TextIO, *, as_json: bool) -> None:
    """Print what became of the batch."""
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False), file=out)
        return
    ok, failed, waiting = (report.count(status) for status in ("ok", "failed", "waiting"))
    print(
        f"{ENDINGS[report.exit_status]}: {ok} ok, {failed} failed, {waiting} waiting / "
        f"成功 {ok}，失败 {failed}，待合成 {waiting}",
        file=out,
    )
    if report.stopped is not None:
        print(f"reason: {report.stopped.en} / 原因：{report.stopped.zh}", file=out)
    if report.archive is not None:
        print(f"archive / 压缩包: {report.archive}", file=out)
    if report.archive_error is not None:
        print(f"no archive / 压缩包未生成: {report.archive_error}", file=out)


def _table(problems: tuple[Problem, ...]) -> Table:
    table = Table("line / 行", "column / 列", "field / 字段", "what / 问题", "fix / 办法", show_lines=True)
    for found in problems:
        colour = "red" if found.level == ERROR else "yellow"
        cells = (
            str(found.line or "-"),
            str(found.column or "-"),
            found.field or "-",
            f"{found.en}\n{found.zh}",
            f"{found.fix_en}\n{found.fix_zh}".strip(),
        )
        table.add_row(*(cell.replace("[", r"\[") for cell in cells), style=colour)
    return table
