"""Stand-in for upstream's front ends: same methods, same defects, no models."""

import sim
import torch


class SpeechTokenizer:
    def extract_speech_token(self, utts):
        assert isinstance(utts, list)
        all_tokens = []
        for utt in utts:
            if not isinstance(utt, tuple):
                raise RuntimeError("torchaudio.load needs torchcodec")
            audio, sample_rate = utt
            assert audio.ndim == 2 and audio.shape[0] == 1, "mono, [1, T]"
            count = max(1, int(audio.shape[1] / sample_rate * 25))
            all_tokens.append(torch.randint(0, 32768, (count,)).tolist())
        return all_tokens


class TextFrontEnd:
    def __init__(self, use_phoneme=False):
        self.use_phoneme = use_phoneme

    def text_normalize(self, text):
        text = " ".join(text.lower().split())
        return text if text and text[-1] in ".。!！?？" else text + "."

    def split_by_len(self, text, min_text_len=30, max_text_len=60):
        if len(text.split()) > 28:
            raise IndexError("list index out of range")  # as upstream's split_hard on a long English sentence
        return [text]


class TTSFrontEnd:
    def __init__(self, speech_tokenizer, feat_extractor, device):
        self.speech_tokenizer, self.feat_extractor, self.device = speech_tokenizer, feat_extractor, device

    def _extract_text_token(self, text):
        return torch.tensor([[ord(char) for char in text]], dtype=torch.int32).to(self.device)

    def _extract_speech_token(self, path_or_tuple):
        sim.check_mode()
        sim.seen["texts"] += 1
        return torch.tensor(self.speech_tokenizer.extract_speech_token(path_or_tuple)).to(self.device)

    def _extract_spk_embedding(self, speech):
        sim.check_mode()
        frames = speech[0][: len(speech[0]) // 192 * 192].reshape(192, -1)
        return frames.abs().mean(dim=1)[None].to(self.device) * 10

    def _extract_speech_feat(self, speech, sample_rate=24000):
        sim.check_mode()
        return self.feat_extractor(speech.to(self.device)).squeeze(dim=0).transpose(0, 1)[None]
