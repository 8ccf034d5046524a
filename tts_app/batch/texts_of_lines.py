"""What can be wrong with a line that should hold a JSON object."""

from __future__ import annotations

from tts_app.batch.told import Text

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
