"""A training phase driven by the clock: warm-up, a constant rate, cosine over the time that is left, progress lines, periodic saving."""

import math
import time

import torch

from tiny.capture import captured
from tiny.muon import set_rate

# The share of a phase's time that may go into fresh data.
RENEWING = 0.07


class Schedule:
    def __init__(self, optimisers: list[torch.optim.Optimizer], seconds: float, warm_up: float, last: float = 0.01,
                 constant: float = 0.0):
        """`constant`: the share of the time with the full rate before it falls."""
        self.optimisers, self.seconds, self.warm_up, self.last, self.constant = optimisers, seconds, warm_up, last, constant
        self.steps, self.begin = 0, None
        self.params = [p for o in optimisers for g in o.param_groups for p in g["params"]]

    def rate(self, progress: float) -> float:
        if progress < self.warm_up:
            return max(progress / self.warm_up, 1e-3)
        begin = max(self.warm_up, self.constant)
        left = max(progress - begin, 0) / (1 - begin)
        return self.last + (1 - self.last) * 0.5 * (1 + math.cos(math.pi * min(left, 1)))

    def step(self, loss: torch.Tensor):
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        for optimiser in self.optimisers:
            optimiser.step()
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)

    def run(self, step, clock, name: str, *, after, save=None, every: float = 60.0, renew=None, graph: bool = False):
        """Calls `step`, then `after`, until the time is up; the first calls (compilation) do not count.

        `renew` is called so often that it takes RENEWING of the time. `graph`: replays one captured step.
        """
        set_rate(self.optimisers, 1e-3)
        for _ in range(3):
            values = step()
        values["loss"].item()
        clock(f"{name}: warm")
        if graph:
            step = captured(step, clock)
        self.begin = saved = said = renewed = time.time()
        # The first renewal comes early, to measure its time.
        pause = self.seconds * RENEWING**2
        totals, counted = [torch.zeros_like(v) for v in values.values()], 0
        while (elapsed := time.time() - self.begin) < self.seconds:
            set_rate(self.optimisers, self.rate(elapsed / self.seconds))
            values = step()
            after()
            torch._foreach_add_(totals, list(values.values()))
            self.steps, counted = self.steps + 1, counted + 1
            if self.steps % 20 == 0:
                # Keeps the launch queue short, so that the clock follows the device.
                loss = values["loss"].item()
                if not math.isfinite(loss):
                    raise FloatingPointError(f"{name}: loss {loss} at step {self.steps}")
                now = time.time()
                if now - said > min(15.0, self.seconds / 8):
                    said = now
                    clock(f"{name}: step {self.steps}", *(f"{k} {v.item() / counted:.4f}" for k, v in zip(values, totals)))
                    torch._foreach_zero_(totals)
                    counted = 0
                if save and now - saved > every:
                    saved = now
                    save()
                # Not at the very end: the last steps would hardly use it.
                if renew and now - renewed > pause / RENEWING and elapsed < 0.97 * self.seconds:
                    renew()
                    renewed = time.time()
                    pause = renewed - now
                    clock(f"{name}: renewed in {pause:.1f} s")
        clock(f"{name}: {self.steps} steps in {self.seconds:.0f} s")


class Compiled:
    """Compiles blocks for a training phase; afterwards they run as plain modules again (evaluation has other shapes)."""

    def __init__(self, blocks, on: bool):
        self.blocks = list(blocks) if on else []

    def __enter__(self):
        for block in self.blocks:
            block.compile()

    def __exit__(self, *_):
        for block in self.blocks:
            block._compiled_call_impl = None
