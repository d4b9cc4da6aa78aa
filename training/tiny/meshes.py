"""Shapes from triangle meshes: a library of objects, and posed, deformed, recoloured instances of them."""

import dataclasses
import json
import pathlib

import numpy as np
import torch

from tiny import families, native
from tiny.dataset import NO_FAMILY, Poses
from tiny.pictures import palettes, parallel_lights

# Larger faces are split, so that a face is either on the surface or inside, and quick to draw.
LONGEST_EDGE = 0.22
MOST_FACES = 8000
SHEET_HALF_THICKNESS = 0.012


def split_long(corners: torch.Tensor, labels: torch.Tensor, longest: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Halves faces [F, 3, 3] at their longest edge until none is longer; `labels` [F, ...] go with them."""
    while True:
        edges = (corners.roll(-1, 1) - corners).norm(dim=2)
        length, which = edges.max(1)
        long = length > longest
        if not long.any():
            return corners, labels
        order = (which[long, None] + torch.arange(3, device=corners.device)) % 3
        a, b, c = corners[long].gather(1, order[..., None].expand(-1, -1, 3)).unbind(1)
        middle = (a + b) / 2
        halves = torch.stack([torch.stack([a, middle, c], 1), torch.stack([middle, b, c], 1)], 1).flatten(0, 1)
        corners = torch.cat([corners[~long], halves])
        labels = torch.cat([labels[~long], labels[long].repeat_interleave(2, 0)])


@dataclasses.dataclass
class Library:
    """N objects, normalised; face f of object n is row offsets[n] + f."""

    corners: torch.Tensor  # [F, 3, 3]
    colours: torch.Tensor  # [F, 4] uint8: sRGB, slot
    sides: torch.Tensor  # [F] uint8, see native.mesh_sides
    vertices: torch.Tensor  # [F, 3] number of the joined vertex of each corner, within the library
    offsets: torch.Tensor  # [N + 1]
    family: torch.Tensor  # [N]
    names: list[str]

    def __len__(self):
        return len(self.names)

    @classmethod
    def build(cls, soups: list[tuple[np.ndarray, np.ndarray]], family: list[int], names: list[str], device) -> "Library":
        """From (corners [f, 3, 3], colours [f, 3] uint8) of every object."""
        owner = torch.from_numpy(np.repeat(np.arange(len(soups)), [len(c) for c, _ in soups])).to(device)
        corners = torch.from_numpy(np.concatenate([c for c, _ in soups]).astype(np.float32)).to(device)
        rgb = torch.from_numpy(np.concatenate([c for _, c in soups])).to(device)
        slot = (rgb.long() * torch.tensor([7, 13, 29], device=device)).sum(1) // 64 % 3
        labels = torch.cat([owner[:, None], rgb.long(), slot[:, None]], 1)
        corners, labels = split_long(corners, labels, LONGEST_EDGE)
        order = labels[:, 0].argsort(stable=True)
        corners, labels = corners[order].contiguous(), labels[order]
        counts = torch.bincount(labels[:, 0], minlength=len(soups))
        offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        place = ((corners + 1.1) * 3600).round().long().clamp(0, 8191)
        key = ((labels[:, :1] * 8192 + place[..., 0]) * 8192 + place[..., 1]) * 8192 + place[..., 2]
        vertices = key.unique(return_inverse=True)[1]
        sides = native.mesh_sides(corners.view(-1, 9), offsets)
        return cls(corners, labels[:, 1:].byte(), sides, vertices, offsets, torch.tensor(family, device=device), names)

    @classmethod
    def concatenated(cls, a: "Library", b: "Library") -> "Library":
        return cls(torch.cat([a.corners, b.corners]), torch.cat([a.colours, b.colours]), torch.cat([a.sides, b.sides]),
                   torch.cat([a.vertices, b.vertices + a.vertices.max() + 1]), torch.cat([a.offsets, b.offsets[1:] + a.offsets[-1]]),
                   torch.cat([a.family, b.family]), a.names + b.names)

    @classmethod
    def cc0(cls, folder: pathlib.Path, device, wanted) -> "Library":
        """Objects of a folder with `meshes.npz` and `index.json` whose record `wanted` accepts."""
        index = json.loads((folder / "index.json").read_text())
        arrays = dict(np.load(folder / "meshes.npz"))
        soups, family, names = [], [], []
        for n, record in enumerate(index["objects"]):
            v, f = (slice(*arrays[name][n:n + 2]) for name in ("vertex_offsets", "face_offsets"))
            if not wanted(record) or f.stop - f.start > MOST_FACES:
                continue
            points = arrays["vertices"][v].astype(np.float32) / index["scale"]
            soups.append((points[arrays["faces"][f].astype(int)], arrays["face_colors"][f]))
            family.append(families.NAMES.index(record["family"]) if record["family"] in families.NAMES else NO_FAMILY)
            names.append(record["name"])
        return cls.build(soups, family, names, device)


@dataclasses.dataclass
class MeshShapes:
    """Instances of a library's objects, posed (see dataset.Shapes)."""

    corners: torch.Tensor  # [F, 9]
    normals: torch.Tensor  # [F, 9]
    colours: torch.Tensor
    sides: torch.Tensor
    offsets: torch.Tensor
    family: torch.Tensor
    azimuth: torch.Tensor
    surface: torch.Tensor

    def __len__(self):
        return len(self.family)

    @property
    def device(self):
        return self.corners.device

    def distances(self, ids: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return native.mesh_distances(self.corners, self.sides, self.offsets, points.contiguous(), ids)

    def render(self, view: torch.Tensor, size: int, samples: int = 2) -> torch.Tensor:
        # The depth maps of fine pictures are large.
        at_once = max(1, 128 * 252**2 // (size * samples) ** 2)
        return torch.cat([
            native.mesh_pictures(self.corners, self.normals, self.colours, self.offsets, part.contiguous(), parallel_lights(part), size, samples)
            for part in view.split(at_once * 8)])


def instances(library: Library, ids: torch.Tensor, poses: Poses, points: int, generator: torch.Generator,
              recoloured: float = 0.0, half: float = 0.95) -> MeshShapes:
    """The objects `ids` in `poses`, each with `points` surface samples; a share is `recoloured`."""
    device, n = library.corners.device, len(ids)
    counts = library.offsets.diff()[ids]
    offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    owner = torch.repeat_interleave(counts)
    rows = torch.arange(len(owner), device=device) - offsets[owner] + library.offsets[ids][owner]
    corners = posed(library.corners[rows], owner, poses)
    # Fitted to the box by all faces: inner faces do not reach beyond the surface.
    index = owner[:, None].expand(-1, 3)
    low = torch.full((n, 3), 9.0, device=device).scatter_reduce_(0, index, corners.amin(1), "amin")
    high = torch.full((n, 3), -9.0, device=device).scatter_reduce_(0, index, corners.amax(1), "amax")
    scale = half / ((high - low).amax(1) / 2).clamp(min=1e-3)
    corners = (corners - ((low + high) / 2)[owner, None]) * scale[owner, None, None]

    flat = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    vertex = (library.vertices[rows] + owner[:, None] * (int(library.vertices.max()) + 1)).unique(return_inverse=True)[1]
    sums = torch.zeros(int(vertex.max()) + 1, 3, device=device).index_add_(0, vertex.flatten(), flat.repeat_interleave(3, 0))
    unit = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-12)
    smooth = torch.nn.functional.normalize(sums, dim=1)[vertex]
    # A crease of more than 50 degrees stays sharp.
    smooth = torch.where((smooth * unit[:, None]).sum(2, keepdim=True) > 0.64, smooth, unit[:, None])

    sides = library.sides[rows]
    surface = sampled(corners, unit, flat.norm(dim=1), sides, owner, offsets, points, generator)
    colours = library.colours[rows]
    if recoloured:
        colours = repainted(colours, owner, n, recoloured, generator)
    return MeshShapes(corners.flatten(1).contiguous(), smooth.flatten(1).contiguous(), colours.contiguous(), sides.contiguous(),
                      offsets, library.family[ids], poses.seen(), surface.half() if surface.is_cuda else surface)


def posed(corners: torch.Tensor, owner: torch.Tensor, poses: Poses) -> torch.Tensor:
    """Faces [F, 3, 3] of the shapes `owner` [F], deformed, mirrored and turned."""
    def of(values):
        return values[owner][:, None]

    # The steps of field.h's `shape_point`, undone in the opposite order.
    x, y, z = corners.unbind(2)
    x = x - of(poses.bend) * y * y
    y = y / of(poses.stretch[:, 1])
    c, s = (of(poses.twist) * y).cos(), (of(poses.twist) * y).sin()
    x, z = c * x + s * z, -s * x + c * z
    wide = (1 + of(poses.taper) * y.clamp(-1.5, 1.5)).clamp(min=0.3)
    x, z = x / (wide * of(poses.stretch[:, 0])), z / (wide * of(poses.stretch[:, 2]))
    c, s = of(poses.azimuth.cos()), -of(poses.azimuth.sin())
    x, z = c * x + s * z, -s * x + c * z
    out = torch.stack([x * of(poses.mirrored), y, z], 2)
    # A mirrored face must keep its front.
    return torch.where((poses.mirrored[owner] < 0)[:, None, None], out.flip(1), out)


def sampled(corners, unit, area, sides, owner, offsets, points: int, generator) -> torch.Tensor:
    """[N, points, 6]: points uniform by area over what is surface, with outward normals."""
    device, n = corners.device, len(offsets) - 1
    sheet = sides == 2
    weight = torch.where(sides == 0, 0.0, torch.where(sheet, 2.0, 1.0)).double() * area.double() + 1e-12
    cumulative = torch.nn.functional.pad(weight.cumsum(0), (1, 0))
    start, end = cumulative[offsets[:-1]], cumulative[offsets[1:]]
    aim = start[:, None] + (end - start)[:, None] * torch.rand(n, points, generator=generator, device=device, dtype=torch.float64)
    face = (torch.searchsorted(cumulative, aim.flatten(), right=True) - 1).view(n, points)
    face = torch.minimum(torch.maximum(face, offsets[:-1, None]), offsets[1:, None] - 1)
    u, v = torch.rand(2, n, points, 1, generator=generator, device=device)
    u, v = torch.where(u + v > 1, 1 - u, u), torch.where(u + v > 1, 1 - v, v)
    a, b, c = corners[face].unbind(2)
    normal = unit[face] * torch.where(sides[face] == 3, -1.0, 1.0)[..., None]
    is_sheet = sheet[face][..., None]
    either = torch.where(torch.rand(n, points, 1, generator=generator, device=device) < 0.5, -1.0, 1.0)
    normal = torch.where(is_sheet, normal * either, normal)
    place = a + (b - a) * u + (c - a) * v + torch.where(is_sheet, normal * SHEET_HALF_THICKNESS, torch.zeros_like(normal))
    return torch.cat([place, normal], 2)


def repainted(colours: torch.Tensor, owner: torch.Tensor, n: int, share: float, generator) -> torch.Tensor:
    """Other colours for a share of the shapes: channels exchanged and weighted, or a palette by slot."""
    device = colours.device

    def uniform(*shape):
        return torch.rand(n, *shape, generator=generator, device=device)

    order = uniform(3).argsort(1)[owner]
    rgb = colours[:, :3].float().gather(1, order) * (0.6 + 0.8 * uniform(3))[owner]
    palette = palettes(n, generator)[owner, colours[:, 3].long()] * 255
    pick = uniform()[owner, None]
    rgb = torch.where(pick < share * 0.6, rgb, torch.where(pick < share, palette, colours[:, :3].float()))
    return torch.cat([rgb.clamp(0, 255).byte(), colours[:, 3:]], 1)
