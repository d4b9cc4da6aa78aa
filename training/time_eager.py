"""The same work as the Rust pipeline, in PyTorch eager on the CPU: the baseline of `cargo xtask bench`.

    python time_eager.py MODEL PICTURE THREADS

Loads once, then makes one shape for each line read from standard input and prints one line of JSON with the seconds of
each stage: image encoder, denoising, decoding (ShapeVAE and hierarchical grid). Cropping and scaling the picture, here in
plain numpy, does not count.

As eager does best: keys and values are made once, no step is taken that has no length, points go in chunks that were found
fastest, and threads wait as they do when nothing is set (spin for a while, then sleep).
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from tiny import bundle, pipeline

STEPS, GUIDANCE, RESOLUTION, COARSE = 20, 2.0, 128, 63

# Of 1024 to 65,536 points, on two cores: 2.8, 2.3, 2.0 (4096), 2.1, 2.1, 3.5 s.
CHUNK = 4096


def dilate(mask: torch.Tensor) -> torch.Tensor:
    return F.max_pool3d(mask[None, None].float(), 3, 1, 1)[0, 0] > 0


def near_surface(grid: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cells whose sign differs from a neighbour's, or with a small logit (specification 12.3, steps 1 and 2)."""
    sign, near = grid.sign(), (grid.abs() < 0.95) & known
    for axis in range(3):
        length = grid.shape[axis] - 1
        differ = (sign.narrow(axis, 1, length) != sign.narrow(axis, 0, length)) \
            & known.narrow(axis, 1, length) & known.narrow(axis, 0, length)
        near.narrow(axis, 1, length).logical_or_(differ)
        near.narrow(axis, 0, length).logical_or_(differ)
    return near & known


def hierarchical(geometry, keys_values, resolution: int) -> torch.Tensor:
    """Logits [R+1, R+1, R+1] of one shape, coarse to fine; NaN where not evaluated."""
    levels = [resolution]
    while levels[0] // 2 >= COARSE:
        levels.insert(0, levels[0] // 2)
    query = lambda points: torch.cat([geometry(p[None], keys_values).float().view(-1) for p in points.split(CHUNK)])
    side = levels[0] + 1
    grid = query(pipeline.grid_points(levels[0])).view(side, side, side)
    known = torch.ones_like(grid, dtype=torch.bool)
    for level in levels[1:]:
        near = near_surface(grid, known)
        if level != levels[-1]:
            near = dilate(near)
        known = torch.zeros(level + 1, level + 1, level + 1, dtype=torch.bool)
        known[::2, ::2, ::2] = near
        for _ in range(2 if level == levels[-1] else 1):
            known = dilate(known)
        cells = known.nonzero()
        points = cells.float() * (2 * pipeline.BOUND / level) - pipeline.BOUND
        grid = torch.full(known.shape, torch.nan)
        grid[known] = query(points)
    return grid


@torch.inference_mode()
def main() -> None:
    model, picture, threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    modules, settings = bundle.load(model)
    dit, vae, vit = modules["dit"], modules["vae"], modules["vit"]
    size, border = (settings["image_processor"]["params"][k] for k in ("size", "border_ratio"))
    encoder_size = settings["conditioner"]["params"]["main_image_encoder"]["kwargs"]["image_size"]
    rgba = np.asarray(Image.open(picture).convert("RGBA"))
    shape = (1, settings["vae"]["params"]["num_latents"], settings["vae"]["params"]["embed_dim"])
    processed = pipeline.process(rgba, size, border)
    print("ready", flush=True)
    for line in sys.stdin:
        torch.manual_seed(int(line))
        times = [time.perf_counter()]
        context = vit(pipeline.conditioner_input(processed, encoder_size))
        times.append(time.perf_counter())
        latents = pipeline.sample(dit, context, torch.randn(shape), pipeline.flow_sigmas(STEPS), GUIDANCE)
        times.append(time.perf_counter())
        keys_values = vae.geo_decoder.keys_values(vae.decode(latents / vae.scale_factor))
        hierarchical(vae.geo_decoder, keys_values, RESOLUTION)
        times.append(time.perf_counter())
        seconds = dict(zip(("encode", "denoise", "decode"), np.diff(times)))
        print(json.dumps(seconds | {"total": times[-1] - times[0]}), flush=True)


if __name__ == "__main__":
    main()
