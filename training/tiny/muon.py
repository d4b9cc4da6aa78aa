"""Muon for hidden matrices, AdamW for the rest, and an exponential moving average of the weights."""

from collections import defaultdict

import torch


@torch.no_grad()
def orthogonalised(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrix; g [batch, rows, columns]."""
    x = g.bfloat16() if g.is_cuda else g
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.02):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                grads = [p.grad.float() for p in params]
                buffers = [self._momentum(p) for p in params]
                torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
                # Nesterov: look ahead along the momentum.
                ahead = torch._foreach_lerp(grads, buffers, group["momentum"])
                update = orthogonalised(torch.stack(ahead)) * (0.2 * max(shape) ** 0.5 * group["lr"])
                torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(params, list(update.unbind(0)))

    def _momentum(self, p: torch.Tensor) -> torch.Tensor:
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        return state["momentum"]


def optimisers(modules: dict[str, torch.nn.Module], lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside blocks; AdamW for embeddings, modulation, heads, norms and biases."""
    outside = ("embeddings", "_in.", "modulation", "_mod.", "adaLN", "final_layer", "query_proj", "output_proj", "input_proj",
               "post_kl", "pre_kl", "heads.", "latents_proj", "query")
    hidden, matrices, vectors = [], [], []
    for name, module in modules.items():
        for key, p in module.named_parameters():
            if not p.requires_grad:
                continue
            path = f"{name}.{key}"
            inner = p.dim() == 2 and ("attention.query" in key or not any(word in path for word in outside))
            (hidden if inner else matrices if p.dim() >= 2 else vectors).append(p)
    cuda = hidden[0].is_cuda
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
    out = [Muon(hidden, lr), torch.optim.AdamW(groups, lr, betas=(0.9, 0.98), fused=cuda, capturable=cuda)]
    # One number on the device for all: a captured step reads it anew at every replay.
    rate = torch.tensor(lr, device=hidden[0].device)
    for optimiser in out:
        for group in optimiser.param_groups:
            group["peak"], group["lr"] = lr, rate
    return out


def set_rate(optimisers: list[torch.optim.Optimizer], factor: float) -> None:
    group = optimisers[0].param_groups[0]
    group["lr"].fill_(group["peak"] * factor)


class Average:
    """Exponential moving average of the parameters of some modules."""

    def __init__(self, modules: dict[str, torch.nn.Module], decay: float):
        self.decay, self.steps = decay, 0
        self.live = [p for m in modules.values() for p in m.parameters()]
        self.mean = [p.detach().clone().float() for p in self.live]

    @torch.no_grad()
    def update(self):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchanges live and mean weights (before and after an evaluation)."""
        for p, mean in zip(self.live, self.mean):
            p.data, mean.data = mean.data, p.data

    def around(self, action):
        """`action`, done on the mean weights."""
        def swapped():
            self.swap()
            action()
            self.swap()

        return swapped
