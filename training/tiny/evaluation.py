"""Quality of image to 3D on held-out shapes and views."""

import torch

from tiny import heldout, metrics, pipeline
from tiny.dataset import Clock, cell_centres
from tiny.heldout import HeldOut
from tiny.pictures import normalised, on_white


def rendered(held: HeldOut) -> torch.Tensor:
    """Encoder input of pictures rendered at its own size: quick, for use during training."""
    return normalised(on_white(held.rgba))


def processed(held: HeldOut, settings: dict) -> torch.Tensor:
    """Encoder input through the whole picture path of a bundle, as a service does it."""
    size, border = (settings["image_processor"]["params"][k] for k in ("size", "border_ratio"))
    encoder = settings["conditioner"]["params"]["main_image_encoder"]["kwargs"]
    return torch.cat([
        pipeline.conditioner_input(pipeline.process(rgba.numpy(), size, border), encoder["image_size"]) for rgba in held.rgba])


@torch.no_grad()
def evaluate(modules: dict, held: HeldOut, images: torch.Tensor, *, sigmas: torch.Tensor, guidance: float = 2.0, grid: int | None = None,
             batch: int = 16, seed: int = 0) -> dict[str, torch.Tensor]:
    """Scores [N] of `images` [N, 3, s, s] (encoder input).

    IoU always; F-score, Chamfer distance and whether the surface is closed from a hierarchical decode of `grid` cells.
    """
    device = images.device
    dit, vae, vit = modules["dit"], modules["vae"], modules["vit"]
    cells = cell_centres(metrics.OCCUPANCY_CELLS, device)
    scores = {"iou": [], "f": [], "chamfer": [], "closed": []}
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(held), batch):
        rows = slice(start, start + batch)
        context = vit(images[rows])
        noise = torch.randn(len(context), vae.num_latents, 16, generator=generator).to(device)
        latents = pipeline.sample(dit, context, noise, sigmas, guidance)
        scores["iou"].append(metrics.iou(pipeline.decode(vae, latents, cells) > 0, held.occupancy[rows].to(device)).cpu())
        for row, truth in zip(latents, held.surface[rows]) if grid else ():
            values = pipeline.decode_hierarchical(vae, row[None], grid)
            ours = metrics.crossings(values, -pipeline.BOUND, pipeline.BOUND)
            ours = ours[torch.randperm(len(ours), generator=generator)[:10_000].to(device)]
            f, chamfer = metrics.surface_distance(ours, truth.to(device))
            scores["f"].append(f), scores["chamfer"].append(chamfer), scores["closed"].append(metrics.closed(values))
    scores["iou"] = torch.cat(scores["iou"])
    return {name: torch.as_tensor(values) for name, values in scores.items() if len(values)}


def describe(scores: dict[str, torch.Tensor]) -> str:
    line = []
    for metric, values in scores.items():
        if metric == "closed":
            line.append(f"closed {int(values.sum())}/{len(values)}")
        else:
            s = metrics.summary(values)
            line.append(f"{metric} median {s['median']:.4f} mean {s['mean']:.4f} p10 {s['p10']:.4f}")
    return "; ".join(line)


def by_family(held: HeldOut, values: torch.Tensor) -> dict[str, float]:
    """Mean of `values` for each family."""
    family = held.family.cpu()
    return {held.names[k]: values[family == k].double().mean().item() for k in family.unique().tolist()}


def report(modules: dict, per_family: int, device, clock: Clock, which=("narrow", "wide"), size: int = 126, every: int = 1,
           **choices) -> None:
    """Prints the scores on fresh held-out sets."""
    for name in which:
        held = heldout.make(per_family, name, device, size=size).take(slice(0, None, every))
        scores = evaluate(modules, held, rendered(held), **choices)
        clock(f"{name} ({len(held)}): {describe(scores)}")
        clock("  mean IoU:", " ".join(f"{k} {v:.2f}" for k, v in by_family(held, scores["iou"]).items()))
