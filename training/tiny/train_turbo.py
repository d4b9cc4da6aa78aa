"""Distillation: a denoiser that takes the guidance scale as an input and needs one evaluation a step, for few steps.

The student learns the point that the teacher, guided and in small steps, reaches at the end of the phase that holds its input; the
phases are the steps of the consistency scheduler at `STEPS` steps.
"""

import torch

from tiny import pipeline
from tiny.dataset import Clock
from tiny.model.dinov2 import Dinov2
from tiny.model.dit import Hunyuan3DDiT
from tiny.model.vae import AnchorEncoder
from tiny.muon import Average, optimisers
from tiny.pictures import augmented, cosines, normalised
from tiny.schedule import Compiled, Schedule
from tiny.stock import Stock

STEPS = 5
# Steps of the teacher within a phase, and the range of guidance scales in training.
TEACHER_STEPS = 4
GUIDANCE = (1.0, 5.0)


def start_from(student: Hunyuan3DDiT, teacher: Hunyuan3DDiT) -> None:
    """The teacher's weights; the guidance scale has no effect yet."""
    student.load_state_dict(teacher.state_dict(), strict=False)
    torch.nn.init.zeros_(student.guidance_in.out_layer.weight)
    torch.nn.init.zeros_(student.guidance_in.out_layer.bias)


@torch.no_grad()
def guided(teacher: Hunyuan3DDiT, x, start, end, context, guidance):
    """The mean velocity from `x` at the times `start` to `end` [B] of the teacher's path."""
    step, begin = (end - start) / TEACHER_STEPS, x
    both = torch.cat([context, torch.zeros_like(context)])
    for k in range(TEACHER_STEPS):
        t = start + k * step
        conditional, free = teacher(torch.cat([x, x]), torch.cat([t, t]), both).float().chunk(2)
        x = x + step[:, None, None] * (free + guidance[:, None, None] * (conditional - free))
    return (x - begin) / (end - start)[:, None, None]


def train(student: Hunyuan3DDiT, teacher: Hunyuan3DDiT, vit: Dinov2, stock: Stock, *, seconds: float, batch: int, rate: float,
          clock: Clock, graph: bool, save=None):
    device = stock.latents.device
    cuda = device.type == "cuda"
    prepare = torch.compile(augmented) if cuda else augmented
    blocks = [*vit.encoder.layer]
    for dit in (student, teacher):
        blocks += [*dit.double_blocks, *dit.single_blocks, dit.final_layer]
    modules = {"dit": student}
    schedule = Schedule(optimisers(modules, rate), seconds, warm_up=0.03)
    average = Average(modules, 0.999)
    codes, tables = stock.encoder.codes, cosines(device)
    bounds = pipeline.consistency_sigmas(STEPS).to(device)

    def step():
        picked = torch.randint(len(stock), (batch,), device=device)
        data = torch.cat([stock.latents[stock.shape[picked]].float(), codes.expand(batch, -1, -1)], -1)
        noise = AnchorEncoder.order(torch.randn_like(data))
        phase = torch.randint(STEPS, (batch,), device=device)
        start, end = bounds[phase], bounds[phase + 1]
        # Sampling begins phases at their start; the other points are for other numbers of steps.
        inside = torch.rand(batch, device=device) < 0.3
        start = torch.where(inside, torch.lerp(start, end, 0.9 * torch.rand(batch, device=device)), start)
        scale = torch.rand(batch, device=device) * (GUIDANCE[1] - GUIDANCE[0]) + GUIDANCE[0]
        x = torch.lerp(noise, data, start[:, None, None])
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            with torch.no_grad():
                context = vit(normalised(prepare(stock.channels[picked], *tables)))
            truth = guided(teacher, x, start, end, context, scale)
            velocity = student(x, start, context, scale).float()
        loss = (velocity - truth).square().mean()
        schedule.step(loss)
        return {"loss": loss.detach()}

    with Compiled(blocks, cuda):
        schedule.run(step, clock, "turbo", after=average.update, save=save and average.around(save), every=100.0,
                     renew=stock.renew, graph=graph)
    average.swap()
