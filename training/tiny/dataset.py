"""Shapes with surface samples, posed before a camera, and their pictures, made on the training device.

Shapes stand in the frame of their picture: y up, the camera in the plane x = 0 on the side of +z, the bounding box of the true
surface centred, its longest half extent 0.95.
"""

import dataclasses
import time

import torch

from tiny import families, native, pictures
from tiny.pictures import Cameras

# Held-out sets use seeds from here on; training seeds stay below.
HELD_OUT_SEED = 9_000_000
COARSE = 16
# Family number of shapes that belong to none.
NO_FAMILY = -100


@dataclasses.dataclass
class Poses:
    """How shapes are turned, mirrored and deformed; one row a shape."""

    azimuth: torch.Tensor  # from where the camera sees the shape's front, radians
    mirrored: torch.Tensor  # 1 or -1
    stretch: torch.Tensor  # [N, 3]
    taper: torch.Tensor
    twist: torch.Tensor
    bend: torch.Tensor

    @classmethod
    def plain(cls, azimuth: torch.Tensor) -> "Poses":
        zero = torch.zeros_like(azimuth)
        return cls(azimuth, zero + 1, torch.ones(len(azimuth), 3, device=azimuth.device), zero, zero, zero)

    @classmethod
    def training(cls, azimuth: torch.Tensor, generator: torch.Generator, deformed: float) -> "Poses":
        """`deformed`: the share of shapes that are deformed."""
        n, device = len(azimuth), azimuth.device

        def uniform(*shape):
            return torch.rand(n, *shape, generator=generator, device=device)

        some = (uniform() < deformed).float()
        mirrored = torch.where(uniform() < 0.5, 1.0, -1.0)
        stretch = torch.exp(torch.randn(n, 3, generator=generator, device=device).clamp(-2, 2) * 0.18 * some[:, None])

        def bent(limit, share=0.4):
            return (uniform() * 2 - 1) * limit * some * (uniform() < share)

        return cls(azimuth, mirrored, stretch, bent(0.35), bent(0.5), bent(0.2))

    def write(self, frames: torch.Tensor) -> None:
        """Into the columns of `frames`."""
        frames[:, native.COSINE], frames[:, native.SINE] = self.azimuth.cos(), -self.azimuth.sin()
        frames[:, native.MIRRORED], frames[:, native.STRETCH] = self.mirrored, self.stretch
        frames[:, native.TAPER], frames[:, native.TWIST], frames[:, native.BEND] = self.taper, self.twist, self.bend
        steepest = self.stretch.amax(1) * (1 + 1.5 * self.taper.abs()) * (1 + self.twist.abs()) * (1 + 2 * self.bend.abs())
        plain = (self.stretch == 1).all(1) & (self.taper == 0) & (self.twist == 0) & (self.bend == 0)
        frames[:, native.SLOPE] = torch.where(plain, torch.ones_like(steepest), 1 / steepest.clamp(min=1.001))

    def seen(self) -> torch.Tensor:
        """The azimuth in the frame of the shape that is seen: a mirrored shape is seen from the other side."""
        return self.azimuth * self.mirrored


