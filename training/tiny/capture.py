"""A training step as one CUDA graph: launching its many small kernels one by one takes longer than running them."""

import time

import torch


def captured(step, clock):
    """A function that replays `step`, which takes nothing, never waits for the device and returns detached tensors.

    Compiled code must have run before. What `step` reads may change in place only.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        values = step()

    def replay():
        graph.replay()
        return values

    (plain, slow), (again, fast) = _losses(step), _losses(replay)
    expected, got = sum(plain) / len(plain), sum(again) / len(again)
    clock(f"captured: loss {got:.4f} at {fast:.1f} steps/s, launched one by one {expected:.4f} at {slow:.1f} steps/s")
    # Replays must use fresh random numbers and have the losses of plain steps.
    if len(set(again)) < len(again) // 2 or not abs(got - expected) < 0.2 * expected:
        raise RuntimeError(f"the captured step is not the step: losses {again[:4]}")
    return replay


def _losses(step, count: int = 40) -> tuple[list[float], float]:
    """Losses of some steps, and steps a second."""
    begin = time.time()
    values = torch.stack([step()["loss"].clone() for _ in range(count)]).tolist()
    return values, count / (time.time() - begin)
