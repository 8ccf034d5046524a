"""GLM-TTS loaded once, speaking at both sample rates from one instance (8.9 GB of weights are shared).

Written for zai-org/GLM-TTS c5dc7ae and later; optional arguments are passed only where the commit knows them.
"""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tts_app.glm_worker.failures import (
    BAD_REQUEST,
    FAILED,
    LOAD_FAILED,
    OUT_OF_MEMORY,
    WorkerError,
    kind_of,
    message_of,
)
from tts_app.glm_worker.guards import forget_mel_cache, guarded_forward

NATIVE_RATE, HIGH_RATE, TOKENIZER_RATE = 24000, 32000, 16000
MIN_FREE_BYTES = int(9.5 * 2**30)  # upstream peaks at 8.8 GiB
HIGH_RATE_VOCODER = Path("ckpt/vocos2d/generator_jit.ckpt")  # without this file 32 kHz isn't offered
MEL_32K = {
    "sampling_rate": 32000, "hop_size": 640, "n_fft": 2560, "num_mels": 80, "win_size": 2560,
    "fmin": 0, "fmax": 8000, "center": False,
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One text, cut into pieces, and the voice to imitate. Samples are float32 mono in [-1, 1]."""

    pieces: tuple[str, ...]
    piece_units: tuple[float, ...]  # what each piece weighs, see text/split.py
    sample_rate: int
    seed: int
    prompt_text: str
    prompt: Mapping[int, np.ndarray]  # the reference at TOKENIZER_RATE and at sample_rate
    use_phoneme: bool = False


class Presplit:
    """GLM-TTS's text front end without its splitter, which crashes on long sentences."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def split_by_len(self, text: str, *_: Any, **__: Any) -> list[str]:
        """Return the text whole."""
        return [text]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class GlmModel:
    """The loaded model. Not thread-safe: upstream seeds global generators."""

    def __init__(self, root: Path, *, use_phoneme: bool) -> None:
        """Load from the checkout at `root`. The process's working directory becomes `root`."""
        os.chdir(root)  # every path in upstream's code is relative
        sys.path.insert(0, str(root))
        import torch

        self._torch = torch
        self._upstream = importlib.import_module("glmtts_inference")
        self._audio = importlib.import_module("utils.audio")
        _check_free_memory(torch)
        wanted = {"use_phoneme": use_phoneme, "sample_rate": NATIVE_RATE}
        loaded = self._upstream.load_models(**_known_arguments(self._upstream.load_models, wanted))
        frontend, text_frontend, _, self._llm, token2wav = loaded
        self._llm.llama.eval()
        self._text = Presplit(text_frontend)
        self._frontends, self._vocoders = {NATIVE_RATE: frontend}, {NATIVE_RATE: token2wav}
        self._mel_rate = NATIVE_RATE
        self.sample_rates = (NATIVE_RATE, HIGH_RATE) if HIGH_RATE_VOCODER.is_file() else (NATIVE_RATE,)

    @property
    def device(self) -> str:
        """Return where the model runs, for example cuda."""
        return str(self._upstream.DEVICE)

    def speak(
        self, task: Task, *, on_piece: Callable[[int, int], None], cancelled: Callable[[], bool]
    ) -> np.ndarray:
        """Return the speech, float32 mono. Raises WorkerError and whatever torch raises."""
        frontend, vocoder = self._for_rate(task.sample_rate)
        with self._torch.inference_mode():  # upstream's vocoders and feature extraction have no no_grad
            voice = self._imitate(task, frontend)
            outputs = []
            for index, piece in enumerate(task.pieces):
                outputs.append(self._piece(task, index, piece, frontend, vocoder, voice, cancelled))
                on_piece(index + 1, len(task.pieces))
            return np.concatenate(outputs)

    def release(self) -> None:
        """Give cached device memory back; called after every text."""
        gc.collect()
        self._torch.cuda.empty_cache()

    def _for_rate(self, rate: int) -> tuple[Any, Any]:
        if rate not in self.sample_rates:
            raise WorkerError(BAD_REQUEST, f"{rate} Hz is not offered: {HIGH_RATE_VOCODER} is missing")
        if rate not in self._vocoders:
            self._add_high_rate()
        if rate != self._mel_rate:
            forget_mel_cache(self._audio)
            self._mel_rate = rate
        return self._frontends[rate], self._vocoders[rate]

    def _add_high_rate(self) -> None:
        """Add the 32 kHz vocoder (60 MB) beside the 24 kHz one; the flow is shared."""
        make = importlib.import_module("utils.tts_model_util").Token2Wav
        flow = self._vocoders[NATIVE_RATE].flow
        frontend = copy.copy(self._frontends[NATIVE_RATE])
        frontend.feat_extractor = partial(self._audio.mel_spectrogram, **MEL_32K)
        self._vocoders[HIGH_RATE] = make(flow, sample_rate=HIGH_RATE, device=self._upstream.DEVICE)
        self._frontends[HIGH_RATE] = frontend

    def _imitate(self, task: Task, frontend: Any) -> dict[str, Any]:
        """Return what generate_long needs about the voice; the cache in it belongs to this task alone."""
        torch = self._torch
        tensor = {rate: torch.from_numpy(np.array(samples))[None] for rate, samples in task.prompt.items()}
        prompt_text = self._text.text_normalize(task.prompt_text)
        tokens = [
            frontend._extract_speech_token([(tensor[TOKENIZER_RATE], TOKENIZER_RATE)]).squeeze().tolist()
        ]
        return {
            "cache": {
                "cache_text": [prompt_text],
                "cache_text_token": [frontend._extract_text_token(prompt_text + " ")],  # the space is needed
                "cache_speech_token": tokens,
                "use_cache": True,
            },
            "flow_prompt_token": torch.tensor(tokens, dtype=torch.int32).to(self._upstream.DEVICE),
            "speech_feat": frontend._extract_speech_feat(
                tensor[task.sample_rate], sample_rate=task.sample_rate
            ),
            "embedding": frontend._extract_spk_embedding(tensor[TOKENIZER_RATE]),
        }

    def _piece(
        self,
        task: Task,
        index: int,
        piece: str,
        frontend: Any,
        vocoder: Any,
        voice: dict[str, Any],
        cancelled: Callable[[], bool],
    ) -> np.ndarray:
        forward = self._upstream.local_llm_forward
        wav, _, _, _ = self._upstream.generate_long(
            frontend=frontend,
            text_frontend=self._text,
            llm=self._llm,
            flow=vocoder,
            text_info=[f"piece-{index}", self._text.text_normalize(piece)],
            device=self._upstream.DEVICE,
            seed=task.seed,
            sample_method="ras",
            use_phoneme=task.use_phoneme,
            local_llm_forward=guarded_forward(forward, units=task.piece_units[index], cancelled=cancelled),
            **voice,
        )
        samples: np.ndarray = wav.detach().reshape(-1).cpu().numpy().astype(np.float32)
        if not np.isfinite(samples).all():
            raise WorkerError(FAILED, "the vocoder returned samples that are not numbers")
        limited: np.ndarray = np.clip(samples, -1.0, 1.0)
        return limited


def load(root: Path, *, use_phoneme: bool) -> GlmModel:
    """Return the loaded model. Raises WorkerError of kind load_failed, or out_of_memory."""
    try:
        return GlmModel(root, use_phoneme=use_phoneme)
    except Exception as error:
        if kind_of(error) != FAILED:
            raise
        torch = sys.modules.get("torch")
        no_device = torch is not None and not torch.cuda.is_available()
        hint = "; GLM-TTS needs a CUDA device and this process sees none" if no_device else ""
        raise WorkerError(LOAD_FAILED, message_of(error) + hint) from error


def _check_free_memory(torch: Any) -> None:
    """Refuse to start loading 8.9 GB where they can't fit."""
    if not torch.cuda.is_available():
        return
    free, _ = torch.cuda.mem_get_info()
    if free < MIN_FREE_BYTES:
        raise WorkerError(
            OUT_OF_MEMORY,
            f"CUDA out of memory: {free / 2**30:.1f} GiB free, GLM-TTS needs {MIN_FREE_BYTES / 2**30:.1f}",
        )


def _known_arguments(function: Callable[..., Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return those of `wanted` that this commit's function takes."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in wanted.items() if name in known}
