"""Phase 1: the shape VAE, on truncated signed distances."""

import torch
from torch.nn import functional as F

from tiny import metrics
from tiny.dataset import Clock, cell_centres
from tiny.model.vae import AnchorEncoder, ShapeVAE
from tiny.muon import Average, optimisers
from tiny.schedule import Compiled, Schedule

TRUNCATION = 0.05
# Query points of one shape: how many, and how far off the surface (None: anywhere in the box).
QUERIES = ((448, 0.01), (448, 0.025), (384, 0.08), (768, None))
INPUT_POINTS = 2048


def query_points(surface: torch.Tensor, scale: int) -> torch.Tensor:
    """[B, Q, 3] from surface samples [B, S, 3]."""
    parts, start = [], 0
    for count, spread in QUERIES:
        count //= scale
        if spread is None:
            parts.append((torch.rand(len(surface), count, 3, device=surface.device) * 2 - 1) * 1.03)
        else:
            near = surface[:, start:start + count]
            parts.append(near + torch.randn_like(near) * spread)
            start += count
    return torch.cat(parts, 1).contiguous()


def target(distances: torch.Tensor) -> torch.Tensor:
    """Logits as the released models have them: in [-1, 1], positive inside."""
    return (-distances / TRUNCATION).clamp(-1, 1)


def objective(logits, truth, mean, log_variance) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of encoder and decoder, and figures for the log."""
    off = logits - truth
    inside = F.binary_cross_entropy_with_logits(6 * logits, (truth > 0).float())
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    loss = off.square().mean() + 0.5 * off.abs().mean() + 0.1 * inside + 1e-3 * kl
    return loss, {"l1": off.detach().abs().mean(), "kl": kl.detach()}


def window(surface: torch.Tensor, ids: torch.Tensor, generator=None) -> torch.Tensor:
    """The samples [B, S, 6] of the shapes `ids`, starting at a random one."""
    total = surface.shape[1]
    start = int(torch.randint(total, (1,), generator=generator))
    return surface[ids].float().roll(start, 1)


class Mixture:
    """Batches of shapes drawn in fixed shares from several pools (dataset.Shapes, meshes.MeshShapes)."""

    def __init__(self, pools: list):
        self.pools = pools

    def __len__(self):
        return sum(map(len, self.pools))

    @property
    def device(self):
        return self.pools[0].device

    def batch(self, size: int) :
        """Surface samples [size, S, 6] and a function from points [size, P, 3] to their distances."""
        ids, surfaces, left = [], [], size
        for k, pool in enumerate(self.pools):
            count = left if k == len(self.pools) - 1 else round(size * len(pool) / len(self))
            left -= count
            ids.append(torch.randint(len(pool), (count,), device=pool.device))
            surfaces.append(window(pool.surface, ids[-1]))

        def distances(points):
            parts = points.split([len(i) for i in ids])
            return torch.cat([pool.distances(i, part) for pool, i, part in zip(self.pools, ids, parts) if len(i)])

        return torch.cat(surfaces), distances


def train(vae: ShapeVAE, encoder: AnchorEncoder, mixture: Mixture, *, seconds: float, batch: int, rate: float, clock: Clock,
          scale: int = 1, save=None, frozen: bool = False):
    """`scale` divides all point counts (for toys). `frozen`: the decoder stays, the encoder learns to address it."""
    device = mixture.device
    blocks = [*vae.transformer.resblocks, vae.geo_decoder, encoder.points.cross_attn, *encoder.points.self_attn.resblocks]
    modules = {"encoder": encoder} if frozen else {"vae": vae, "encoder": encoder}
    schedule = Schedule(optimisers(modules, rate), seconds, warm_up=0.03)
    average = Average(modules, 0.9985)
    points = INPUT_POINTS // scale

    def step():
        surface, distances = mixture.batch(batch)
        queries = query_points(surface[:, points:, :3], scale)
        truth = target(distances(queries))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            mean, log_variance = encoder(surface[:, :points])
            latents = encoder.with_codes(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
            latents = torch.cat([latents[..., :-3], latents[..., -3:] + 0.05 * torch.randn_like(latents[..., -3:])], -1)
            logits = vae.geo_decoder(queries, vae.geo_decoder.keys_values(vae.decode(latents))).float()
        loss, parts = objective(logits, truth, mean, log_variance)
        schedule.step(loss)
        return {"loss": loss.detach(), **parts}

    with Compiled(blocks, device.type == "cuda"):
        schedule.run(step, clock, "encoder" if frozen else "vae", after=average.update, save=save and average.around(save))
    average.swap()
    # A frozen decoder has accumulated gradients that no optimiser has cleared.
    vae.zero_grad(set_to_none=True)


@torch.no_grad()
def encode_all(encoder: AnchorEncoder, shapes, scale: int = 1) -> torch.Tensor:
    """Posterior means [N, 128, C - 3] of all shapes."""
    out = []
    for start in range(0, len(shapes), 1024):
        surface = shapes.surface[start:start + 1024, :INPUT_POINTS // scale].float()
        with torch.autocast(surface.device.type, torch.bfloat16, enabled=surface.is_cuda):
            out.append(encoder(surface)[0].float())
    return torch.cat(out)


@torch.no_grad()
def evaluate(vae: ShapeVAE, latents: torch.Tensor, shapes) -> dict[str, float]:
    """IoU of the shapes that the VAE decodes from `latents` [N, L, C]."""
    cells = cell_centres(metrics.OCCUPANCY_CELLS, shapes.device)
    scores = []
    for start in range(0, len(shapes), 16):
        ids = torch.arange(start, min(start + 16, len(shapes)), device=cells.device)
        keys_values = vae.geo_decoder.keys_values(vae.decode(latents[ids]))
        logits = torch.cat([vae.geo_decoder(part.expand(len(ids), -1, -1), keys_values) for part in cells.split(65_536)], 1)
        scores.append(metrics.iou(logits > 0, shapes.distances(ids, cells) < 0))
    return metrics.summary(torch.cat(scores))
