"""Cameras, light and colours of the rendered pictures, and what happens to a picture before the image encoder sees it."""

import dataclasses
import functools
import math

import torch

from tiny import native


@dataclasses.dataclass(frozen=True)
class Range:
    """Where cameras stand. Angles in degrees; azimuth 0 looks at the front (+z), elevation 90 from above."""

    azimuth: float
    elevation: tuple[float, float]
    field_of_view: tuple[float, float]


NARROW = Range(40, (0, 35), (38, 42))
WIDE = Range(60, (-10, 50), (20, 60))
BORDER = 0.15


def views(shape_ids: torch.Tensor, ranges: list[Range], generator: torch.Generator, border: tuple[float, float]) -> torch.Tensor:
    """Random views [N, VIEW] of the shapes `shape_ids` [N]; view i is drawn from `ranges[i % len(ranges)]`.

    The window columns are still empty: `native.frame_views` fills them.
    """
    n, device = len(shape_ids), shape_ids.device

    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator, device=device) * (high - low) + low

    def per_range(values):
        return torch.tensor(values, device=device, dtype=torch.float32)[torch.arange(n, device=device) % len(ranges)]

    def between(low, high):
        return uniform(0, 1) * (high - low) + low

    azimuth = torch.deg2rad(between(per_range([-r.azimuth for r in ranges]), per_range([r.azimuth for r in ranges])))
    elevation = torch.deg2rad(between(per_range([r.elevation[0] for r in ranges]), per_range([r.elevation[1] for r in ranges])))
    fov = torch.deg2rad(between(per_range([r.field_of_view[0] for r in ranges]), per_range([r.field_of_view[1] for r in ranges])))

    out = torch.zeros(n, native.VIEW, device=device)
    toward = torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], 1)
    right = torch.stack([azimuth.cos(), torch.zeros_like(azimuth), -azimuth.sin()], 1)
    up = torch.linalg.cross(toward, right)
    # The unit ball about the origin just fits the field of view.
    out[:, 0:3] = toward * (1.15 / torch.sin(fov / 2))[:, None]
    out[:, 3:6], out[:, 6:9], out[:, 9:12] = right, up, -toward
    # Light comes from the camera's upper half space.
    side, high, front = uniform(-1.2, 1.2), uniform(0.1, 1.3), uniform(0.5, 1.2)
    light = toward * front[:, None] + right * side[:, None] + up * high[:, None]
    out[:, 15:18] = light / light.norm(dim=1, keepdim=True)
    out[:, 18] = uniform(0.3, 0.65)
    out[:, 19] = uniform(0, 0.5) * (uniform(0, 1) < 0.6)
    out[:, 20] = uniform(0.2, 0.9)
    out[:, 21] = uniform(*border)
    colours = uniform(0.08, 1.0, 3, 3)
    grey = colours.mean(2, keepdim=True)
    colours = grey + (colours - grey) * uniform(0.3, 1.3)[:, None, None]
    single = (uniform(0, 1) < 0.35)[:, None, None]
    out[:, 22:31] = torch.where(single, colours[:, :1], colours).clamp(0.04, 1).flatten(1)
    out[:, 31] = shape_ids
    # Kept for the training heads: what the camera was.
    out[:, 32], out[:, 33], out[:, 34] = azimuth, elevation, fov
    return out


def render(records, frames, surface, view, size: int, samples: int = 2) -> torch.Tensor:
    """Pictures [N, size, size, 4] of framed views."""
    native.frame_views(surface, view)
    return native.pictures(records, frames, view, size, samples)


def on_white(rgba: torch.Tensor) -> torch.Tensor:
    """[N, H, W, 4] uint8 -> [N, 3, H, W] float in [0, 1] over white."""
    x = rgba.permute(0, 3, 1, 2).float() / 255
    return x[:, :3] * x[:, 3:] + (1 - x[:, 3:])


def augmented(rgba: torch.Tensor) -> torch.Tensor:
    """Training pictures: gain, tint, offset, grey on the object, then blur and noise; [N, 3, H, W] in [0, 1] over white."""
    n, device = len(rgba), rgba.device
    x = rgba.permute(0, 3, 1, 2).float() / 255
    colour, alpha = x[:, :3], x[:, 3:]

    def uniform(low, high, channels=1):
        return torch.rand(n, channels, 1, 1, device=device) * (high - low) + low

    colour = colour * uniform(0.7, 1.3) * uniform(0.9, 1.1, 3) + uniform(-0.1, 0.1)
    colour = torch.where(uniform(0, 1) < 0.15, colour.mean(1, keepdim=True), colour).clamp(0, 1)
    x = colour * alpha + (1 - alpha)
    wide = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = x + (wide - x) * uniform(0, 0.6)
    noise = uniform(0, 0.03) * (uniform(0, 1) < 0.4)
    return (x + torch.randn_like(x) * noise).clamp(0, 1)


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@functools.cache
def _imagenet(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    # Kept: a copy from the host makes the host wait for the device.
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return mean, std


def normalised(x: torch.Tensor) -> torch.Tensor:
    """ImageNet normalisation of [N, 3, H, W] in [0, 1]."""
    mean, std = _imagenet(x.device)
    return (x - mean) / std


def border_of(size: int, border: float = BORDER) -> float:
    """The border that the reference processor really leaves on a canvas of `size` (it truncates)."""
    return 1 - math.floor(size * (1 - border)) / size
