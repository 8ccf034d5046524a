"""Stand-in for the language model: as many speech tokens as a speaker would need, drawn from the seed."""

import re
import time

import sim
import torch

TOKENS_PER_CHAR, TOKENS_PER_LETTER = 5, 2


class GLMTTS(torch.nn.Module):
    def __init__(self, device):
        super().__init__()
        self.llama = torch.nn.Linear(1024, 1024, device=device)
        self.weights = torch.ones(8_000_000, device=device)  # 32 MB that unloading must give back

    def inference(self, text, sampling=25, sample_method="ras"):
        sim.check_mode()
        sim.check_context()
        time.sleep(sim.control().get("slow_s", 0))
        name = sim.fault()
        sim.meet(name)
        codes = "".join(chr(code) for code in text[0].tolist())
        wide = len(re.findall("[\u3400-\u9fff]", codes))
        count = max(10, wide * TOKENS_PER_CHAR + (len(codes) - wide) * TOKENS_PER_LETTER)
        tokens = torch.randint(0, 32768, (1, count), dtype=torch.int64)
        if name == "bad_token":
            tokens[0, :2] = torch.tensor([-5, 32769])
        if name == "runaway":
            tokens = tokens.repeat(1, 40)
        return tokens
