"""What the page's speak button does: text in, progress while it works, speech out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass

import numpy as np

from tts_app.engines.base import Samples, Speech, SpeechRequest
from tts_app.errors import Cancelled, TtsError
from tts_app.jobs import Job
from tts_app.speech import SpeechService
from tts_app.text.split import split
from tts_app.web.page.words import say

LOOK_EVERY_S = 0.5
PAUSE_BETWEEN_PARTS_S = 0.3
PART_SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Progress:
    """One line for the person who waits."""

    line: str


def split_for_people(text: str) -> str:
    """Return the text in parts that are spoken one after the other, with a blank line between them."""
    return PART_SEPARATOR.join(piece.strip() for piece in split(text))


def parts_of(text: str) -> list[str]:
    """Return the parts of a text that a blank line separates; one empty part when there is nothing."""
    return [part for part in text.split(PART_SEPARATOR) if part.strip()] or [""]


def speak(
    service: SpeechService, requests: Sequence[SpeechRequest], *, owner: str, chinese: bool
) -> Iterator[Progress | Speech]:
    """Speak one request after the other, yielding progress, at last the speech of all in one.

    Gives the work up when closed early. Raises TtsError.
    """
    spoken: list[Speech] = []
    for number, request in enumerate(requests, start=1):
        job = service.submit(request, owner=owner)
        try:
            for line in _progress(service, job, chinese):
                many = len(requests) > 1
                whole = say("working_parts", chinese, part=number, parts=len(requests), rest=line)
                yield Progress(whole if many else line)
            spoken.append(job.result())
        except CancelledError:
            raise Cancelled from None
        finally:
            if not job.done():
                job.cancel()
    yield _joined(spoken)


def _progress(service: SpeechService, job: Job, chinese: bool) -> Iterator[str]:
    """Yield a line now and then, changed or not: only between two lines can the work be given up."""
    while not job.done():
        done, total = job.pieces
        yield (
            say("working", chinese, done=min(done + 1, max(total, 1)), total=max(total, 1))
            if job.running()
            else say("waiting", chinese, ahead=max(1, service.snapshot().facts.queued))
        )
        wait([job], timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)


def _joined(spoken: list[Speech]) -> Speech:
    if len(spoken) == 1:
        return spoken[0]
    rate = spoken[0].sample_rate
    silence: Samples = np.zeros(int(PAUSE_BETWEEN_PARTS_S * rate), dtype=np.float32)
    samples = [piece for speech in spoken for piece in (speech.samples, silence)][:-1]
    return Speech(np.concatenate(samples), rate, spoken[0].resampled, sum(speech.pieces for speech in spoken))


def clear(service: SpeechService, *, chinese: bool, timeout_s: float) -> str:
    """Clear memory and return what it did, as a sentence. Raises TtsError."""
    job = service.clear_memory()
    try:
        report = job.result(timeout_s)
    except TimeoutError:
        job.cancel()
        raise TtsError("the engine is busy; try again later", "引擎正忙，请稍后再试") from None
    return say(
        "cleared",
        chinese,
        before=report.before_mb,
        after=report.after_mb,
        freed=report.freed_mb,
        kind=report.kind,
    )
