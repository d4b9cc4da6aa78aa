"""The training data of the denoiser: pictures and latents of shapes, on the training device, renewed part by part.

Shapes are cheap to draw, so a run need not see one often: a part of the stock is replaced every now and then, in place (a
captured training step keeps reading the same memory).
"""

import dataclasses

import torch

from tiny import families, native, train_vae
from tiny.dataset import COARSE, HELD_OUT_SEED, Poses, coarse_occupancy, photograph, shapes
from tiny.families import compositions
from tiny.meshes import Library, instances
from tiny.pictures import Cameras

# Every run seed has this many seeds for its parts.
SEEDS = 1000
# The share of deformed shapes, of the generator and of meshes.
DEFORMED = (0.25, 0.6)
# The first generator family without a front.
FRONTLESS = len(families.NAMES) - len(compositions.FAMILIES)


@dataclasses.dataclass
class World:
    """Where shapes come from: the generator and a library of meshes."""

    library: Library | None
    # The share of mesh instances.
    meshes: float = 0.45
    # How often objects of the library are drawn, [N]; evenly by default.
    weights: torch.Tensor | None = None

    def draw(self, total: int, points: int, seed: int, device) -> list:
        """About `total` shapes in random poses, a list of batches (dataset.Shapes, meshes.MeshShapes)."""
        generator = torch.Generator(device).manual_seed(seed)
        of_library = int(total * self.meshes) if self.library else 0

        def poses(n, deformed):
            return Poses.training(Cameras.training(n, generator).azimuth, generator, deformed)

        drawn = shapes(total - of_library, points, seed, device, poses=lambda n: poses(n, DEFORMED[0]))
        drawn.azimuth[drawn.family >= FRONTLESS] = torch.nan
        out = [drawn]
        for start in range(0, of_library, 4000):
            n = min(4000, of_library - start)
            if self.weights is None:
                ids = torch.randint(len(self.library), (n,), generator=generator, device=device)
            else:
                ids = torch.multinomial(self.weights, n, replacement=True, generator=generator)
            out.append(instances(self.library, ids, poses(n, DEFORMED[1]), points, generator, recoloured=0.6))
        return out


class Stock:
    """`parts` times `per_part` shapes, each with `views` pictures from one azimuth.

    Picture i shows shape `shape[i]` from `camera[i]`; `latents` are normalised means without the code channels. An azimuth is
    not a number where the shape has no front.
    """

    def __init__(self, encoder, normaliser, world: World, *, parts: int, per_part: int, views: int, size: int, seed: int, device,
                 scale: int = 1):
        assert 0 <= seed and (seed + 1) * SEEDS <= HELD_OUT_SEED
        self.encoder, self.normaliser, self.world, self.size, self.seed, self.scale = encoder, normaliser, world, size, seed, scale
        self.parts, self.per_part, self.views, self.filled = parts, per_part, views, 0
        n, pictures = parts * per_part, parts * per_part * views
        channels = len(normaliser.mean)
        self.latents = torch.empty(n, len(encoder.codes), channels, device=device, dtype=torch.float16)
        self.occupancy = torch.empty(n, COARSE**3, device=device, dtype=torch.bool)
        self.family = torch.empty(n, device=device, dtype=torch.long)
        self.channels = torch.empty(pictures, size, size, native.CHANNELS, device=device, dtype=torch.uint8)
        self.camera = torch.empty(pictures, 3, device=device)
        self.shape = torch.arange(n, device=device).repeat_interleave(views)
        for _ in range(parts):
            self.renew()

    def __len__(self):
        return len(self.shape)

    @torch.no_grad()
    def renew(self):
        """Replaces the oldest part."""
        assert self.filled < SEEDS
        seed, device = self.seed * SEEDS + self.filled, self.latents.device
        generator = torch.Generator(device).manual_seed(seed + 7)
        first = self.filled % self.parts * self.per_part
        for drawn in self.world.draw(self.per_part, train_vae.INPUT_POINTS // self.scale, seed, device):
            rows = slice(first, first + len(drawn))
            pictures = slice(rows.start * self.views, rows.stop * self.views)
            self.latents[rows] = self.normaliser.apply(train_vae.encode_all(self.encoder, drawn, self.scale)).half()
            self.occupancy[rows] = coarse_occupancy(drawn)
            self.family[rows] = drawn.family
            cameras = Cameras.training(len(drawn) * self.views, generator)
            cameras.azimuth = drawn.azimuth.repeat_interleave(self.views)
            photos = photograph(drawn, cameras, self.size, generator)
            self.channels[pictures], self.camera[pictures] = photos.channels, photos.camera
            first = rows.stop
        self.filled += 1
        if device.type == "cuda":
            # So that the caller can measure the time.
            torch.cuda.synchronize()
