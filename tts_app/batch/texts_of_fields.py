"""What can be wrong with the fields of a line."""

from __future__ import annotations

from tts_app.batch.told import Text, audio, warn

FIELD_TEXTS = {
    "missing": Text(
        "{field} is missing.", "缺少 {field}。",
        "Add {field} (also known as {other}).", "请补上 {field}（也可写作 {other}）。",
    ),
    "two_names": Text(
        "{field} and {other} mean the same.", "{field} 与 {other} 是同一个字段。",
        "Keep one of them.", "请只保留一个。",
    ),
    "unknown_field": warn(
        "No such field; it is ignored.{hint_en}", "没有这个字段，已忽略。{hint_zh}",
    ),
    "unknown_fields": warn("{count} more unknown fields.", "另有 {count} 个未知字段。"),
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
    "hidden_characters": warn(
        "Holds invisible direction characters; they are left out.", "含有不可见的方向控制字符，将被忽略。",
    ),
    "long_text": warn(
        "Has {count} characters; texts over {limit} take long and much memory.",
        "共 {count} 字；超过 {limit} 字会耗时且占用内存。",
        "Consider splitting it.", "建议拆分。",
        fault="slow_synthesis",
    ),
    "slow_rate": warn(
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
    "default_voice": warn(
        "Names neither reference audio nor a voice: the engine's default voice speaks.",
        "既没有参考音频也没有音色，将使用引擎的默认音色。",
    ),
    "needs_reference": Text(
        "There is a transcript, but neither reference audio nor a voice.",
        "有录音文字，却没有参考音频，也没有音色。",
        "Add {field} (also known as {other}), or a voice: {choices}.",
        "请补上 {field}（也可写作 {other}），或指定音色：{choices}。",
    ),
    "no_transcript": Text(
        "The reference audio has no transcript.", "参考音频没有对应的文字。",
        "Add prompt_text: exactly what is said in it.", "请补上 prompt_text：录音中所说的原文。",
        fault="poor_reference",
    ),
    "no_transcript_unused": warn(
        "The reference audio has no transcript; an engine that clones voices needs it.",
        "参考音频没有对应文字；克隆音色的引擎需要它。",
        "Add prompt_text.", "建议补上 prompt_text。",
        fault="poor_reference",
    ),
    "not_cloned": warn(
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
    "name_taken": Text(
        "{value} exists in the output directory, and no batch made it.",
        "输出目录中已有 {value}，且不是批量任务生成的。",
        "Choose another name or an empty OUT_DIR.", "请换一个名称，或使用空的输出目录。",
    ),
    "path_url": Text(
        "Is a web address; only files are read.", "这是网址；只能读取文件。",
        "Download the file and give its path.", "请先下载，再填写文件路径。",
        fault="missing_audio",
    ),
    "path_outside": audio(
        "{value} lies outside the allowed directories.", "{value} 不在允许的目录内。",
        "Move the file beside the tasks file, or allow its directory with --audio-dir.",
        "请把文件放在任务文件旁，或用 --audio-dir 允许该目录。",
    ),
    "path_missing": audio(
        "No such file: {value}.", "文件不存在：{value}。",
        "Check the path; it is taken from the tasks file's directory.",
        "请检查路径；相对于任务文件所在目录。",
    ),
    "path_not_file": audio(
        "{value} is not a regular file.", "{value} 不是普通文件。",
        "Name an audio file.", "请指定音频文件。",
    ),
    "path_unreadable": audio(
        "{value} can't be read: {detail}.", "{value} 无法读取：{detail}。",
        "Correct its permissions.", "请修改权限。",
    ),
    "audio_bad": Text(
        "The recording is no good: {detail_en}.", "参考音频不可用：{detail_zh}。", "{hint_en}", "{hint_zh}",
        fault="poor_reference",
    ),
    "audio_poor": warn(
        "Poor recording: {detail_en}.", "参考音频欠佳：{detail_zh}。", fault="poor_reference",
    ),
}  # fmt: skip
