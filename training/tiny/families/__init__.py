"""The kinds of shapes, and how many of each are drawn."""

import numpy as np

from tiny.families import compositions, furniture, scenes, solids
from tiny.families.parts import Parts
from tiny.native import COSINE, FRAME, MIRRORED, PARTS, SLOPE, STRETCH

FAMILIES = {**solids.FAMILIES, **furniture.FAMILIES, **scenes.FAMILIES, **compositions.FAMILIES}
NAMES = list(FAMILIES)
# Weights of kinds in the draw, 1 for the others: more for kinds with a low score, less for kinds with a high one.
WEIGHTS = {
    name: weight for weight, names in (
        (0.4, "cylinder cone torus capsule"),
        (0.7, "dumbbell snowman tree mushroom icecream rocket key sofa cabinet vase bottle teapot monitor bus train"),
        (1.3, "boat fish person"),
        (1.6, "star stool"),
        (2.0, "plane helicopter dog"),
        (2.2, "cross gear table bench ladder mug shelf furniture"),
        (2.6, "chair"),
        (3.0, "blob turned frame plant"),
        (6.0, "assembly carved"),
    ) for name in names.split()
}


def counts(total: int) -> np.ndarray:
    """How many of `total` shapes fall to each family, by weight; every family gets at least one when total allows."""
    weights = np.array([WEIGHTS.get(name, 1.0) for name in NAMES])
    exact = np.cumsum(weights / weights.sum() * total)
    return np.diff(np.floor(exact + 0.5).astype(int), prepend=0)


def generate(total: int, seed: int, per_family: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records, frames (not yet normalised) and family numbers of `total` shapes, or of `per_family` of every family.

    The random stream of a family depends on `seed` and the family alone, so a held-out set is a seed never trained on.
    """
    numbers = counts(total) if per_family is None else np.full(len(NAMES), per_family)
    records, frames, family = [], [], []
    for index, (name, n) in enumerate(zip(NAMES, numbers)):
        if n == 0:
            continue
        parts = Parts(int(n), np.random.default_rng([seed, index]))
        FAMILIES[name](parts)
        frame = np.zeros((n, FRAME), np.float32)
        frame[:, PARTS] = parts.used
        # As drawn: not turned, not mirrored, not deformed.
        for column in (COSINE, MIRRORED, STRETCH, SLOPE):
            frame[:, column] = 1
        records.append(parts.records)
        frames.append(frame)
        family.append(np.full(n, index))
    return np.concatenate(records), np.concatenate(frames), np.concatenate(family)
