"""The sentences of every problem, in both languages. One line in TEXTS is one problem."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """How one problem is told. `{names}` are filled in by problem()."""

    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""
    level: str = "error"
    fault: str = "bad_task_file"


def _warn(en: str, zh: str, fix_en: str = "", fix_zh: str = "", fault: str = "bad_task_file") -> Text:
    return Text(en, zh, fix_en, fix_zh, level="warning", fault=fault)


def _audio(en: str, zh: str, fix_en: str, fix_zh: str) -> Text:
    return Text(en, zh, fix_en, fix_zh, fault="missing_audio")


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
    "gpu_tight": _warn(
        "Only {free_mb} MB of GPU memory are free; {need_mb} MB are comfortable.",
        "显存仅剩 {free_mb} MB；建议 {need_mb} MB。",
    ),
    "out_dir_unusable": Text(
        "The output directory can't be used: {detail}.", "输出目录不可用：{detail}。",
        "Choose another OUT_DIR or correct its permissions.", "请换一个输出目录或修改权限。",
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

LINE_TEXTS = {
    "line_too_long": Text(
        "The line has {count} bytes; at most {limit} are read.", "该行 {count} 字节；最多 {limit} 字节。",
        "Split the text into several tasks.", "请拆成多个任务。",
    ),
    "not_utf8": Text(
        "This byte is not UTF-8 (GBK, perhaps).", "此处不是 UTF-8 编码（可能是 GBK）。",
        "Save the file as UTF-8: iconv -f gbk -t utf-8", "请另存为 UTF-8：iconv -f gbk -t utf-8",
    ),
    "nul": Text(
        "The line holds a NUL byte.", "该行含有 NUL 字节。",
        "Remove it; the file may be damaged.", "请删除；文件可能已损坏。",
    ),
    "bom_inside": Text(
        "A byte order mark stands inside the file.", "文件中间出现了 BOM。",
        "Remove it; files that were joined often hold one.", "请删除；合并文件时常会带入。",
    ),
    "not_json": Text(
        "Not valid JSON: {detail_en}.", "不是合法的 JSON：{detail_zh}。",
        "Check the line with jq.", "请用 jq 检查该行。",
    ),
    "half_line": Text(
        "The last line is cut off in the middle.", "最后一行不完整。",
        "Write the file again or remove this line.", "请重新生成文件或删除该行。",
    ),
    "not_object": Text(
        "The line holds {kind}, not a JSON object.", "该行是 {kind}，不是 JSON 对象。",
        'Write {{"output_name": ..., "input_text": ...}}.',
        '请写成 {{"output_name": ..., "input_text": ...}}。',
    ),
    "duplicate_key": Text(
        "The key {key} stands here twice.", "键 {key} 重复出现。",
        "Keep one of them.", "请只保留一个。",
    ),
    "bad_number": Text(
        "{value} is not a number JSON allows.", "{value} 不是 JSON 允许的数字。",
        "Write a plain number.", "请写普通数字。",
    ),
    "too_deep": Text(
        "The line is nested too deeply.", "该行嵌套过深。",
        "Write one flat object.", "请写成单层对象。",
    ),
}  # fmt: skip

FIELD_TEXTS = {
    "missing": Text(
        "{field} is missing.", "缺少 {field}。",
        "Add {field} (also known as {other}).", "请补上 {field}（也可写作 {other}）。",
    ),
    "two_names": Text(
        "{field} and {other} mean the same.", "{field} 与 {other} 是同一个字段。",
        "Keep one of them.", "请只保留一个。",
    ),
    "unknown_field": _warn(
        "No such field; it is ignored.{hint_en}", "没有这个字段，已忽略。{hint_zh}",
    ),
    "wrong_type": Text(
        "Must be {wanted_en}, is {kind}.", "应为{wanted_zh}，实际为 {kind}。",
        "Correct the value.", "请改正。",
    ),
    "empty": Text("Is empty.", "内容为空。", "Fill it in.", "请填写。"),
    "too_long": Text(
        "Has {count} characters; at most {limit}.", "共 {count} 字；最多 {limit} 字。",
        "Shorten it, or split it into several tasks.", "请缩短或拆成多个任务。",
    ),
    "bad_character": Text(
        "Holds a character that can't be used: {value}.", "含有不可用的字符：{value}。",
        "Remove it.", "请删除。",
    ),
    "not_speakable": Text(
        "Nothing in this text can be spoken.", "文本中没有可以朗读的内容。",
        "Write at least one letter, digit or Chinese character.", "请至少写一个字母、数字或汉字。",
    ),
    "hidden_characters": _warn(
        "Holds invisible direction characters; they are left out.", "含有不可见的方向控制字符，将被忽略。",
    ),
    "long_text": _warn(
        "Has {count} characters; texts over {limit} take long and much memory.",
        "共 {count} 字；超过 {limit} 字会耗时且占用内存。",
        "Consider splitting it.", "建议拆分。",
        fault="slow_synthesis",
    ),
    "slow_rate": _warn(
        "32 kHz takes more time and memory.", "32 kHz 更耗时、更占内存。",
        "Prefer 24000.", "建议使用 24000。",
        fault="slow_synthesis",
    ),
    "not_a_choice": Text(
        "{value} is none of {choices}.", "{value} 不在可选值 {choices} 中。",
        "Choose one of them.", "请选择其中之一。",
    ),
    "out_of_range": Text(
        "{value} is not between {low} and {high}.", "{value} 不在 {low} 到 {high} 之间。",
        "Correct the value.", "请改正。",
    ),
    "unknown_voice": Text(
        "No voice {value}.", "没有音色 {value}。",
        "Voices: {choices}.", "可用音色：{choices}。",
    ),
    "needs_reference": Text(
        "Names neither reference audio nor a preset voice.", "既没有参考音频也没有预设音色。",
        "Add {field} (also known as {other}), or a voice: {choices}.",
        "请补上 {field}（也可写作 {other}），或指定音色：{choices}。",
    ),
    "no_transcript": Text(
        "The reference audio has no transcript.", "参考音频没有对应的文字。",
        "Add prompt_text: exactly what is said in it.", "请补上 prompt_text：录音中所说的原文。",
        fault="poor_reference",
    ),
    "no_transcript_unused": _warn(
        "The reference audio has no transcript; an engine that clones voices needs it.",
        "参考音频没有对应文字；克隆音色的引擎需要它。",
        "Add prompt_text.", "建议补上 prompt_text。",
        fault="poor_reference",
    ),
    "not_cloned": _warn(
        "Engine {engine} speaks with a preset voice; it does not clone the reference.",
        "引擎 {engine} 使用预设音色，不会克隆参考录音。",
    ),
    "name_unsafe": Text(
        "{value} can't be a file name.", "{value} 不能用作文件名。",
        "Use letters, digits, - and _, for example {suggestion}.",
        "请使用文字、数字、- 和 _，例如 {suggestion}。",
    ),
    "name_duplicate": Text(
        "{value} was used in line {first} already.", "{value} 在第 {first} 行已使用。",
        "Give every task a name of its own.", "请为每个任务起不同的名称。",
    ),
    "path_url": Text(
        "Is a web address; only files are read.", "这是网址；只能读取文件。",
        "Download the file and give its path.", "请先下载，再填写文件路径。",
        fault="missing_audio",
    ),
    "path_outside": _audio(
        "{value} lies outside the allowed directories.", "{value} 不在允许的目录内。",
        "Move the file beside the tasks file, or allow its directory with --audio-dir.",
        "请把文件放在任务文件旁，或用 --audio-dir 允许该目录。",
    ),
    "path_missing": _audio(
        "No such file: {value}.", "文件不存在：{value}。",
        "Check the path; it is taken from the tasks file's directory.",
        "请检查路径；相对于任务文件所在目录。",
    ),
    "path_not_file": _audio(
        "{value} is not a regular file.", "{value} 不是普通文件。",
        "Name an audio file.", "请指定音频文件。",
    ),
    "path_unreadable": _audio(
        "{value} can't be read: {detail}.", "{value} 无法读取：{detail}。",
        "Correct its permissions.", "请修改权限。",
    ),
    "audio_bad": Text(
        "The recording is no good: {detail_en}.", "参考音频不可用：{detail_zh}。", "{hint_en}", "{hint_zh}",
        fault="poor_reference",
    ),
    "audio_poor": _warn(
        "Poor recording: {detail_en}.", "参考音频欠佳：{detail_zh}。", fault="poor_reference",
    ),
}  # fmt: skip

TEXTS: dict[str, Text] = FILE_TEXTS | LINE_TEXTS | FIELD_TEXTS

JSON_ZH = {
    "Expecting value": "此处应有值",
    "Expecting property name enclosed in double quotes": "键名应使用双引号",
    "Illegal trailing comma before end of object": "对象末尾多了逗号",
    "Illegal trailing comma before end of array": "数组末尾多了逗号",
    "Expecting ':' delimiter": "此处应有冒号",
    "Expecting ',' delimiter": "此处应有逗号",
    "Extra data": "JSON 对象之后还有多余内容",
    "Unterminated string starting at": "字符串没有结束引号",
    "Invalid control character at": "字符串中有未转义的控制字符",
    "Invalid \\escape": "无效的转义",
    "Invalid \\uXXXX escape": "无效的 \\u 转义",
    "Invalid \\escape: ": "无效的转义",
}
