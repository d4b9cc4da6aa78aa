"""Cameras, light and materials of the rendered pictures, and the augmentation of pictures for the image encoder.

A rendered picture is [N, s, s, native.CHANNELS] uint8: colour of the surface, light, highlight, outline and coverage are kept
apart, so that one rendering serves as a photograph, a flat drawing or a line drawing.
"""

import dataclasses
import functools
import math

import torch
from torch.nn import functional as F

from tiny import native


@dataclasses.dataclass(frozen=True)
class Range:
    """Where cameras stand. Angles in degrees; azimuth 0 looks at the object's front, elevation 90 from above."""

    azimuth: float
    elevation: tuple[float, float]
    field_of_view: tuple[float, float]


NARROW = Range(40, (0, 35), (38, 42))
WIDE = Range(180, (-10, 60), (15, 70))
BORDER = 0.15


@dataclasses.dataclass
class Cameras:
    """Angles in radians, one a picture."""

    azimuth: torch.Tensor
    elevation: torch.Tensor
    field_of_view: torch.Tensor

    @classmethod
    def within(cls, n: int, limits: Range, generator: torch.Generator) -> "Cameras":
        def between(low, high):
            return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low

        low, high = (math.log(v) for v in limits.field_of_view)
        return cls(torch.deg2rad(between(-limits.azimuth, limits.azimuth)), torch.deg2rad(between(*limits.elevation)),
                   torch.deg2rad(between(low, high).exp()))

    @classmethod
    def training(cls, n: int, generator: torch.Generator) -> "Cameras":
        """Half from where people take pictures of things, half from anywhere; some as flat as a drawing."""
        usual, any_, flat = (cls.within(n, r, generator) for r in (Range(60, (-5, 35), (20, 60)), WIDE, Range(60, (-3, 12), (6, 15))))
        pick = torch.rand(n, generator=generator, device=generator.device)

        def mixed(name):
            a, b, c = (getattr(x, name) for x in (usual, any_, flat))
            return torch.where(pick < 0.45, a, torch.where(pick < 0.92, b, c))

        return cls(*(mixed(f.name) for f in dataclasses.fields(cls)))

    def tensor(self) -> torch.Tensor:
        return torch.stack([self.azimuth, self.elevation, self.field_of_view], 1)


def views(shape_ids: torch.Tensor, cameras: Cameras, generator: torch.Generator, border: tuple[float, float],
          camera_turns: bool = False) -> torch.Tensor:
    """Views [N, VIEW] of the shapes `shape_ids` [N], with random light and materials.

    The camera stands at azimuth 0, as shapes are turned instead, unless `camera_turns`. The window columns are still empty:
    `native.frame_views` fills them.
    """
    n, device = len(shape_ids), shape_ids.device

    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator, device=device) * (high - low) + low

    def chance(p):
        return (uniform(0, 1) < p).float()

    def unit(v):
        return v / v.norm(dim=1, keepdim=True)

    azimuth = cameras.azimuth if camera_turns else torch.zeros_like(cameras.azimuth)
    elevation, fov = cameras.elevation, cameras.field_of_view
    out = torch.zeros(n, native.VIEW, device=device)
    toward = torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], 1)
    right = torch.stack([azimuth.cos(), torch.zeros_like(azimuth), -azimuth.sin()], 1)
    up = torch.linalg.cross(toward, right)
    # A ball about the origin just fits the field of view.
    out[:, 0:3] = toward * torch.clamp(1.3 / torch.sin(fov / 2), min=1.9)[:, None]
    out[:, 3:6], out[:, 6:9], out[:, 9:12] = right, up, -toward
    # Light mostly from the camera's upper half space.
    side, high, front = uniform(-1.4, 1.4), uniform(-0.1, 1.5), uniform(0.1, 1.2)
    out[:, 15:18] = unit(toward * front[:, None] + right * side[:, None] + up * high[:, None])
    out[:, 18] = uniform(0.25, 0.75)
    out[:, 19] = uniform(0, 0.6) * chance(0.5)
    out[:, 20] = uniform(0.0, 0.9)
    out[:, 21] = uniform(*border)
    out[:, 22:31] = palettes(n, generator).flatten(1)
    out[:, 31] = shape_ids
    out[:, 32], out[:, 33], out[:, 34] = cameras.azimuth, elevation, fov
    out[:, 35] = uniform(0.3, 1.0) * chance(0.5)
    out[:, 36] = torch.where(uniform(0, 1) < 0.35, torch.floor(uniform(1, 5.999)), torch.zeros(n, device=device))
    out[:, 37:40] = unit(torch.randn(n, 3, generator=generator, device=device))
    out[:, 40] = torch.exp(uniform(math.log(4), math.log(30)))
    out[:, 41:44] = palettes(n, generator)[:, 0]
    out[:, 44] = uniform(0.15, 1.0)
    out[:, 45] = uniform(0, 1) * chance(0.5)
    out[:, 46] = torch.floor(uniform(-3, 3))
    return out


