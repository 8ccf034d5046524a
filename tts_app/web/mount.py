"""Put the page into the app, with every door closed that Gradio leaves open."""

import os
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Mount

from tts_app.web.context import Context

QUEUE_POLL_S = 0.05


def mount_page(app: FastAPI, context: Context) -> FastAPI:
    """Mount the page at /. Sets Gradio's own environment first, because it reads it at import."""
    private = context.settings.data_dir.absolute() / "page"
    _set_environment(private)
    import gradio as gr

    from tts_app.web.page.build import build, words
    from tts_app.web.page.doors import Doors
    from tts_app.web.page.language import HEAD
    from tts_app.web.page.style import CSS
    from tts_app.web.page.uploads import admit_upload, empty_folder

    empty_folder(private)
    page = build(context)
    # Without this, a mounted page copies any file of the host for anyone who asks: the check of input
    # paths is skipped until launch() sets the flag (gradio 6.31, processing_utils._check_allowed).
    page.has_launched = True
    # Gradio looks into its queue a thousand times a second: 5 % of a core for nothing (measured, 6.31).
    page._queue.sleep_when_free = QUEUE_POLL_S
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        allowed_paths=[],
        blocked_paths=[
            str(context.settings.log_dir.absolute()),
            str(context.settings.outputs_dir.absolute()),
        ],
        show_error=False,
        max_file_size=f"{context.settings.max_upload_mb}mb",
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        run_history=False,
        footer_links=[],
        i18n=words(),
        theme=gr.themes.Default(),
        css=CSS,
    )
    mounted = app.routes[-1]
    assert isinstance(mounted, Mount)  # noqa: S101 - what mount_gradio_app has just added
    mounted.app = Doors(
        mounted.app, admit_upload=partial(admit_upload, context, folder=private), head=HEAD.encode()
    )
    return app


def _set_environment(private: Path) -> None:
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        # Gradio would put the last 10,000 clicks into a pandas table at every click, for a page nobody sees.
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),
        "GRADIO_TEMP_DIR": str(private),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
