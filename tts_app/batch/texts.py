"""The sentences of every problem, in both languages. One entry in TEXTS is one problem."""

from __future__ import annotations

from tts_app.batch.texts_of_fields import FIELD_TEXTS
from tts_app.batch.texts_of_files import FILE_TEXTS
from tts_app.batch.texts_of_lines import LINE_TEXTS
from tts_app.batch.told import Text

TEXTS: dict[str, Text] = FILE_TEXTS | LINE_TEXTS | FIELD_TEXTS
