"""The page's layout: what stands where, and which handler a click calls."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tts_app.web.context import Context
from tts_app.web.page.batch_handlers import BatchHandlers
from tts_app.web.page.fields import DEFAULT_SEED
from tts_app.web.page.handlers import Handlers
from tts_app.web.page.language import SWITCH
from tts_app.web.page.words import translations
from tts_app.web.references import MAX_TRANSCRIPT

STATUS_EVERY_S = 5
BATCH_EVERY_S = 2
CACHE_S = 3600  # what people uploaded and what was spoken is deleted after an hour
CLEAN_EVERY_S = 300
# The browser keeps the batch's id under this key. It must be the same after a restart of the service, or people
# lose sight of a batch that goes on; every browser gets to see it, so it is no secret.
STATE_KEY = "voicekeeper"
_t = gr.I18n(**translations())


def words() -> gr.I18n:
    """Return the page's words for mounting."""
    return _t


def build(context: Context) -> Any:
    """Return the page (gr.Blocks) over `context`, not yet mounted."""
    handlers = Handlers(context)
    with gr.Blocks(
        title="守声 Voicekeeper",
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(CLEAN_EVERY_S, CACHE_S),
    ) as page:
        gr.Markdown(_t("title"), elem_id="title")
        language = gr.Button(_t("language"), size="sm", elem_id="language")
        language.click(None, None, None, js=SWITCH, queue=False, api_visibility="private")
        status = gr.HTML(elem_id="status")
        with gr.Tabs():
            with gr.Tab(_t("tab_speak"), id="speak"):
                _speak_tab(context, handlers)
            with gr.Tab(_t("tab_batch"), id="batch"):
                _batch_tab(page, BatchHandlers(context))
        timer = gr.Timer(STATUS_EVERY_S)
        for event in (page.load, timer.tick):
            event(
                handlers.status, None, status, queue=False, show_progress="hidden", api_visibility="private"
            )
    # Waiting is done in the service's own queue; this one only bounds how many people may hold a place.
    page.queue(max_size=4 * context.settings.queue_limit, default_concurrency_limit=None, api_open=False)
    # On Linux Gradio looks into its queue 1000 times a second and for progress 100 times: 6 % of a core for
    # nothing. These are its own values for Windows.
    page._queue.sleep_when_free = 0.05
    page._queue.progress_update_sleep_when_free = 0.1
    return page


def _speak_tab(context: Context, handlers: Handlers) -> None:
    engine = context.service.engine
    voices = [(f"{v.name_zh} / {v.name_en}", v.id) for v in engine.voices()]
    rates = list(engine.status().sample_rates)
    text = gr.Textbox(label=_t("text"), placeholder=_t("text_hint"), lines=5, max_lines=15, elem_id="text")
    advice = gr.HTML(elem_id="advice")
    split = gr.Button(_t("split"), visible=False, elem_id="split")
    with gr.Row():
        # Automatic is the settings' voice too, and the only choice that the substitute may speak for.
        voice = gr.Dropdown([("自动 / automatic", ""), *voices], value="", label=_t("voice"))
        rate = gr.Radio(rates, value=rates[0], label=_t("rate"), elem_id="rate")
    with gr.Row():
        # Without limits here: Gradio would refuse a seed in English alone.
        seed = gr.Number(DEFAULT_SEED, label=_t("seed"), precision=0)
        speed = gr.Slider(0.5, 2.0, 1.0, step=0.05, label=_t("speed"), buttons=[])
    with gr.Accordion(_t("reference"), open=False, elem_id="reference"):
        audio = gr.Audio(
            sources=["upload", "microphone"], type="filepath", label=_t("reference_audio"), buttons=[]
        )
        transcript = gr.Textbox(label=_t("transcript"), max_length=MAX_TRANSCRIPT, elem_id="transcript")
    with gr.Row():
        speak = gr.Button(_t("speak"), variant="primary", elem_id="speak-button")
        stop = gr.Button(_t("stop"), variant="stop", elem_id="stop-button")
    message = gr.HTML(elem_id="message")
    # by default there is also a button that gives the sound to a public site
    result = gr.Audio(label=_t("result"), interactive=False, elem_id="result", buttons=["download"])
    clear = gr.Button(_t("clear"), elem_id="clear-button")
    cleared = gr.HTML(elem_id="cleared")

    gr.on(
        [text.input, text.change, rate.change, audio.change, transcript.change],
        handlers.advise,
        [text, rate, audio, transcript],
        [advice, split],
        queue=False,
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )
    split.click(handlers.split, text, text, queue=False, api_visibility="private")
    # "once": further clicks do nothing while the first one works
    speaking = speak.click(
        handlers.speak,
        [text, voice, rate, seed, speed, audio, transcript],
        [result, message],
        trigger_mode="once",
        show_progress="minimal",
        api_visibility="private",
    )
    stop.click(handlers.stopped, None, message, cancels=[speaking], queue=False, api_visibility="private")
    clear.click(handlers.clear, None, cleared, trigger_mode="once", api_visibility="private")


def _batch_tab(page: Any, handlers: BatchHandlers) -> None:
    batch_id = gr.BrowserState("", storage_key="voicekeeper-batch", secret=STATE_KEY)
    tasks = gr.File(label=_t("tasks"), file_types=[".jsonl", ".json", ".txt"], elem_id="tasks", height=140)
    audio = gr.File(label=_t("audio_zip"), file_types=[".zip"], elem_id="audio-zip", height=140)
    with gr.Row():
        owner = gr.Textbox(label=_t("owner"), max_length=64, elem_id="owner")
        skip_bad = gr.Checkbox(label=_t("skip_bad"), elem_id="skip-bad")
    with gr.Row():
        check = gr.Button(_t("check"), elem_id="check-button")
        start = gr.Button(_t("start"), variant="primary", elem_id="start-button")
        cancel = gr.Button(_t("cancel"), variant="stop", elem_id="cancel-button")
    report = gr.HTML(elem_id="report")  # what is wrong with the file
    progress = gr.HTML(elem_id="progress")  # how the batch of this browser goes
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    check.click(handlers.check, [tasks, audio], report, trigger_mode="once", **private)
    start.click(
        handlers.start,
        [tasks, audio, owner, skip_bad, batch_id],
        [report, progress, batch_id],
        trigger_mode="once",
        **private,
    )
    cancel.click(handlers.cancel, batch_id, progress, trigger_mode="once", **private)
    timer = gr.Timer(BATCH_EVERY_S)
    for event in (page.load, timer.tick):
        event(handlers.look, batch_id, progress, queue=False, **private)
