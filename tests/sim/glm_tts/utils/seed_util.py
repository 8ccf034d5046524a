"""Seeds, global as upstream's."""

import torch


def set_seed(seed):
    torch.manual_seed(seed)
