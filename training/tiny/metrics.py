"""How close a predicted field is to the true shape."""

import torch

OCCUPANCY_CELLS = 64
F_DISTANCE = 0.05


def iou(inside: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """[B] volumetric IoU of two occupancies [B, cells]."""
    return (inside & truth).sum(1) / (inside | truth).sum(1).clamp(min=1)


def crossings(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Zero crossings on the edges of a grid [R, R, R] over [low, high]^3: the vertices of marching cubes, [V, 3]."""
    n = values.shape[0]
    step = (high - low) / (n - 1)
    found = []
    for axis in range(3):
        a, b = values.narrow(axis, 0, n - 1), values.narrow(axis, 1, n - 1)
        at = torch.nonzero(((a > 0) != (b > 0)) & ~a.isnan() & ~b.isnan())
        va, vb = a[tuple(at.T)], b[tuple(at.T)]
        points = at.float()
        points[:, axis] += va / (va - vb)
        found.append(points * step + low)
    return torch.cat(found)


def _nearest(of: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    # Differences, not a matrix product: in reduced precision the error of a product is as large as the distances.
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cat([torch.cdist(part, among, compute_mode=exact).amin(1) for part in of.split(4096)])


def surface_distance(ours: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """F-score at 0.05 and symmetric Chamfer distance (mean of the two mean distances) of two point sets."""
    if len(ours) == 0:
        return 0.0, 2.0
    forth, back = _nearest(ours, truth), _nearest(truth, ours)
    precision, recall = (forth < F_DISTANCE).float().mean(), (back < F_DISTANCE).float().mean()
    f = 2 * precision * recall / (precision + recall).clamp(min=1e-9)
    return f.item(), ((forth.mean() + back.mean()) / 2).item()


def closed(values: torch.Tensor) -> bool:
    """Whether no point of the boundary of a grid [R, R, R] is inside, so that its surface has no hole."""
    faces = (values[0], values[-1], values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1])
    return all(not bool((face >= 0).any()) for face in faces)


def summary(values) -> dict[str, float]:
    values = torch.as_tensor(values, dtype=torch.float64)
    return {"median": values.median().item(), "mean": values.mean().item(), "p10": values.quantile(0.1).item()}
