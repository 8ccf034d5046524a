"""Preset voices of the embedded engine: which there are, and their style vectors."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_app.engines.base import Voice

FOLDER = Path(__file__).parent
STYLE_SHAPE = (510, 256)  # one style vector per number of phonemes in a piece

PRESETS = (
    Voice("zf_xiaoxiao", "zh", "Xiaoxiao (Chinese, female)", "晓晓（中文女声）"),
    Voice("zm_yunxi", "zh", "Yunxi (Chinese, male)", "云希（中文男声）"),
    Voice("af_heart", "en", "Heart (American English, female)", "Heart（美式英语女声）"),
    Voice("am_michael", "en", "Michael (American English, male)", "Michael（美式英语男声）"),
)


@cache
def styles(voice_id: str) -> NDArray[np.float32]:
    """Return a preset's style vectors, float32 of STYLE_SHAPE. Raises KeyError for an unknown voice."""
    with np.load(FOLDER / "voices.npz", allow_pickle=False) as archive:
        vectors: NDArray[np.float32] = archive[voice_id].astype(np.float32)
    return vectors
