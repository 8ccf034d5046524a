"""What can be wrong with a tasks file as a whole, or with the places around it."""

from __future__ import annotations

from tts_app.batch.told import Text, warn

FILE_TEXTS = {
    "file_unreadable": Text(
        "The tasks file can't be read: {detail}.", "无法读取任务文件：{detail}。",
        "Check its path and permissions.", "请检查路径和权限。",
    ),
    "file_empty": Text(
        "There is no task in this file.", "文件中没有任务。",
        "Write one JSON object per line.", "请每行写一个 JSON 对象。",
    ),
    "file_too_big": Text(
        "The file is larger than {limit_mb} MB.", "文件超过 {limit_mb} MB。",
        "Split it: split -l 500 TASKS.jsonl part-", "请拆分：split -l 500 TASKS.jsonl part-",
    ),
    "file_too_long": Text(
        "The file has {count} lines; at most {limit} are read.", "文件有 {count} 行；最多读取 {limit} 行。",
        "Split it: split -l 500 TASKS.jsonl part-", "请拆分：split -l 500 TASKS.jsonl part-",
    ),
    "file_utf16": Text(
        "The file is UTF-16, not UTF-8.", "文件是 UTF-16 编码，不是 UTF-8。",
        "Save it again as UTF-8.", "请另存为 UTF-8。",
    ),
    "file_packed": Text(
        "The file is an archive ({kind}), not text.", "文件是压缩包（{kind}），不是文本。",
        "Unpack it and give the JSONL file.", "请解压后提供 JSONL 文件。",
    ),
    "file_array": Text(
        "The file is one JSON array; a task file holds one JSON object per line.",
        "文件是一个 JSON 数组；任务文件应每行一个 JSON 对象。",
        "Convert it: jq -c '.[]' FILE > TASKS.jsonl", "请转换：jq -c '.[]' FILE > TASKS.jsonl",
    ),
    "too_many_problems": Text(
        "More than {limit} problems; the rest of the file was not read.",
        "问题超过 {limit} 个，其余内容未检查。",
        "Correct these first.", "请先改正以上问题。",
    ),
    "more_warnings": warn("{count} more warnings are not shown.", "另有 {count} 条警告未显示。"),
    "too_many_tasks": Text(
        "{count} tasks; at most {limit} run as one batch.", "共 {count} 个任务；一批最多 {limit} 个。",
        "Split into {parts} files: split -l {lines} TASKS.jsonl part-",
        "请拆成 {parts} 个文件：split -l {lines} TASKS.jsonl part-",
    ),
    "too_many_chars": Text(
        "The texts have {count} characters together; at most {limit} run as one batch.",
        "文本合计 {count} 字；一批最多 {limit} 字。",
        "Split into {parts} files: split -l {lines} TASKS.jsonl part-",
        "请拆成 {parts} 个文件：split -l {lines} TASKS.jsonl part-",
    ),
    "takes_too_long": Text(
        "This would take about {hours} hours; at most {limit} hours run as one batch.",
        "预计需要约 {hours} 小时；一批最多 {limit} 小时。",
        "Split into {parts} files: split -l {lines} TASKS.jsonl part-",
        "请拆成 {parts} 个文件：split -l {lines} TASKS.jsonl part-",
    ),
    "disk_short": Text(
        "About {need_mb} MB of disk are needed in {place}, {free_mb} MB are free.",
        "{place} 约需 {need_mb} MB 磁盘，仅剩 {free_mb} MB。",
        "Free some space, or split into {parts} files: split -l {lines} TASKS.jsonl part-",
        "请清理磁盘，或拆成 {parts} 个文件：split -l {lines} TASKS.jsonl part-",
    ),
    "memory_short": Text(
        "About {need_mb} MB of memory are needed, {free_mb} MB are free.",
        "约需 {need_mb} MB 内存，仅剩 {free_mb} MB。",
        "Stop other work on this machine, or split the longest texts (line {line_of_longest}).",
        "请停止本机其他任务，或拆分最长的文本（第 {line_of_longest} 行）。",
    ),
    "gpu_short": Text(
        "About {need_mb} MB of GPU memory are needed, {free_mb} MB are free.",
        "约需 {need_mb} MB 显存，仅剩 {free_mb} MB。",
        "Free GPU memory first, or submit the batch to the running service.",
        "请先释放显存，或把任务提交给正在运行的服务。",
    ),
    "gpu_tight": warn(
        "Only {free_mb} MB of GPU memory are free; {need_mb} MB are comfortable.",
        "显存仅剩 {free_mb} MB；建议 {need_mb} MB。",
    ),
    "out_dir_unusable": Text(
        "The output directory can't be used: {detail}.", "输出目录不可用：{detail}。",
        "Choose another OUT_DIR or correct its permissions.", "请换一个输出目录或修改权限。",
    ),
    "out_dir_taken": Text(
        "{value} in the output directory is not of a batch; it would be overwritten.",
        "输出目录中的 {value} 不是批量任务生成的，会被覆盖。",
        "Choose an empty OUT_DIR.", "请换一个空的输出目录。",
    ),
    "archive_dir_unusable": Text(
        "The zip archive can't be written to {place}: {detail}.", "无法把压缩包写到 {place}：{detail}。",
        "Give --archive-dir DIR or --no-archive.", "请使用 --archive-dir DIR 或 --no-archive。",
    ),
    "busy_out_dir": Text(
        "Another batch is running in this output directory.", "该输出目录中有另一批任务正在运行。",
        "Wait for it or choose another OUT_DIR.", "请等待其结束或换一个输出目录。",
    ),
    "engine_unusable": Text(
        "The engine can't be used: {detail_en}.", "语音引擎不可用：{detail_zh}。",
        "Correct the settings: python -m tts_app check-config", "请修正配置：python -m tts_app check-config",
        fault="engine",
    ),
    "owner_bad": Text(
        "The owner must be 1 to {limit} printable characters.", "负责人名称须为 1 到 {limit} 个可见字符。",
        "Give --owner NAME.", "请使用 --owner NAME。",
    ),
    "zip_bad": Text(
        "The audio zip can't be used: {detail_en}.", "音频压缩包不可用：{detail_zh}。",
        "Pack only the audio files again and upload once more.", "请只打包音频文件后重新上传。",
    ),
}  # fmt: skip
