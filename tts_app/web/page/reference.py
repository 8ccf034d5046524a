"""The reference recording as the page sees it."""

from tts_app.engines.base import Reference


def read_reference(path: str | None, transcript: str, *, strict: bool) -> Reference | None:
    """Return the recording, None without one. Raises BadRequest when it is no good."""
    return None


def reference_advice(path: str | None, transcript: str, *, chinese: bool) -> list[str]:
    """Return advice."""
    return []
