"""The encode path of a finished bundle: surface points to latents for its decoder, which does not change.

Queries are surface points, as in the released models; the encoder of `train_vae`, whose queries are a fixed grid, only lends
its weights for the start.
"""

import math

import torch
from torch.nn import functional as F

from tiny import train_vae
from tiny.dataset import Clock, Shapes
from tiny.model.vae import AnchorEncoder, ShapeVAE, farthest_points
from tiny.muon import Average, optimisers
from tiny.schedule import Compiled, Schedule
from tiny.train_flow import Normaliser

# Where in a shape's 4096 samples the input begins; the training queries come from what follows, around the end.
WINDOWS = (0, 1536)


def start_from(vae: ShapeVAE, anchors: AnchorEncoder, normaliser: Normaliser) -> None:
    """Copies what fits."""
    mean, std = normaliser.mean, normaliser.std
    with torch.no_grad():
        vae.encoder.input_proj.weight.zero_()
        features = anchors.points.input_proj.weight.shape[1]
        vae.encoder.input_proj.weight[:, :features] = anchors.points.input_proj.weight
        vae.encoder.input_proj.bias.copy_(anchors.points.input_proj.bias)
        vae.encoder.cross_attn.load_state_dict(anchors.points.cross_attn.state_dict())
        vae.encoder.self_attn.resblocks[0].load_state_dict(anchors.points.self_attn.resblocks[0].state_dict())
        vae.encoder.ln_post.load_state_dict(anchors.points.ln_post.state_dict())
        weight, bias, own = anchors.pre_kl.weight, anchors.pre_kl.bias, len(mean)
        c = own + 3
        vae.pre_kl.weight.normal_(0, 0.02), vae.pre_kl.bias.zero_()
        vae.pre_kl.weight[:own], vae.pre_kl.bias[:own] = weight[:own] / std[:, None], (bias[:own] - mean) / std
        vae.pre_kl.weight[c:c + own], vae.pre_kl.bias[c:c + own] = weight[own:], bias[own:] - 2 * std.log()
        vae.pre_kl.weight[c + own:].zero_(), vae.pre_kl.bias[c + own:].fill_(-6.0)


def lend(vae: ShapeVAE, anchors: AnchorEncoder) -> None:
    """The reverse of `start_from`, for a bundle without its training encoder: the latents are normalised ones."""
    with torch.no_grad():
        features = anchors.points.input_proj.weight.shape[1]
        anchors.points.input_proj.weight.copy_(vae.encoder.input_proj.weight[:, :features])
        anchors.points.input_proj.bias.copy_(vae.encoder.input_proj.bias)
        anchors.points.cross_attn.load_state_dict(vae.encoder.cross_attn.state_dict())
        anchors.points.self_attn.resblocks[0].load_state_dict(vae.encoder.self_attn.resblocks[0].state_dict())
        anchors.points.ln_post.load_state_dict(vae.encoder.ln_post.state_dict())
        own, c = len(anchors.pre_kl.bias) // 2, len(vae.pre_kl.bias) // 2
        rows = torch.cat([torch.arange(own), torch.arange(c, c + own)])
        anchors.pre_kl.weight.copy_(vae.pre_kl.weight[rows])
        anchors.pre_kl.bias.copy_(vae.pre_kl.bias[rows])


def labelled(surface: torch.Tensor) -> torch.Tensor:
    """[B, M, 6] -> [B, M, 7]: none of the points is one of the sharp edges."""
    return F.pad(surface, (0, 1))


def picked(surface: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """The queries [N, count] among the points [N, M, 6]."""
    out = []
    for part in surface.split(4096):
        start = int(torch.randint(part.shape[1], (1,), generator=generator))
        out.append(farthest_points(part[..., :3].float(), count, start))
    return torch.cat(out)


def place_codes(points: torch.Tensor) -> torch.Tensor:
    """The code channels [..., 3] that the decoder knows for a token that stands at `points` [..., 3]."""
    cells = torch.tensor(AnchorEncoder.GRID, device=points.device)
    share = (points / AnchorEncoder.REACH + 1) / 2
    share = torch.minimum(torch.maximum(share, 0.5 / cells), 1 - 0.5 / cells)
    return math.sqrt(2) * torch.erfinv(2 * share - 1)


def train(vae: ShapeVAE, shapes: Shapes, *, points: int, seconds: float, batch: int, rate: float, clock: Clock, scale: int = 1,
          graph: bool = False, save=None):
    """`points`: how many the encoder takes; `scale` divides the training queries."""
    device, total, cuda = shapes.device, shapes.surface.shape[1], shapes.surface.is_cuda
    vae.requires_grad_(False)
    modules = {"encoder": vae.encoder.requires_grad_(True), "pre_kl": vae.pre_kl.requires_grad_(True)}
    blocks = [*vae.transformer.resblocks, vae.geo_decoder, vae.encoder.cross_attn, *vae.encoder.self_attn.resblocks]
    schedule = Schedule(optimisers(modules, rate), seconds, warm_up=0.03)
    average = Average(modules, 0.9985)
    begins = torch.tensor([w // scale for w in WINDOWS], device=device)
    order = (begins[:, None] + torch.arange(total, device=device)) % total
    generator = torch.Generator().manual_seed(0)
    picks = torch.stack([picked(shapes.surface[:, row[:points]], vae.num_latents, generator) for row in order])
    clock(f"{picks.shape[0] * picks.shape[1]} clouds")
    # The decoder distinguishes tokens by their codes: at first the codes are pulled towards their places, later they are free.
    hint = torch.tensor(0.3, device=device)

    def after():
        average.update()
        hint.mul_(0.998)

    def step():
        ids = torch.randint(len(shapes), (batch,), device=device)
        which = torch.randint(len(order), (batch,), device=device)
        surface = shapes.surface[ids[:, None], order[which]].float()
        queries = train_vae.query_points(surface[:, points:, :3], scale)
        truth = train_vae.target(shapes.distances(ids, queries))
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            rows = picks[which, ids]
            mean, log_variance = vae.encode(labelled(surface[:, :points]), rows)
            latents = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            logits = vae.query(vae.decode(latents), queries).float()
        loss, parts = train_vae.objective(logits, truth, mean, log_variance)
        places = place_codes(surface.gather(1, rows[..., None].expand(-1, -1, 3)))
        schedule.step(loss + hint * (mean[..., -3:] - places).square().mean())
        return {"loss": loss.detach(), **parts}

    with Compiled(blocks, cuda):
        schedule.run(step, clock, "encoder", after=after, save=save and average.around(save), graph=graph)
    average.swap()


@torch.no_grad()
def encode_all(vae: ShapeVAE, shapes: Shapes, points: int, seed: int = 0) -> torch.Tensor:
    """Means [N, L, C] of all shapes."""
    generator, out = torch.Generator().manual_seed(seed), []
    for part in shapes.surface[:, :points].float().split(256):
        out.append(vae.encode(labelled(part), picked(part, vae.num_latents, generator))[0])
    return torch.cat(out)