def palettes(n: int, generator: torch.Generator) -> torch.Tensor:
    """[N, 3, 3]: three colours, a third of the time one and the same."""
    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator, device=generator.device) * (high - low) + low

    colours = uniform(0.03, 1.0, 3, 3)
    grey = colours.mean(2, keepdim=True)
    colours = grey + (colours - grey) * uniform(0.1, 1.5)[:, None, None]
    single = (uniform(0, 1) < 0.3)[:, None, None]
    return torch.where(single, colours[:, :1], colours).clamp(0.02, 1)


def parallel_lights(view: torch.Tensor, radius: float = 1.7) -> torch.Tensor:
    """Cameras [N, 15] that look along the light of each view."""
    light = view[:, 15:18]
    other = torch.where(light[:, 1:2].abs() < 0.9, light.new_tensor([[0.0, 1.0, 0.0]]), light.new_tensor([[1.0, 0.0, 0.0]]))
    right = torch.linalg.cross(other, light)
    right = right / right.norm(dim=1, keepdim=True)
    window = light.new_tensor([[0.0, 0.0, radius]]).expand(len(view), 3)
    return torch.cat([light * 4, right, torch.linalg.cross(light, right), -light, window], 1).contiguous()


def coloured(channels: torch.Tensor) -> torch.Tensor:
    """Renderings [N, s, s, CHANNELS] as plain pictures [N, s, s, 4] uint8, straight alpha."""
    x = channels.float() / 255
    rgb = (x[..., :3] * x[..., 3:4] * 2 + x[..., 4:5]).clamp(0, 1)
    return torch.cat([(rgb * 255).round().byte(), channels[..., 6:7]], -1)


def on_white(rgba: torch.Tensor) -> torch.Tensor:
    """[N, H, W, 4] uint8 -> [N, 3, H, W] float in [0, 1] over white."""
    x = rgba.permute(0, 3, 1, 2).float() / 255
    return x[:, :3] * x[:, 3:] + (1 - x[:, 3:])


def pooled(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)


