"""The page inside the app."""

from tts_app.web.page.doors import Doors


def gradio_of(client):
    """Return Gradio's own app, behind the doors."""
    return next(r.app.app for r in client.api.routes if isinstance(getattr(r, "app", None), Doors))
