"""Phase 2: image encoder and denoiser, jointly, by flow matching on the VAE's latents."""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

from tiny import families
from tiny.dataset import COARSE, Clock
from tiny.model.dinov2 import Dinov2
from tiny.model.dit import Hunyuan3DDiT
from tiny.model.vae import AnchorEncoder
from tiny.muon import Average, optimisers
from tiny.pictures import augmented, cosines, normalised
from tiny.schedule import Compiled, Schedule
from tiny.stock import Stock


@dataclasses.dataclass
class Normaliser:
    """Per-channel mean and deviation of the latents' own channels; the three code channels are left alone."""

    mean: torch.Tensor
    std: torch.Tensor

    @classmethod
    def of(cls, means: torch.Tensor) -> "Normaliser":
        return cls(means.mean((0, 1)), means.std((0, 1)))

    def apply(self, means):
        return (means - self.mean) / self.std

    def folded(self, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`post_kl` for normalised latents: pipelines have no normalisation."""
        mean, std = (F.pad(v, (0, 3), value=fill) for v, fill in ((self.mean, 0.0), (self.std, 1.0)))
        return weight * std, bias + weight @ mean

    def unfolded(self, weight, bias):
        mean, std = (F.pad(v, (0, 3), value=fill) for v, fill in ((self.mean, 0.0), (self.std, 1.0)))
        weight = weight / std
        return weight, bias - weight @ mean


class Heads(nn.Module):
    """Auxiliary tasks on the CLS token; `camera` is the view head, the others are discarded after training."""

    def __init__(self, width: int):
        super().__init__()
        self.family = nn.Linear(width, len(families.NAMES))
        self.camera = nn.Linear(width, 5)
        self.occupancy = nn.Linear(width, COARSE**3)

    def forward(self, cls, family, camera, occupancy):
        azimuth, elevation, fov = camera.unbind(1)
        front = ~azimuth.isnan()
        azimuth = azimuth.nan_to_num()
        truth = torch.stack([azimuth.sin(), azimuth.cos(), elevation.sin(), elevation.cos(), fov.log()], 1)
        off = (self.camera(cls).float() - truth).square()
        known = (family >= 0).float()
        kind = F.cross_entropy(self.family(cls).float(), family.clamp(min=0), reduction="none")
        return (
            0.2 * (kind * known).sum() / known.sum().clamp(min=1)
            + 1.5 * (off[:, :2].mean(1) * front).mean() + 1.5 * off[:, 2:].mean()
            + F.binary_cross_entropy_with_logits(self.occupancy(cls).float(), occupancy.float())
        )


def times(n: int, device) -> torch.Tensor:
    """Flow times: often exactly 0 (few-step sampling depends on it), some uniform, most by a logit-normal."""
    t = torch.sigmoid(torch.randn(n, device=device) * 1.1 - 0.4)
    pick = torch.rand(n, device=device)
    t = torch.where(pick < 0.33, torch.rand(n, device=device), t)
    return torch.where(pick < 0.18, torch.zeros_like(t), t)


def train(dit: Hunyuan3DDiT, vit: Dinov2, heads: Heads, stock: Stock, *, seconds: float, batch: int, rate: float, clock: Clock,
          graph: bool, save=None, drop: float = 0.1, warm_up: float = 0.02, constant: float = 0.6):
    device = stock.latents.device
    cuda = device.type == "cuda"
    prepare = torch.compile(augmented) if cuda else augmented
    blocks = [*vit.encoder.layer, *dit.double_blocks, *dit.single_blocks, dit.final_layer]
    modules = {"dit": dit, "vit": vit, "heads": heads}
    schedule = Schedule(optimisers(modules, rate), seconds, warm_up, last=0.03, constant=constant)
    average = Average(modules, 0.999)
    codes, tables = stock.encoder.codes, cosines(device)

    def step():
        picked = torch.randint(len(stock), (batch,), device=device)
        ids = stock.shape[picked]
        data = torch.cat([stock.latents[ids].float(), codes.expand(batch, -1, -1)], -1)
        noise = AnchorEncoder.order(torch.randn_like(data))
        t = times(batch, device)
        x = torch.lerp(noise, data, t[:, None, None])
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            tokens = vit(normalised(prepare(stock.channels[picked], *tables)))
            extra = heads(tokens[:, 0], stock.family[ids], stock.camera[picked], stock.occupancy[ids])
            context = tokens * (torch.rand(batch, 1, 1, device=device) >= drop)
            velocity = dit(x, t, context).float()
        flow = (velocity - (data - noise)).square().mean()
        schedule.step(flow + 0.1 * extra)
        return {"loss": flow.detach(), "extra": extra.detach()}

    with Compiled(blocks, cuda):
        schedule.run(step, clock, "flow", after=average.update, save=save and average.around(save), every=150.0,
                     renew=stock.renew, graph=graph)
    average.swap()
