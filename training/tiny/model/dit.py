"""Denoiser: double-stream blocks (latents and image tokens), then single-stream blocks."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def embed_scalar(u: torch.Tensor, period: float = 1000.0) -> torch.Tensor:
    """[B] -> [B, 256], cosines first. The released weights use period 1000 and multiplier 1000."""
    frequencies = torch.exp(-math.log(period) * torch.arange(128, device=u.device, dtype=torch.float32) / 128)
    angles = (1000.0 * u.float())[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1)


def modulated(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (1 + scale[:, None]) * F.layer_norm(x, x.shape[-1:], eps=1e-6) + shift[:, None]


class Embedder(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.in_layer = nn.Linear(256, width)
        self.out_layer = nn.Linear(width, width)

    def forward(self, x):
        return self.out_layer(F.silu(self.in_layer(x)))


class RmsNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6)
        return y.to(x.dtype) * self.scale.to(x.dtype)


class QkNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.query_norm = RmsNorm(width)
        self.key_norm = RmsNorm(width)


class Modulation(nn.Module):
    def __init__(self, width: int, chunks: int):
        super().__init__()
        self.chunks = chunks
        self.lin = nn.Linear(width, chunks * width)

    def forward(self, vec):
        return self.lin(F.silu(vec)).chunk(self.chunks, -1)


def split_heads(packed: torch.Tensor, heads: int):
    """(K H D) packed [B, L, 3 D] -> q, k, v [B, H, L, d]."""
    b, l, _ = packed.shape
    return packed.view(b, l, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    b, h, l, d = x.shape
    return x.transpose(1, 2).reshape(b, l, h * d)


class StreamAttention(nn.Module):
    """The projections of one stream of a double block."""

    def __init__(self, width: int, heads: int, bias: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.norm = QkNorm(width // heads)
        self.proj = nn.Linear(width, width)

    def project(self, x):
        q, k, v = split_heads(self.qkv(x), self.heads)
        return self.norm.query_norm(q), self.norm.key_norm(k), v


def mlp(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width))


class DoubleBlock(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, bias: bool):
        super().__init__()
        self.img_mod, self.txt_mod = Modulation(width, 6), Modulation(width, 6)
        self.img_attn, self.txt_attn = StreamAttention(width, heads, bias), StreamAttention(width, heads, bias)
        self.img_mlp, self.txt_mlp = mlp(width, hidden), mlp(width, hidden)

    def forward(self, img, txt, vec):
        img_mod, txt_mod = self.img_mod(vec), self.txt_mod(vec)
        streams = zip(
            self.txt_attn.project(modulated(txt, txt_mod[0], txt_mod[1])),
            self.img_attn.project(modulated(img, img_mod[0], img_mod[1])),
        )
        q, k, v = (torch.cat(pair, 2) for pair in streams)
        attended = merge_heads(F.scaled_dot_product_attention(q, k, v))
        txt_out, img_out = attended.split([txt.shape[1], img.shape[1]], 1)
        img = img + img_mod[2][:, None] * self.img_attn.proj(img_out)
        img = img + img_mod[5][:, None] * self.img_mlp(modulated(img, img_mod[3], img_mod[4]))
        txt = txt + txt_mod[2][:, None] * self.txt_attn.proj(txt_out)
        txt = txt + txt_mod[5][:, None] * self.txt_mlp(modulated(txt, txt_mod[3], txt_mod[4]))
        return img, txt


class SingleBlock(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads, self.width, self.hidden = heads, width, hidden
        self.modulation = Modulation(width, 3)
        self.linear1 = nn.Linear(width, 3 * width + hidden)
        self.linear2 = nn.Linear(width + hidden, width)
        self.norm = QkNorm(width // heads)

    def forward(self, x, vec):
        shift, scale, gate = self.modulation(vec)
        packed, h = self.linear1(modulated(x, shift, scale)).split([3 * self.width, self.hidden], -1)
        q, k, v = split_heads(packed, self.heads)
        a = merge_heads(F.scaled_dot_product_attention(self.norm.query_norm(q), self.norm.key_norm(k), v))
        return x + gate[:, None] * self.linear2(torch.cat([a, F.gelu(h, approximate="tanh")], -1))


class FinalLayer(nn.Module):
    def __init__(self, width: int, channels: int):
        super().__init__()
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.linear = nn.Linear(width, channels)

    def forward(self, x, vec):
        shift, scale = self.adaLN_modulation(vec).chunk(2, -1)
        return self.linear(modulated(x, shift, scale))


class Hunyuan3DDiT(nn.Module):
    def __init__(self, in_channels, context_in_dim, hidden_size, mlp_ratio, num_heads, depth, depth_single_blocks,
                 qkv_bias=True, guidance_embed=False, time_factor=1000, axes_dim=None, theta=None):
        super().__init__()
        width, hidden = hidden_size, int(hidden_size * mlp_ratio)
        self.period = float(time_factor)
        self.latent_in = nn.Linear(in_channels, width)
        self.cond_in = nn.Linear(context_in_dim, width)
        self.time_in = Embedder(width)
        if guidance_embed:
            self.guidance_in = Embedder(width)
        self.double_blocks = nn.ModuleList(DoubleBlock(width, num_heads, hidden, qkv_bias) for _ in range(depth))
        self.single_blocks = nn.ModuleList(SingleBlock(width, num_heads, hidden) for _ in range(depth_single_blocks))
        self.final_layer = FinalLayer(width, in_channels)

    def forward(self, x, t, context, guidance=None):
        """x [B, L, C], t [B] in [0, 1], context [B, T, X] -> velocity [B, L, C]."""
        img, txt = self.latent_in(x), self.cond_in(context)
        vec = self.time_in(embed_scalar(t, self.period).to(img.dtype))
        if guidance is not None:
            vec = vec + self.guidance_in(embed_scalar(guidance, self.period).to(img.dtype))
        for block in self.double_blocks:
            img, txt = block(img, txt, vec)
        z = torch.cat([txt, img], 1)
        for block in self.single_blocks:
            z = block(z, vec)
        return self.final_layer(z[:, txt.shape[1]:], vec)

    def start_from_identity(self):
        """Training start: modulation and output at zero."""
        for module in self.modules():
            if isinstance(module, Modulation):
                nn.init.zeros_(module.lin.weight)
                nn.init.zeros_(module.lin.bias)
        for linear in (self.final_layer.adaLN_modulation[1], self.final_layer.linear):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
