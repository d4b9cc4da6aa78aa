"""A pool of shapes with surface samples, and of their pictures, made on the training device."""

import dataclasses
import time

import torch

from tiny import families, native, pictures

# Held-out sets use seeds from here on; training seeds stay below.
HELD_OUT_SEED = 9_000_000
COARSE = 16


@dataclasses.dataclass
class Shapes:
    records: torch.Tensor  # [N, parts, columns]
    frames: torch.Tensor
    family: torch.Tensor  # [N] int64
    surface: torch.Tensor  # [N, points, 6] float16 (float32 on a CPU)

    def __len__(self):
        return len(self.records)

    def distances(self, ids: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Signed distances [B, P] of points [B, P, 3] (or [P, 3]) to the shapes `ids`."""
        return native.distances(self.records, self.frames, points.contiguous(), ids)


def shapes(total: int, points: int, seed: int, device: torch.device, per_family: int | None = None) -> Shapes:
    records, frames, family = families.generate(total, seed, per_family)
    records, frames = (torch.from_numpy(x).to(device) for x in (records, frames))
    native.bounds(records, frames)
    surface = torch.empty(len(records), points, 6, device=device, dtype=torch.float16 if device.type == "cuda" else torch.float32)
    for start in range(0, len(records), 16_384):
        part = slice(start, start + 16_384)
        surface[part] = native.surface(records[part], frames[part], points, seed + start)
    return Shapes(records, frames, torch.from_numpy(family).to(device), surface)


@dataclasses.dataclass
class Pool:
    """Pictures of shapes: picture i shows shape `shape[i]` from the camera `camera[i]` (azimuth, elevation, field of view)."""

    rgba: torch.Tensor  # [P, size, size, 4] uint8
    shape: torch.Tensor
    camera: torch.Tensor


def photograph(shapes: Shapes, per_shape: int, size: int, ranges, seed: int, border=(0.12, 0.18)) -> Pool:
    device = shapes.records.device
    generator = torch.Generator(device).manual_seed(seed)
    ids = torch.arange(len(shapes), device=device).repeat_interleave(per_shape)
    view = pictures.views(ids, ranges, generator, border)
    rgba = torch.empty(len(ids), size, size, 4, dtype=torch.uint8, device=device)
    chunk = 4096 * per_shape
    for start in range(0, len(ids), chunk):
        part = view[start:start + chunk]
        first = start // per_shape
        # The window is found on the samples of this chunk's shapes alone.
        local = part.clone()
        local[:, 31] -= first
        native.frame_views(shapes.surface[first:first + 4096, :2048].float().contiguous(), local)
        part[:, 12:15] = local[:, 12:15]
        rgba[start:start + chunk] = native.pictures(shapes.records, shapes.frames, part.contiguous(), size, 2)
    return Pool(rgba, ids, view[:, 32:35].clone())


def coarse_occupancy(shapes: Shapes) -> torch.Tensor:
    """[N, 16^3] bool at the cell centres of [-1, 1]^3."""
    points = cell_centres(COARSE, shapes.records.device)
    out = torch.empty(len(shapes), COARSE**3, dtype=torch.bool, device=points.device)
    for start in range(0, len(shapes), 8192):
        ids = torch.arange(start, min(start + 8192, len(shapes)), device=points.device)
        out[ids] = shapes.distances(ids, points) < 0
    return out


def cell_centres(cells: int, device) -> torch.Tensor:
    """[cells^3, 3], z fastest."""
    axis = (torch.arange(cells, device=device) + 0.5) / cells * 2 - 1
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3).contiguous()


class Clock:
    """Prints what happened and when."""

    def __init__(self):
        self.start = time.time()

    def elapsed(self) -> float:
        return time.time() - self.start

    def __call__(self, *message):
        print(f"[{self.elapsed():7.1f} s]", *message, flush=True)
