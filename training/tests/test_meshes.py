"""Triangle meshes: what is inside, what is surface, and that they are posed and drawn as the generator's shapes are."""

import math

import numpy as np
import pytest
import torch

from tiny import native, pictures, sculpt
from tiny.dataset import NO_FAMILY, Poses, Shapes, photograph
from tiny.families.parts import Parts
from tiny.meshes import LONGEST_EDGE, Library, instances

CPU = torch.device("cpu")
# Two boxes that run through each other: centres and half extents.
BOXES = (((0.0, -0.2, 0.1), (0.9, 0.25, 0.3)), ((0.5, 0.25, 0.0), (0.2, 0.7, 0.15)))


def box_faces(centre, half) -> np.ndarray:
    rims = [np.array([[-1, y, -1], [1, y, -1], [1, y, 1], [-1, y, 1]], float) for y in (-1, 1)]
    faces = np.concatenate([sculpt.grid_faces(np.stack(rims)), sculpt.fan(rims[0])[:, ::-1], sculpt.fan(rims[1])])
    return sculpt.outward(faces) * half + centre


def library() -> Library:
    corners = np.concatenate([box_faces(*b) for b in BOXES])
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    corners = (corners - (low + high) / 2) * (0.95 / ((high - low).max() / 2))
    colours = np.repeat(np.array([[200, 40, 40], [40, 40, 200]], np.uint8), 12 if len(corners) == 24 else len(corners) // 2, 0)
    return Library.build([(corners, colours)], [NO_FAMILY], ["boxes"], CPU)


def generated(poses: Poses) -> Shapes:
    """The same two boxes as primitives."""
    parts = Parts(len(poses.azimuth), np.random.default_rng(0))
    for centre, half in BOXES:
        parts.box(centre, half)
    records, frames = torch.from_numpy(parts.records), torch.zeros(parts.n, native.FRAME)
    frames[:, native.PARTS] = parts.used
    poses.write(frames)
    native.bounds(records, frames)
    found, missing = native.surface(records, frames, 4096, 1)
    assert not len(missing)
    surface = native.normalise(frames, found)
    return Shapes(records, frames, torch.zeros(parts.n, dtype=torch.long), poses.seen(), surface)


def poses(n: int, deformed: float) -> Poses:
    generator = torch.Generator().manual_seed(4)
    return Poses.training(torch.linspace(-3, 3, n), generator, deformed)


def test_faces_inside_are_no_surface_and_long_ones_are_split():
    lib = library()
    edges = (lib.corners.roll(-1, 1) - lib.corners).norm(dim=2)
    assert edges.max() <= LONGEST_EDGE
    counts = torch.bincount(lib.sides, minlength=4)
    assert counts[0] > 0 and counts[1] > 0 and counts[2] == counts[3] == 0


def test_a_mesh_turned_inside_out_has_turned_faces_only_where_it_is_closed():
    lib = library()
    sheet = lib.corners[:8].flatten(1).contiguous()
    offsets = torch.tensor([0, len(sheet)])
    assert (native.mesh_sides(sheet, offsets) == 2).all()
    distance = native.mesh_distances(sheet, torch.full((len(sheet),), 2, dtype=torch.uint8), offsets, sheet[None, :, :3].contiguous())
    assert (distance < 0).all()


@pytest.mark.parametrize("deformed", [0.0, 1.0])
def test_meshes_and_primitives_stand_alike(deformed):
    pose = poses(6, deformed)
    generator = torch.Generator().manual_seed(1)
    mesh, primitives = instances(library(), torch.zeros(6, dtype=torch.long), pose, 1024, generator), generated(pose)
    points = torch.rand(4000, 3, generator=generator) * 2 - 1
    ids = torch.arange(6)
    a, b = mesh.distances(ids, points), primitives.distances(ids, points)
    # Faces that are bent stay flat pieces.
    clear = torch.minimum(a.abs(), b.abs()) > (0.005 if deformed == 0 else 0.02)
    assert clear.float().mean() > 0.7
    assert ((a < 0) == (b < 0))[clear].float().mean() > 0.998
    on_surface = mesh.distances(ids, mesh.surface[..., :3].contiguous())
    assert on_surface.abs().max() < 2e-3
    outside = mesh.distances(ids, (mesh.surface[..., :3] + 0.01 * mesh.surface[..., 3:]).contiguous())
    assert (outside > 0).float().mean() > 0.95


@pytest.mark.parametrize("make", ["mesh", "primitives"])
def test_a_mirrored_shape_gives_the_mirrored_picture(make):
    pose = Poses.plain(torch.tensor([0.7, 0.7]))
    pose.mirrored[1] = -1
    generator = torch.Generator().manual_seed(1)
    shape = instances(library(), torch.zeros(2, dtype=torch.long), pose, 3072, generator) if make == "mesh" else generated(pose)
    cameras = pictures.Cameras(pose.azimuth, torch.full((2,), 0.3), torch.full((2,), math.radians(40)))
    alpha = photograph(shape, cameras, 64, generator, border=(0.15, 0.15)).channels[..., 6].float() / 255
    assert (alpha[0] - alpha[1].flip(1)).abs().mean() < 0.02
    assert (alpha[0] - alpha[1]).abs().mean() > 0.05


def test_meshes_and_primitives_are_drawn_alike():
    pose = poses(4, 0.0)
    generator = torch.Generator().manual_seed(1)
    cameras = pictures.Cameras.training(4, generator)
    drawn = [photograph(shape, cameras, 64, torch.Generator().manual_seed(2), border=(0.15, 0.15)).channels[..., 6].float() / 255
             for shape in (instances(library(), torch.zeros(4, dtype=torch.long), pose, 3072, generator), generated(pose))]
    assert (drawn[0] - drawn[1]).abs().mean() < 0.02


def test_sculptures_are_closed_and_fit_the_box():
    for corners, colours in sculpt.sculptures(8, 3, 1):
        assert len(corners) == len(colours) and np.isfinite(corners).all()
        assert abs(np.abs(corners).max() - 0.95) < 1e-3
        # Closed: the area vectors of all faces add up to zero.
        area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(0)
        assert np.abs(area).max() < 1e-3


def test_augmented_pictures_are_pictures():
    channels = torch.randint(0, 256, (16, 42, 42, native.CHANNELS), generator=torch.Generator().manual_seed(0)).byte()
    torch.manual_seed(0)
    out = pictures.augmented(channels, *pictures.cosines(CPU))
    assert out.shape == (16, 3, 42, 42) and out.isfinite().all()
    assert out.min() >= 0 and out.max() <= 1