@functools.cache
def cosines(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The 8 x 8 DCT and the luminance table of JPEG at quality 50, over 255."""
    k = torch.arange(8.0)
    basis = torch.cos(math.pi / 8 * (k[None] + 0.5) * k[:, None]) * 0.5
    basis[0] /= math.sqrt(2)
    table = (16 + 3.0 * (k[:, None] ** 1.4 + k[None] ** 1.4)).clamp(max=110) / 255
    return basis.to(device), table.to(device)


def jpeg(x: torch.Tensor, strength: torch.Tensor, basis: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Quantises 8 x 8 blocks of [N, 3, H, W]; `strength` [N, 1, 1, 1] scales the table, 0 is none."""
    n, c, h, w = x.shape
    padded = F.pad(x, (0, -w % 8, 0, -h % 8), mode="replicate")
    blocks = padded.view(n, c, padded.shape[2] // 8, 8, padded.shape[3] // 8, 8).transpose(3, 4)
    step = table * strength.view(n, 1, 1, 1, 1, 1) + 1e-3
    y = basis @ blocks @ basis.T
    y = (y / step).round() * step
    out = (basis.T @ y @ basis).transpose(3, 4).reshape(padded.shape)[..., :h, :w]
    return torch.where(strength > 0, out, x)


def augmented(channels: torch.Tensor, basis: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Training pictures [N, 3, H, W] in [0, 1] from renderings: style, colour, matte, ground, place, blur, JPEG, noise.

    `basis` and `table` are `cosines` of the device: made within a compiled function they would be copied from the host each time.
    """
    n, device = len(channels), channels.device
    x = channels.permute(0, 3, 1, 2).float() / 255
    colour, shade, shine, line, alpha = x[:, :3], x[:, 3:4] * 2, x[:, 4:5], x[:, 5:6], x[:, 6:7]

    def uniform(low, high, channels=1):
        return torch.rand(n, channels, 1, 1, device=device) * (high - low) + low

    # Style: lit (72 %), nearly flat, in two or three tones, drawn in lines.
    style = uniform(0, 1)
    flat = 1 + (shade - 0.7) * uniform(0, 0.3)
    levels = torch.floor(uniform(2, 3.99))
    toon = 0.55 + 0.55 * torch.floor(shade.clamp(0, 0.999) * levels) / (levels - 1)
    colour = torch.where(style > 0.95, 1 - (1 - colour) * uniform(0, 0.3), colour)
    light = torch.where(style < 0.72, shade, torch.where(style < 0.86, flat, torch.where(style < 0.95, toon, torch.ones_like(flat))))
    rgb = colour * light + torch.where(style < 0.72, shine, torch.zeros_like(shine))
    thick = torch.where(uniform(0, 1) < 0.5, F.max_pool2d(line, 3, 1, 1), line)
    ink = torch.where(style > 0.95, uniform(0.7, 1), uniform(0.3, 1) * (uniform(0, 1) < torch.where(style < 0.72, 0.04, 0.5)))
    rgb = rgb * (1 - thick * ink) + thick * ink * uniform(0, 0.25)
    # Colour: gain, white balance, offset, contrast, saturation.
    rgb = rgb * uniform(0.65, 1.35) * uniform(0.85, 1.15, 3) + uniform(-0.1, 0.1)
    middle = (rgb * alpha).sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp(min=1)
    rgb = middle + (rgb - middle) * uniform(0.7, 1.4)
    grey = rgb.mean(1, keepdim=True)
    rgb = (grey + (rgb - grey) * torch.where(uniform(0, 1) < 0.12, torch.zeros_like(grey), uniform(0.5, 1.3))).clamp(0, 1)
    # Matte: soft or too tight or too wide, with the old ground's colour in its fringe.
    ground, rough = uniform(0, 1, 3), uniform(0, 1) < 0.3
    soft = pooled(pooled(alpha))
    matte = torch.where(rough, ((soft - 0.5) * uniform(1, 4) + 0.5 + uniform(-0.3, 0.3)).clamp(0, 1), alpha)
    inner = pooled(rgb * alpha) / pooled(alpha).clamp(min=1e-3)
    rgb = torch.where(rough, torch.lerp(ground, torch.lerp(inner, rgb, alpha), alpha.clamp(min=0.3)), rgb)
    # Left on a ground: a plain, shaded or mottled square; else white.
    kept = uniform(0, 1) < 0.05
    u = torch.linspace(-1, 1, x.shape[-1], device=device)
    slope = ground + uniform(-0.3, 0.3, 3) * u[:, None] + uniform(-0.3, 0.3, 3) * u
    mottled = F.interpolate(torch.randn(n, 3, 9, 9, device=device), x.shape[-2:], mode="bilinear") * uniform(0, 0.25)
    behind = torch.where(kept, (slope + mottled).clamp(0, 1), torch.ones_like(slope))
    out = rgb * matte + behind * (1 - matte)
    # Place: the effect of a wrong matte on the centring.
    moved = uniform(0, 1) < 0.3
    scale = torch.where(kept, uniform(1.0, 1.5), torch.where(moved, uniform(0.94, 1.15), torch.ones_like(kept, dtype=out.dtype)))
    shift = torch.where(moved | kept, uniform(-0.05, 0.05, 2), torch.zeros(n, 2, 1, 1, device=device))
    gx = u.view(1, 1, -1) * scale.view(n, 1, 1) + shift[:, 0]
    gy = u.view(1, -1, 1) * scale.view(n, 1, 1) + shift[:, 1]
    grid = torch.stack(torch.broadcast_tensors(gx, gy), -1)
    out = F.grid_sample(out, grid, padding_mode="border", align_corners=True)
    square = (u.abs() < 0.85).float()
    square = square * square[:, None]
    out = torch.where(kept, out * square + 1 - square, out)
    # Blur, JPEG, noise.
    blurred = pooled(out)
    blurred = torch.where(uniform(0, 1) < 0.15, pooled(pooled(blurred)), blurred)
    out = torch.lerp(out, blurred, uniform(0, 1) * (uniform(0, 1) < 0.6))
    out = jpeg(out, uniform(0.1, 2) * (uniform(0, 1) < 0.2), basis, table)
    noise = uniform(0, 0.04) * (uniform(0, 1) < 0.35)
    return (out + torch.randn_like(out) * noise).clamp(0, 1)


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
