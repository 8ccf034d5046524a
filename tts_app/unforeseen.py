"""An exception that no engine meant to raise, as one of ours, without the user's text."""

from tts_app.engines.base import SpeechRequest
from tts_app.errors import EngineError
from tts_app.glm_worker.words import without_text


def as_engine_error(error: Exception, request: SpeechRequest) -> EngineError:
    """Return an EngineError with the name, the stack and the harmless words of `error`."""
    private = [request.text] if request.reference is None else [request.text, request.reference.transcript]
    told = EngineError(f"{type(error).__name__}: {without_text(str(error), private)}")
    return told.with_traceback(error.__traceback__)