@dataclasses.dataclass
class Shapes:
    """Shapes of the generator."""

    records: torch.Tensor  # [N, parts, columns]
    frames: torch.Tensor
    family: torch.Tensor  # [N] int64
    azimuth: torch.Tensor  # [N] see Poses.seen
    surface: torch.Tensor  # [N, points, 6] float16 (float32 on a CPU)

    def __len__(self):
        return len(self.family)

    @property
    def device(self):
        return self.records.device

    def distances(self, ids: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Signed distances [B, P] of points [B, P, 3] (or [P, 3]) to the shapes `ids`."""
        return native.distances(self.records, self.frames, points.contiguous(), ids)

    def render(self, view: torch.Tensor, size: int, samples: int = 2) -> torch.Tensor:
        return native.pictures(self.records, self.frames, view, size, samples)


def shapes(total: int, points: int, seed: int, device: torch.device, per_family: int | None = None, poses=None) -> Shapes:
    """`poses`: makes the poses of n shapes; by default shapes stand as drawn, the camera at their front."""
    records, frames, family = families.generate(total, seed, per_family)
    records, frames, family = (torch.from_numpy(x).to(device) for x in (records, frames, family))
    n = len(records)
    posed = poses(n) if poses else Poses.plain(torch.zeros(n, device=device))
    posed.write(frames)
    native.bounds(records, frames)
    surface = torch.empty(n, points, 6, device=device, dtype=torch.float16 if device.type == "cuda" else torch.float32)
    empty = []
    for start in range(0, n, 16_384):
        part = slice(start, start + 16_384)
        found, missing = native.surface(records[part], frames[part], points, seed + start)
        empty.append(missing + start)
        surface[part] = native.normalise(frames[part], found)
    out = Shapes(records, frames, family, posed.seen(), surface)
    empty = torch.cat(empty)
    if len(empty) > 0.02 * n + 1:
        raise RuntimeError(f"{len(empty)} of {n} shapes have no surface worth the name, of the families {family[empty].unique().tolist()}")
    if len(empty):
        # Random compositions may have almost no surface; their neighbours replace them.
        keep = torch.ones(n, dtype=torch.bool, device=device)
        keep[empty] = False
        good = torch.nonzero(keep).flatten()
        stand_in = good[torch.searchsorted(good, empty).clamp(max=len(good) - 1)]
        for tensor in (out.records, out.frames, out.family, out.azimuth, out.surface):
            tensor[empty] = tensor[stand_in]
    return out


@dataclasses.dataclass
class Pool:
    """Renderings of shapes: picture i shows shape `shape[i]` from the camera `camera[i]` (azimuth, elevation, field of view)."""

    channels: torch.Tensor  # [P, size, size, CHANNELS] uint8
    shape: torch.Tensor
    camera: torch.Tensor


def photograph(shapes, cameras: Cameras, size: int, generator: torch.Generator, border=(0.12, 0.18), samples: int = 2,
               camera_turns: bool = False) -> Pool:
    """Pictures, the same number of every shape in a row; `cameras` holds one row a picture."""
    per_shape = len(cameras.azimuth) // len(shapes)
    ids = torch.arange(len(shapes), device=shapes.device).repeat_interleave(per_shape)
    view = pictures.views(ids, cameras, generator, border, camera_turns)
    out = torch.empty(len(ids), size, size, native.CHANNELS, dtype=torch.uint8, device=shapes.device)
    chunk = 1024 * per_shape
    for start in range(0, len(ids), chunk):
        part = view[start:start + chunk]
        first = start // per_shape
        # The window is found on the samples of this chunk's shapes alone.
        local = part.clone()
        local[:, 31] -= first
        native.frame_views(shapes.surface[first:first + 1024, :3072].float().contiguous(), local)
        part[:, 12:15] = local[:, 12:15]
        out[start:start + chunk] = shapes.render(part.contiguous(), size, samples)
    return Pool(out, ids, view[:, 32:35].clone())


def coarse_occupancy(shapes) -> torch.Tensor:
    """[N, 16^3] bool at the cell centres of [-1, 1]^3."""
    points = cell_centres(COARSE, shapes.device)
    out = torch.empty(len(shapes), COARSE**3, dtype=torch.bool, device=points.device)
    for start in range(0, len(shapes), 8192):
        ids = torch.arange(start, min(start + 8192, len(shapes)), device=points.device)
        out[ids] = shapes.distances(ids, points) < 0
    return out


def occupancy(shapes, cells: int) -> torch.Tensor:
    """[N, cells^3] bool."""
    points = cell_centres(cells, shapes.device)
    return torch.cat([shapes.distances(torch.tensor([i], device=points.device), points) < 0 for i in range(len(shapes))])


def cell_centres(cells: int, device) -> torch.Tensor:
    """[cells^3, 3], z fastest."""
    axis = (torch.arange(cells, device=device) + 0.5) / cells * 2 - 1
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3).contiguous()


class Clock:
    """Prints messages with the elapsed time."""

    def __init__(self):
        self.start = time.time()

    def elapsed(self) -> float:
        return time.time() - self.start

    def __call__(self, *message):
        print(f"[{self.elapsed():7.1f} s]", *message, flush=True)
