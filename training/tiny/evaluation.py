"""Quality of image to 3D on held-out shapes and views."""

import torch

from tiny import families, metrics, pipeline
from tiny.dataset import HELD_OUT_SEED, Clock, Shapes, cell_centres, photograph, shapes
from tiny.pictures import NARROW, WIDE, Range, border_of, normalised, on_white

RANGES = {"narrow": NARROW, "wide": WIDE}


@torch.no_grad()
def evaluate(modules: dict, held_out: Shapes, pictures: torch.Tensor, *, steps: int = 20, guidance: float = 2.0, grid: int | None = None,
             batch: int = 16, seed: int = 0) -> dict[str, torch.Tensor]:
    """Scores [N] of `pictures` [N, 3, s, s] (in [0, 1], on white), picture i showing shape i.

    IoU always; F-score, Chamfer distance and whether the surface is closed from a dense grid of `grid` cells.
    """
    device = held_out.records.device
    dit, vae, vit = modules["dit"], modules["vae"], modules["vit"]
    cells = cell_centres(metrics.OCCUPANCY_CELLS, device)
    points = pipeline.grid_points(grid, device) if grid else None
    scores = {"iou": [], "f": [], "chamfer": [], "closed": []}
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(held_out), batch):
        ids = torch.arange(start, min(start + batch, len(held_out)), device=device)
        noise = torch.randn(len(ids), vae.num_latents, 16, generator=generator).to(device)
        context = vit(normalised(pictures[ids]))
        latents = pipeline.sample(dit, context, noise, pipeline.flow_sigmas(steps), guidance)
        scores["iou"].append(metrics.iou(pipeline.decode(vae, latents, cells) > 0, held_out.distances(ids, cells) < 0).cpu())
        if grid:
            values = pipeline.decode(vae, latents, points).view(-1, grid + 1, grid + 1, grid + 1)
            for row, id in zip(values, ids.tolist()):
                ours = metrics.crossings(row, -pipeline.BOUND, pipeline.BOUND)
                ours = ours[torch.randperm(len(ours), device=device)[:10_000]]
                f, chamfer = metrics.surface_distance(ours, held_out.surface[id, :10_000, :3].float())
                scores["f"].append(f), scores["chamfer"].append(chamfer), scores["closed"].append(metrics.closed(row))
    scores["iou"] = torch.cat(scores["iou"])
    return {name: torch.as_tensor(values) for name, values in scores.items() if len(values)}


def held_out_set(per_family: int, which: str, device, points: int = 10_000 // 16 * 16, size: int = 126):
    """Shapes and one picture each, drawn from the held-out seeds, framed with the reference's border."""
    number = list(RANGES).index(which)
    held = shapes(0, points, HELD_OUT_SEED + number, device, per_family)
    border = border_of(504)
    pool = photograph(held, 1, size, [RANGES[which]], HELD_OUT_SEED + number, (border, border))
    return held, on_white(pool.rgba)


def report(modules: dict, per_family: int | None, device, clock: Clock, grid: int | None = None, which=("narrow", "wide"), **options) -> dict:
    out = {}
    for name in which:
        held, images = held_out_set(per_family, name, device)
        scores = evaluate(modules, held, images, grid=grid, **options)
        line = [f"{name} ({len(held)}):"]
        for metric in scores:
            if metric == "closed":
                line.append(f"closed {int(scores['closed'].sum())}/{len(held)}")
            else:
                s = metrics.summary(scores[metric])
                line.append(f"{metric} median {s['median']:.4f} mean {s['mean']:.4f} p10 {s['p10']:.4f}")
        clock(" ".join(line))
        out[name] = scores
        by_family = {families.NAMES[k]: scores["iou"][held.family.cpu() == k].mean().item() for k in range(len(families.NAMES))}
        if grid:
            clock(" ".join(f"{k} {v:.2f}" for k, v in by_family.items()))
        else:
            worst = sorted(by_family.items(), key=lambda kv: kv[1])[:10]
            clock("  worst:", " ".join(f"{k} {v:.2f}" for k, v in worst))
    return out
