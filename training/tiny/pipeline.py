"""The plain pipeline on a bundle: picture -> latents -> logit grid. The evaluation's own copy of what the service does."""

import numpy as np
import torch
from torch.nn import functional as F

from tiny.pictures import normalised

BOUND = 1.01


# ---- Picture ------------------------------------------------------------------------------------------------------

def _taps(source: int, size: int):
    """Bicubic taps (a = -0.75) of each destination pixel: clamped indices and weights in 1/2048."""
    x = (np.arange(size) + 0.5) * (source / size) - 0.5
    first = np.floor(x).astype(int)
    t = x - first
    a = -0.75
    near = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1
    far = lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    weights = np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)], 1)
    indices = np.clip(first[:, None] + np.arange(-1, 3), 0, source - 1)
    return indices, np.rint(weights * 2048)


def bicubic(image: np.ndarray, size: int) -> np.ndarray:
    """8-bit [H, W, C] -> [size, size, C], no antialiasing."""
    rows, wr = _taps(image.shape[0], size)
    columns, wc = _taps(image.shape[1], size)
    x = np.einsum("hkwc,hk->hwc", image[rows].astype(np.float64), wr)
    x = np.einsum("hwkc,wk->hwc", x[:, columns], wc)
    return np.clip(np.rint(x / 2048**2), 0, 255).astype(np.uint8)


def _coverage(source: int, size: int) -> np.ndarray:
    """Box averages [size, source] of an axis that shrinks."""
    inv = source / size
    start = np.arange(size)[:, None] * inv
    cells = np.arange(source)[None]
    overlap = np.minimum(cells + 1, start + inv) - np.maximum(cells, start)
    overlap = np.clip(overlap, 0, None)
    return overlap / overlap.sum(1, keepdims=True)


def _linear(source: int, size: int) -> np.ndarray:
    """The two-tap weights [size, source] used as soon as one axis is enlarged."""
    inv = 1 / (size / source)
    d = np.arange(size)
    s = np.floor(d * inv).astype(int)
    frac = (d + 1) - (s + 1) / inv
    frac = np.where(frac <= 0, 0, frac - np.floor(frac))
    frac = np.rint(frac * 2048) / 2048
    out = np.zeros((size, source))
    np.add.at(out, (d, np.clip(s, 0, source - 1)), 1 - frac)
    np.add.at(out, (d, np.clip(s + 1, 0, source - 1)), frac)
    return out


def area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """8-bit area resize."""
    rows, columns = image.shape[:2]
    weights = _coverage if height <= rows and width <= columns else _linear
    x = np.einsum("ah,hwc->awc", weights(rows, height), image.astype(np.float64))
    x = np.einsum("bw,awc->abc", weights(columns, width), x)
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def recentre(rgba: np.ndarray, border: float) -> np.ndarray:
    """Crops to the alpha's box, scales it to 1 - border of a square, composites on white; 8-bit RGB."""
    rows, columns = np.nonzero(rgba[..., 3].any(1))[0], np.nonzero(rgba[..., 3].any(0))[0]
    if not len(rows) or rows[0] == rows[-1] or columns[0] == columns[-1]:
        raise ValueError("input image is empty")
    r0, r1, c0, c1 = rows[0], rows[-1], columns[0], columns[-1]
    side = max(rgba.shape[:2])
    scale = int(side * (1 - border)) / max(r1 - r0, c1 - c0)
    height, width = int((r1 - r0) * scale), int((c1 - c0) * scale)
    canvas = np.zeros((side, side, 4), np.uint8)
    y, x = (side - height) // 2, (side - width) // 2
    canvas[y:y + height, x:x + width] = area(rgba[r0:r1, c0:c1], height, width)
    alpha = canvas[..., 3:].astype(np.float32) / 255
    rgb = canvas[..., :3] * alpha + 255 * (1 - alpha)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def process(rgba: np.ndarray, size: int, border: float) -> torch.Tensor:
    """8-bit RGBA [H, W, 4] -> [1, 3, size, size] in [-1, 1]."""
    image = bicubic(recentre(rgba, border), size)
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255 * 2 - 1


def conditioner_input(image: torch.Tensor, size: int) -> torch.Tensor:
    """[B, 3, h, w] in [-1, 1] -> ImageNet-normalised [B, 3, size, size]."""
    x = (image + 1) / 2
    h, w = x.shape[-2:]
    if min(h, w) != size:
        shape = (int(size * h / w), size) if h > w else (size, int(size * w / h))
        x = F.interpolate(x, shape, mode="bilinear", align_corners=False, antialias=True)
    top, left = round((x.shape[-2] - size) / 2), round((x.shape[-1] - size) / 2)
    return normalised(x[..., top:top + size, left:left + size])


# ---- Schedulers ---------------------------------------------------------------------------------------------------

def flow_sigmas(steps: int, shift: float = 1.0) -> torch.Tensor:
    """[steps + 1]: both ends included, then 1 again (the last step has no length)."""
    s = np.linspace(0, 1, steps)
    s = s * shift / (1 + (shift - 1) * s)
    return torch.tensor(np.append(s, 1.0), dtype=torch.float32)


