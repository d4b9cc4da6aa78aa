"""Writes shapes: n shapes of one family at a time, every argument a number or an array of n numbers.

A shape is a list of primitives in shape space: y up, front towards +z. The columns are those of `native/field.h`.
"""

import numpy as np

from tiny.native import MAX_PARTS, RECORD

BOX, CONE, ARC, ELLIPSOID, STAR, FRUSTUM, CAPSULE = range(1, 8)
UNION, SMOOTH, SUBTRACT, INTERSECT = range(4)
# Columns of a record.
TYPE, OP, BLEND, COLOUR, CENTRE = range(5)
REACH, FOLDS, MIRROR, RING, ROW_COUNT, ROW_STEP, ROW_AXIS, SIZE = range(7, 15)
ROTATION = 22


def reach(kind: int, a: np.ndarray) -> np.ndarray:
    """Radius of a ball about the centre of a primitive that holds it; a [n, 8] are its sizes.

    Generous where the distance is not exact (depth-scaled cones, ellipsoids): such parts must not be skipped too early.
    """
    if kind == BOX:
        return np.linalg.norm(a[:, :3], axis=1)
    if kind == CONE:
        wide = np.maximum(a[:, 1], a[:, 2]) * np.maximum(a[:, 3], 1)
        return np.hypot(a[:, 0], wide)
    if kind == ARC:
        return a[:, 0] + a[:, 1]
    if kind == ELLIPSOID:
        return a[:, :3].max(1)
    if kind == STAR:
        return np.hypot(a[:, 0], a[:, 3])
    if kind == FRUSTUM:
        return np.sqrt(a[:, 0] ** 2 + np.maximum(a[:, 1], a[:, 3]) ** 2 + np.maximum(a[:, 2], a[:, 4]) ** 2)
    return a[:, 2] / 2 + np.maximum(a[:, 0], a[:, 1])


def rotation(x=0.0, y=0.0, z=0.0, n=None) -> np.ndarray:
    """World-to-local matrices [n, 3, 3] of a part turned by the angles (radians) about x, then y, then z."""
    n = n or max(np.size(v) for v in (x, y, z))
    matrix = np.broadcast_to(np.eye(3), (n, 3, 3))
    for angle, (i, j) in ((x, (1, 2)), (y, (2, 0)), (z, (0, 1))):
        turn = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
        c, s = np.broadcast_to(np.cos(angle), n), np.broadcast_to(np.sin(angle), n)
        turn[:, i, i], turn[:, j, j], turn[:, i, j], turn[:, j, i] = c, c, -s, s
        matrix = turn @ matrix
    return np.swapaxes(matrix, 1, 2)


