"""What the page's speak button does: text in, progress while it works, speech out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass

import numpy as np

from tts_app.engines.base import Samples, Speech, SpeechRequest
from tts_app.errors import Cancelled
from tts_app.jobs import Job
from tts_app.speech import SpeechService
from tts_app.text.split import split
from tts_app.web.page.fields import PART_SEPARATOR
from tts_app.web.page.words import say

LOOK_EVERY_S = 0.5
PAUSE_BETWEEN_PARTS_S = 0.3


@dataclass(frozen=True)
class Progress:
    """One line for the person who waits."""

    line: str


def split_for_people(text: str) -> str:
    """Return the text in parts that are spoken one after the other, with a blank line between them."""
    return PART_SEPARATOR.join(piece.strip() for piece in split(text))


def speak(
    service: SpeechService, requests: Sequence[SpeechRequest], *, owner: str, chinese: bool
) -> Iterator[Progress | Speech]:
    """Speak one request after the other, yielding progress, at last the speech of all in one.

    Gives the work up when closed early. Raises TtsError.
    """
    spoken: list[Speech] = []
    for number, request in enumerate(requests, start=1):
        job = service.submit(request, owner=owner, substitute=True)
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
    return Speech(
        np.concatenate(samples),
        rate,
        spoken[0].resampled,
        sum(speech.pieces for speech in spoken),
        spoken_by=next((speech.spoken_by for speech in spoken if speech.spoken_by), None),
    )