def consistency_sigmas(steps: int, pcm_timesteps: int = 100) -> torch.Tensor:
    base = np.linspace(0, 1, 1000)
    ratio = 1000 // pcm_timesteps
    table = base[np.array([0] + [k * ratio - 1 for k in range(1, pcm_timesteps)])]
    picked = table[np.floor(np.arange(steps) * pcm_timesteps / steps).astype(int)]
    return torch.tensor(np.append(picked, 1.0), dtype=torch.float32)


def sigmas(settings: dict, steps: int) -> torch.Tensor:
    """What the scheduler of a bundle takes for `steps`."""
    scheduler = settings["scheduler"]
    if "Consistency" in scheduler["target"]:
        return consistency_sigmas(steps, scheduler["params"]["pcm_timesteps"])
    return flow_sigmas(steps)


# ---- Sampling and decoding ----------------------------------------------------------------------------------------

@torch.no_grad()
def sample(dit, context, latents, sigmas, guidance: float, each=None) -> torch.Tensor:
    """Euler from noise [B, N, C] to latents; classifier-free guidance unless the network embeds the guidance scale."""
    embeds = hasattr(dit, "guidance_in")
    both = torch.cat([context, torch.zeros_like(context)]) if not embeds else context
    for index in range(len(sigmas) - 1):
        if sigmas[index] == sigmas[index + 1]:
            continue
        t = sigmas[index].to(latents.device).expand(len(both))
        if embeds:
            v = dit(latents, t, both, torch.full_like(t, guidance))
        else:
            conditional, free = dit(torch.cat([latents, latents]), t, both).chunk(2)
            v = free + guidance * (conditional - free)
        latents = latents + (sigmas[index + 1] - sigmas[index]).to(latents.device) * v.float()
        if each:
            each(index, latents)
    return latents


def grid_points(resolution: int, device="cpu") -> torch.Tensor:
    """[(R + 1)^3, 3], z fastest."""
    axis = torch.linspace(-BOUND, BOUND, resolution + 1, device=device)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)


def keys_values(vae, latents):
    return vae.geo_decoder.keys_values(vae.decode(latents / vae.scale_factor))


@torch.no_grad()
def decode(vae, latents, points, chunk: int = 65_536) -> torch.Tensor:
    """Logits [B, P] of `points` [P, 3]."""
    shape = keys_values(vae, latents)
    parts = [vae.geo_decoder(part.expand(len(latents), -1, -1), shape).float() for part in points.split(chunk)]
    return torch.cat(parts, 1)


def _dilated(marks: torch.Tensor) -> torch.Tensor:
    return F.max_pool3d(marks[None, None].float(), 3, 1, 1)[0, 0] > 0


def _near_surface(grid: torch.Tensor) -> torch.Tensor:
    """Points whose sign differs from an evaluated neighbour's, or whose logit is small; NaN: not evaluated."""
    known = ~grid.isnan()
    near = known & (grid.abs() < 0.95)
    for axis in range(3):
        n = grid.shape[axis]
        a, b = grid.narrow(axis, 0, n - 1), grid.narrow(axis, 1, n - 1)
        differ = (a.sign() != b.sign()) & ~a.isnan() & ~b.isnan()
        near.narrow(axis, 0, n - 1).logical_or_(differ)
        near.narrow(axis, 1, n - 1).logical_or_(differ)
    return near


@torch.no_grad()
def decode_hierarchical(vae, latents, resolution: int, coarsest: int = 63, chunk: int = 65_536) -> torch.Tensor:
    """Logits [R + 1, R + 1, R + 1] of one shape ([1, N, C]), refined near the surface; NaN where never evaluated."""
    levels = [resolution]
    while levels[0] // 2 >= coarsest:
        levels.insert(0, levels[0] // 2)
    shape = keys_values(vae, latents)
    n = levels[0] + 1
    points = grid_points(levels[0], latents.device)
    grid = torch.cat([vae.geo_decoder(part[None], shape)[0].float() for part in points.split(chunk)]).view(n, n, n)
    for level in levels[1:]:
        last = level == levels[-1]
        near = _near_surface(grid)
        if not last:
            near = _dilated(near)
        marks = torch.zeros(level + 1, level + 1, level + 1, dtype=torch.bool, device=grid.device)
        at = torch.nonzero(near) * 2
        marks[at[:, 0], at[:, 1], at[:, 2]] = True
        for _ in range(2 if last else 1):
            marks = _dilated(marks)
        at = torch.nonzero(marks)
        points = at.float() * (2 * BOUND / level) - BOUND
        grid = torch.full(marks.shape, torch.nan, device=grid.device)
        values = [vae.geo_decoder(part[None], shape)[0].float() for part in points.split(chunk)]
        grid[at[:, 0], at[:, 1], at[:, 2]] = torch.cat(values)
    return grid