class Parts:
    """The records of `n` shapes of one family, filled part by part; `random` draws one value per shape."""

    def __init__(self, n: int, rng: np.random.Generator):
        self.n, self.rng, self.used = n, rng, 0
        self.records = np.zeros((n, MAX_PARTS, RECORD), np.float32)

    # Random choices, one per shape.
    def uniform(self, low, high):
        return self.rng.uniform(low, high, self.n)

    def integer(self, low: int, high: int):
        """Whole numbers from low to high, both included."""
        return self.rng.integers(low, high + 1, self.n)

    def chance(self, p: float):
        return self.rng.random(self.n) < p

    def add(self, kind, centre, size, *, turn=None, op=UNION, blend=0.0, colour=0, only=None, mirror="", ring=0, row=None):
        """Adds a primitive to all shapes, or where `only` holds.

        `size`: as in field.h. `turn`: angles (x, y, z) or world-to-local matrices. `mirror`: "x", "z" or "xz".
        `ring`: copies about the y axis (the part stands at +x). `row`: (axis, copies, step) centred on the part.
        """
        assert self.used < MAX_PARTS, "too many parts"
        slot = self.records[:, self.used]
        self.used += 1
        slot[:, TYPE] = kind
        if only is not None:
            slot[:, TYPE] *= np.asarray(only, bool)
        slot[:, OP], slot[:, BLEND], slot[:, COLOUR] = op, np.maximum(blend, 1e-4), colour
        for axis in range(3):
            slot[:, CENTRE + axis] = centre[axis]
        slot[:, MIRROR], slot[:, RING] = ("x" in mirror) + 2 * ("z" in mirror), ring
        if row is not None:
            slot[:, ROW_AXIS], slot[:, ROW_COUNT], slot[:, ROW_STEP] = row
        slot[:, FOLDS] = (slot[:, MIRROR] > 0) | (slot[:, RING] > 1) | (slot[:, ROW_COUNT] > 1)
        for index, value in enumerate(size):
            slot[:, SIZE + index] = value
        slot[:, REACH] = reach(kind, slot[:, SIZE:SIZE + 8])
        matrix = turn if isinstance(turn, np.ndarray) else rotation(*(turn or (0, 0, 0)), n=self.n)
        slot[:, ROTATION:ROTATION + 9] = matrix.reshape(self.n, 9)

    # Primitives by name. Sizes are half extents and radii.
    def box(self, centre, half, edge=0.0, **more):
        smallest = np.minimum(np.minimum(half[0], half[1]), half[2])
        self.add(BOX, centre, (*half, np.minimum(edge, 0.95 * smallest)), **more)

    def cone(self, centre, half_height, lower, upper, depth=1.0, edge=0.0, **more):
        edge = np.minimum(edge, 0.9 * np.minimum(half_height, np.minimum(lower, upper)))
        self.add(CONE, centre, (half_height, lower, upper, depth, edge), **more)

    def cylinder(self, centre, half_height, radius, **more):
        self.cone(centre, half_height, radius, radius, **more)

    def disc(self, centre, half_width, radius, axis="x", **more):
        """A cylinder whose axis is x or z: a wheel."""
        turn = (0, 0, np.pi / 2) if axis == "x" else (np.pi / 2, 0, 0)
        self.cone(centre, half_width, radius, radius, turn=turn, **more)

    def ball(self, centre, radius, **more):
        self.add(ELLIPSOID, centre, (radius, radius, radius), **more)

    def ellipsoid(self, centre, radii, **more):
        self.add(ELLIPSOID, centre, radii, **more)

    def arc(self, centre, radius, tube, angle=np.pi, **more):
        """A ring in the xy plane, or the arc of half angle `angle` about +y."""
        self.add(ARC, centre, (radius, tube, angle), **more)

    def star(self, centre, radius, points, sharpness, half_depth, **more):
        self.add(STAR, centre, (radius, points, sharpness, half_depth), **more)

    def frustum(self, centre, half_height, lower, upper, **more):
        """A box whose lower and upper half sizes (x, z) differ."""
        self.add(FRUSTUM, centre, (half_height, *lower, *upper), **more)

    def limb(self, start, end, r0, r1=None, **more):
        """A rounded bar between two points."""
        a = np.stack([np.broadcast_to(v, self.n) for v in start], 1).astype(float)
        b = np.stack([np.broadcast_to(v, self.n) for v in end], 1).astype(float)
        length = np.maximum(np.linalg.norm(b - a, axis=1), 1e-3)
        r1 = r0 if r1 is None else r1
        self.add(CAPSULE, ((a + b) / 2).T, (r0, r1, length), turn=self._along((b - a) / length[:, None]), **more)

    def rod(self, start, end, r0, r1=None, **more):
        """A bar with flat ends between two points."""
        a = np.stack([np.broadcast_to(v, self.n) for v in start], 1).astype(float)
        b = np.stack([np.broadcast_to(v, self.n) for v in end], 1).astype(float)
        length = np.maximum(np.linalg.norm(b - a, axis=1), 1e-3)
        r1 = r0 if r1 is None else r1
        self.add(CONE, ((a + b) / 2).T, (length / 2, r0, r1, 1.0, 0.0), turn=self._along((b - a) / length[:, None]), **more)

    @staticmethod
    def _along(axis: np.ndarray) -> np.ndarray:
        """World-to-local matrices whose y axis is `axis`."""
        side = np.where(np.abs(axis[:, 2:]) < 0.9, np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]))
        x = np.cross(axis, side)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        return np.stack([x, axis, np.cross(x, axis)], 1)
