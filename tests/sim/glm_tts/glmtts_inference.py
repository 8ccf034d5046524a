"""Stand-in for upstream's entry module: load_models, generate_long and the two forward functions."""

import os
import time

import sim
import torch
from cosyvoice.cli.frontend import SpeechTokenizer, TextFrontEnd, TTSFrontEnd
from llm.glmtts import GLMTTS
from utils import seed_util, tts_model_util
from utils.audio import mel_spectrogram_24k

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
sim.watch_empty_cache()


def load_models(use_phoneme=False, sample_rate=24000):
    orders = sim.control()
    time.sleep(orders.get("load_s", 0))
    if orders.get("fault") == "load_failed":
        raise FileNotFoundError(2, "No such file or directory", "ckpt/llm/config.json")
    if orders.get("fault") == "load_oom":
        raise torch.OutOfMemoryError(sim.OOM_TEXT)
    if orders.get("fault") == "load_exit":
        os.write(2, b"ImportError: libcudart.so.12: cannot open shared object file\n")
        os._exit(127)
    if orders.get("fault") == "load_hang":
        sim.hang()
    sim.seen["loads"] += 1
    sim.report()
    speech_tokenizer = SpeechTokenizer()
    frontend = TTSFrontEnd(speech_tokenizer, mel_spectrogram_24k, DEVICE)
    llm = GLMTTS(DEVICE)
    token2wav = tts_model_util.Token2Wav(tts_model_util.Flow(DEVICE), sample_rate=sample_rate, device=DEVICE)
    return frontend, TextFrontEnd(use_phoneme), speech_tokenizer, llm, token2wav


def local_llm_forward(
    llm, prompt_text_token, tts_text_token, prompt_speech_token, beam_size=1, sampling=25, sample_method="ras"
):
    for token in (prompt_text_token, tts_text_token, prompt_speech_token):
        assert token.ndim == 2 and token.shape[0] == 1
    return llm.inference(text=tts_text_token, sampling=sampling, sample_method=sample_method)[0].tolist()


def local_flow_forward(flow, token_list, prompt_speech_tokens, speech_feat, embedding):
    wav, mel = flow.token2wav_with_cache(
        token_list, prompt_token=prompt_speech_tokens, prompt_feat=speech_feat, embedding=embedding
    )
    return wav.detach().cpu(), mel


def generate_long(
    frontend,
    text_frontend,
    llm,
    flow,
    text_info,
    cache,
    device,
    embedding,
    seed=0,
    sample_method="ras",
    flow_prompt_token=None,
    speech_feat=None,
    local_llm_forward=local_llm_forward,
    local_flow_forward=local_flow_forward,
    use_phoneme=False,
):
    print("Processing", text_info)  # upstream logs what it speaks
    if sim.control().get("fault") == "quote":
        raise ValueError(f"cannot speak {text_info[1].replace('3', '三')}")
    if text_info[0] == "piece-0":
        sim.seen["used_caches"] += len(cache["cache_text"]) > 1
    outputs, mels, all_tokens = [], [], []
    for text in text_frontend.split_by_len(text_info[1]):
        seed_util.set_seed(seed)
        normal = text_frontend.text_normalize(text)
        text_token = frontend._extract_text_token(normal)
        prompt_tokens = [token for item in cache["cache_speech_token"] for token in item][-750:]
        tokens = local_llm_forward(
            llm=llm,
            prompt_text_token=cache["cache_text_token"][0].to(device),
            tts_text_token=text_token,
            prompt_speech_token=torch.tensor([prompt_tokens], dtype=torch.int32).to(device),
            sample_method=sample_method,
        )
        wav, mel = local_flow_forward(
            flow=flow,
            token_list=tokens,
            prompt_speech_tokens=flow_prompt_token,
            speech_feat=speech_feat,
            embedding=embedding,
        )
        cache["cache_text"].append(normal)
        cache["cache_text_token"].append(text_token)
        cache["cache_speech_token"].append(tokens)
        outputs.append(wav)
        mels.append(mel)
        all_tokens.extend(tokens)
        sim.seen["pieces"] += 1
        sim.report()
    return torch.concat(outputs, dim=1), torch.concat(mels, dim=-1), all_tokens, {"syn_text": text_info[1]}
