"""Built-in reference recordings, for engines that clone a voice when a request brings no recording.

They were spoken by the Kokoro presets (Apache-2.0), because GLM-TTS's own example prompts may not be shipped
(CC BY-NC 4.0). Rebuild them: python -m tts_app.voices.references
"""

import sys
from functools import cache

import soundfile

from tts_app.engines.base import Reference, Voice
from tts_app.engines.offered import check_voice
from tts_app.voices import FOLDER

TRANSCRIPT = "你好，很高兴认识你。今天天气晴朗，我们一起出去走走吧。"
REFERENCE_VOICES = (
    Voice("zf_xiaoxiao", "multi", "Built-in female reference", "内置女声参考"),
    Voice("zm_yunxi", "multi", "Built-in male reference", "内置男声参考"),
)


def built_in_reference(voice: str | None) -> Reference:
    """Return the recording for a voice id (None: the first). Raises BadRequest for an unknown one."""
    return _read(check_voice(REFERENCE_VOICES[0].id if voice is None else voice, REFERENCE_VOICES))


@cache
def _read(voice: str) -> Reference:
    samples, rate = soundfile.read(FOLDER / f"reference_{voice}.flac", dtype="float32")
    return Reference(samples, rate, TRANSCRIPT)


def build() -> None:
    """Speak and write the recordings, with the embedded engine."""
    from tts_app.engines.base import SpeechRequest
    from tts_app.engines.kokoro import KokoroEngine
    from tts_app.settings import Settings

    engine = KokoroEngine.from_settings(Settings())
    for voice in REFERENCE_VOICES:
        speech = engine.synthesize(SpeechRequest(TRANSCRIPT, voice=voice.id))
        target = FOLDER / f"reference_{voice.id}.flac"
        soundfile.write(target, speech.samples, speech.sample_rate, subtype="PCM_16")
        sys.stdout.write(f"{target}: {speech.duration_s:.1f} s\n")


if __name__ == "__main__":
    build()
