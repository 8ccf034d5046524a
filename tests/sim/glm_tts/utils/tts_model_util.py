"""Stand-in for flow and vocoders: a voice-like tone, one 25th of a second per speech token."""

import sim
import torch

CODEBOOK = 32768
TOKEN_RATE = 25


class Flow:
    input_frame_rate = TOKEN_RATE

    def __init__(self, device):
        self.embedding = torch.nn.Embedding(
            CODEBOOK, 64, device=device
        )  # a token outside it is an IndexError


class Token2Wav:
    def __init__(self, flow, sample_rate=24000, device="cuda", ckpt_path=""):
        self.flow, self.sample_rate, self.device = flow, sample_rate, device

    def token2wav_with_cache(
        self, token_bt, n_timesteps=10, prompt_token=None, prompt_feat=None, embedding=None
    ):
        sim.check_mode()
        sim.check_context()
        assert prompt_token.shape[1] and prompt_feat.shape[1]
        tokens = torch.tensor(token_bt, dtype=torch.long)[None].to(self.device)
        mel = self.flow.embedding(tokens).transpose(1, 2)
        name = sim.control().get("fault")
        wav = self._tone(tokens.shape[1], float(embedding.abs().mean()))
        if name == "silence":
            wav = torch.zeros_like(wav)
        if name == "nan":
            wav = wav * float("nan")
        return wav, mel

    def _tone(self, tokens, height):
        """Return harmonics of a gliding pitch under the rhythm of syllables."""
        t = torch.arange(int(tokens / TOKEN_RATE * self.sample_rate)) / self.sample_rate
        pitch = (110 + 60 * height) * (1 + 0.05 * torch.sin(2 * torch.pi * 0.7 * t))
        phase = torch.cumsum(2 * torch.pi * pitch / self.sample_rate, 0)
        voice = sum(torch.sin(k * phase) / k for k in range(1, 8))
        return (0.12 * voice * (0.55 + 0.45 * torch.sin(2 * torch.pi * 4 * t)))[None]
