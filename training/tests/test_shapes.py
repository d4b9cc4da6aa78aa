"""The generator: every family, its distances, samples and pictures."""

import numpy as np
import pytest
import torch

from tiny import families, heldout, metrics, native, pictures
from tiny.dataset import HELD_OUT_SEED, cell_centres, photograph, shapes
from tiny.stock import FRONTLESS

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def some():
    return shapes(0, 2048, 123, CPU, per_family=2)


def test_every_family_is_drawn():
    numbers = families.counts(1000)
    assert numbers.sum() == 1000
    assert (numbers > 0).all()
    assert len(families.NAMES) >= 36


def test_seeds_decide():
    a, b, c = (families.generate(54, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_samples_lie_on_the_surface_and_fill_the_box(some):
    points, normals = some.surface[..., :3], some.surface[..., 3:]
    distance = some.distances(torch.arange(len(some)), points.contiguous())
    assert distance.abs().max() < 1e-3
    assert torch.allclose(normals.norm(dim=-1), torch.ones(()), atol=1e-3)
    # Fitted to the true surface: what a subtraction took away does not count.
    low, high = points.amin(1), points.amax(1)
    assert (low + high).abs().max() < 1e-3
    assert torch.allclose((high - low).amax(1), torch.tensor(1.9), atol=1e-3)


def test_normals_point_outward(some):
    ids = torch.arange(len(some))
    outside = some.distances(ids, (some.surface[..., :3] + 0.004 * some.surface[..., 3:]).contiguous())
    assert (outside > 0).float().mean() > 0.98


def test_the_box_is_empty_at_its_boundary(some):
    axis = torch.linspace(-1.01, 1.01, 21)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    rim = grid[grid.abs().amax(1) > 1.0].contiguous()
    # The box is that of the samples: a thin tip between them may stand out by a little.
    assert (some.distances(torch.arange(len(some)), rim) > 0).all()


def test_skipping_distant_parts_does_not_change_the_distance(some):
    """The early exit of the distance must not change the sign, nor the near field of the named families.

    Random compositions have very flat ellipsoids, whose first-order distance is too small far away; there the early
    exit is more exact.
    """
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with_reach = some.distances(torch.arange(len(some)), points)
    records = some.records.clone()
    records[:, :, 7] = 1e3
    without = native.distances(records, some.frames, points)
    assert ((with_reach < 0) == (without < 0)).all()
    near = (with_reach.abs() < 0.06) | (without.abs() < 0.06)
    named = (some.family < FRONTLESS)[:, None]
    assert ((with_reach - without).abs() * near * named).max() < 0.02


def test_pictures_are_framed(some):
    generator = torch.Generator().manual_seed(5)
    cameras = pictures.Cameras.training(2 * len(some), generator)
    pool = photograph(some, cameras, 64, generator, border=(0.15, 0.15))
    alpha = pool.channels[..., 6] > 0
    rows, columns = alpha.any(2).sum(1), alpha.any(1).sum(1)
    longest = torch.maximum(rows, columns).float() / 64
    assert longest.min() > 0.8 and longest.max() < 0.99
    assert pool.camera.shape == (len(pool.shape), 3)


def test_held_out_sets_survive_a_round_trip(tmp_path):
    held = heldout.make(1, "narrow", CPU, points=64, size=32).take([0, 5, 9])
    heldout.write(tmp_path, held, "narrow")
    again = heldout.read(tmp_path)
    assert torch.equal(again.occupancy, held.occupancy)
    assert torch.equal(again.rgba, held.rgba)
    assert (again.surface - held.surface).abs().max() < 1e-3
    assert held.occupancy.sum(1).min() > 0


def test_the_kept_sample_is_what_the_generator_makes():
    """Occupancies of training/sample against the generator, up to rounding at the surface."""
    import pathlib

    kept = heldout.read(pathlib.Path(__file__).parent.parent / "sample/narrow")
    held = shapes(0, 4096, HELD_OUT_SEED, CPU, per_family=1)
    cells = cell_centres(metrics.OCCUPANCY_CELLS, CPU)
    truth = torch.cat([held.distances(kept.family[i:i + 1], cells) < 0 for i in range(len(kept))])
    assert (truth != kept.occupancy).float().mean() < 1e-4
