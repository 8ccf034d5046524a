"""Engines over the real worker and the stand-in for GLM-TTS: what it is told and what it saw."""

import itertools
import json
from collections import Counter

from tests.e2e.glm_env import STAND_IN, glm_python
from tts_app.engines import make_engine
from tts_app.engines.base import SpeechRequest
from tts_app.settings import Settings

PATIENCE_S = 240.0


HELLO = SpeechRequest("你好，世界。今天我们说说语音。")


LONG = SpeechRequest("你好，世界。今天天气很好，我们去公园。" * 12)


class Lab:
    """Makes engines, tells the stand-in what to do and reads what it saw."""

    def __init__(self, folder):
        self.folder, self._control, self._report = folder, folder / "control.json", folder / "report.json"
        self._engines, self.shared = [], None
        self._seen_before, self._restarts_before = {}, {}
        self._numbers = itertools.count()

    @property
    def environment(self):
        return {"SIM_GLM_CONTROL": str(self._control), "SIM_GLM_REPORT": str(self._report)}

    def engine(self, **changes):
        """Return an engine with a worker of its own."""
        settings = Settings(
            **{
                "engine": "glm", "data_dir": self.folder, "glm_python": glm_python(), "glm_root": STAND_IN,
                "load_timeout_s": PATIENCE_S, "task_timeout_s": PATIENCE_S, **changes,
            }
        )  # fmt: skip
        self._engines.append(make_engine(settings))
        return self._engines[-1]

    def ready(self):
        """Return the engine all tests share, loaded and well; what is seen from now on counts."""
        self._control.unlink(missing_ok=True)
        self.shared = self.shared or self.engine()
        self.shared.load()
        self._seen_before = json.loads(self._report.read_text())
        self._restarts_before = Counter(self.shared.status().worker_restarts)
        return self.shared

    def order(self, **orders):
        draft = self.folder / "draft.json"
        draft.write_text(json.dumps({**orders, "number": next(self._numbers)}))  # an order of its own
        draft.replace(self._control)

    def heal(self):
        self._control.unlink()

    def seen(self):
        """Return what the worker saw since the test began; everything when the worker is a new one."""
        now = json.loads(self._report.read_text())
        same = now["pid"] == self._seen_before.get("pid")
        return {k: v - self._seen_before[k] if same and k != "pid" else v for k, v in now.items()}

    def restarts(self):
        """Return why the shared engine's worker was replaced since the test began."""
        return dict(Counter(self.shared.status().worker_restarts) - self._restarts_before)

    def close(self):
        for engine in self._engines:
            engine.unload()
