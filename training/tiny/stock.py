"""What the denoiser learns from: pictures and latents of shapes, on the training device, renewed part by part.

Shapes are cheap to draw, so a run need not see one often: a part of the stock is replaced every now and then, in place (a
captured training step keeps reading the same memory).
"""

import torch

from tiny import train_vae
from tiny.dataset import COARSE, HELD_OUT_SEED, coarse_occupancy, photograph, shapes
from tiny.pictures import NARROW, WIDE

# Every run seed has this many seeds for its parts.
SEEDS = 1000


class Stock:
    """`parts` times `per_part` shapes, each with `views` pictures, half from the narrow range.

    Picture i shows shape `shape[i]` from `camera[i]`; `latents` are normalised means without the code channels.
    """

    def __init__(self, encoder, normaliser, *, parts: int, per_part: int, views: int, size: int, seed: int, device, scale: int = 1):
        assert 0 <= seed and (seed + 1) * SEEDS <= HELD_OUT_SEED
        self.encoder, self.normaliser, self.size, self.seed, self.scale = encoder, normaliser, size, seed, scale
        self.parts, self.per_part, self.views, self.filled = parts, per_part, views, 0
        n, pictures = parts * per_part, parts * per_part * views
        channels = len(normaliser.mean)
        self.latents = torch.empty(n, len(encoder.codes), channels, device=device, dtype=torch.float16)
        self.occupancy = torch.empty(n, COARSE**3, device=device, dtype=torch.bool)
        self.family = torch.empty(n, device=device, dtype=torch.long)
        self.rgba = torch.empty(pictures, size, size, 4, device=device, dtype=torch.uint8)
        self.camera = torch.empty(pictures, 3, device=device)
        self.shape = torch.arange(n, device=device).repeat_interleave(views)
        for _ in range(parts):
            self.renew()

    def __len__(self):
        return len(self.shape)

    @torch.no_grad()
    def renew(self):
        """Replaces the oldest part."""
        assert self.filled < SEEDS
        seed = self.seed * SEEDS + self.filled
        first = self.filled % self.parts * self.per_part
        rows, pictures = slice(first, first + self.per_part), slice(first * self.views, (first + self.per_part) * self.views)
        drawn = shapes(self.per_part, train_vae.INPUT_POINTS // self.scale, seed, self.latents.device)
        self.latents[rows] = self.normaliser.apply(train_vae.encode_all(self.encoder, drawn, self.scale)).half()
        self.occupancy[rows] = coarse_occupancy(drawn)
        self.family[rows] = drawn.family
        photos = photograph(drawn, self.views, self.size, [NARROW, WIDE], seed)
        self.rgba[pictures], self.camera[pictures] = photos.rgba, photos.camera
        self.filled += 1
        if drawn.records.is_cuda:
            # So that the caller sees what it cost.
            torch.cuda.synchronize()
