"""Shape VAE: latents -> transformer -> a decoder that answers query points; and its point-cloud encoder."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def fourier(points: torch.Tensor, frequencies: int = 8, include_pi: bool = False) -> torch.Tensor:
    """[..., 3] -> [..., 3 (2 F + 1)]: the point, sines, cosines, coordinate-major."""
    f = 2.0 ** torch.arange(frequencies, device=points.device, dtype=torch.float32)
    if include_pi:
        f = f * math.pi
    angles = (points.float()[..., None] * f).flatten(-2)
    return torch.cat([points.float(), angles.sin(), angles.cos()], -1)


class HeadNorms(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.q_norm = nn.LayerNorm(width, eps=1e-6)
        self.k_norm = nn.LayerNorm(width, eps=1e-6)


class Mlp(nn.Module):
    def __init__(self, width: int, expand: int):
        super().__init__()
        self.c_fc = nn.Linear(width, expand * width)
        self.c_proj = nn.Linear(expand * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool, qk_norm: bool):
        super().__init__()
        self.heads = heads
        self.c_qkv = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width)
        if qk_norm:
            self.attention = HeadNorms(width // heads)

    def forward(self, x):
        b, l, w = x.shape
        # (H K D): each head owns its q, k, v in a row.
        q, k, v = self.c_qkv(x).view(b, l, self.heads, 3, w // self.heads).permute(3, 0, 2, 1, 4).unbind(0)
        if hasattr(self, "attention"):
            q, k = self.attention.q_norm(q).to(v.dtype), self.attention.k_norm(k).to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.c_proj(y.transpose(1, 2).reshape(b, l, w))


class SelfBlock(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool, qk_norm: bool):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = SelfAttention(width, heads, bias, qk_norm)
        self.mlp = Mlp(width, 4)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, bias: bool, qk_norm: bool):
        super().__init__()
        self.resblocks = nn.ModuleList(SelfBlock(width, heads, bias, qk_norm) for _ in range(layers))

    def forward(self, x):
        for block in self.resblocks:
            x = block(x)
        return x


class CrossAttention(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool, qk_norm: bool):
        super().__init__()
        self.heads = heads
        self.c_q = nn.Linear(width, width, bias=bias)
        self.c_kv = nn.Linear(width, 2 * width, bias=bias)
        self.c_proj = nn.Linear(width, width)
        if qk_norm:
            self.attention = HeadNorms(width // heads)

    def keys_values(self, data):
        b, l, w = data.shape
        # (H 2 d): each head owns its k and v in a row.
        k, v = self.c_kv(data).view(b, l, self.heads, 2, w // self.heads).permute(3, 0, 2, 1, 4).unbind(0)
        if hasattr(self, "attention"):
            k = self.attention.k_norm(k).to(v.dtype)
        return k, v

    def forward(self, x, keys_values):
        b, l, w = x.shape
        k, v = keys_values
        q = self.c_q(x).view(b, l, self.heads, w // self.heads).transpose(1, 2)
        if hasattr(self, "attention"):
            q = self.attention.q_norm(q).to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.c_proj(y.transpose(1, 2).reshape(b, l, w))


class CrossBlock(nn.Module):
    def __init__(self, width: int, heads: int, expand: int, bias: bool, qk_norm: bool):
        super().__init__()
        self.ln_1, self.ln_2, self.ln_3 = (nn.LayerNorm(width, eps=1e-6) for _ in range(3))
        self.attn = CrossAttention(width, heads, bias, qk_norm)
        self.mlp = Mlp(width, expand)

    def keys_values(self, data):
        return self.attn.keys_values(self.ln_2(data))

    def forward(self, x, keys_values):
        x = x + self.attn(self.ln_1(x), keys_values)
        return x + self.mlp(self.ln_3(x))


class GeometryDecoder(nn.Module):
    def __init__(self, width, heads, expand, downsample, ln_post, bias, qk_norm, frequencies, include_pi):
        super().__init__()
        self.frequencies, self.include_pi = frequencies, include_pi
        w = width // downsample
        if downsample != 1:
            self.latents_proj = nn.Linear(width, w)
        self.query_proj = nn.Linear(3 * (2 * frequencies + 1), w)
        # Without the post norm the released decoder has no QK norm either.
        self.cross_attn_decoder = CrossBlock(w, heads // downsample, expand, bias, qk_norm and ln_post)
        if ln_post:
            self.ln_post = nn.LayerNorm(w, eps=1e-5)
        self.output_proj = nn.Linear(w, 1)

    def keys_values(self, latents):
        """What depends on the shape alone: computed once, used for every query."""
        if hasattr(self, "latents_proj"):
            latents = self.latents_proj(latents)
        return self.cross_attn_decoder.keys_values(latents)

    def forward(self, points, keys_values):
        """points [B, P, 3] -> logits [B, P], positive inside."""
        # Under autocast the ends stay in float32: coordinates and distances need more than 8 bits.
        with torch.autocast(points.device.type, enabled=False):
            x = self.query_proj(fourier(points, self.frequencies, self.include_pi))
        x = self.cross_attn_decoder(x, keys_values)
        if hasattr(self, "ln_post"):
            x = self.ln_post(x)
        with torch.autocast(points.device.type, enabled=False):
            return self.output_proj(x)[..., 0]


class PointEncoder(nn.Module):
    """Latents from a point cloud: queries cross-attend the points (spec names, prefix `encoder.`)."""

    def __init__(self, width, heads, layers, features, bias, qk_norm, frequencies, include_pi):
        super().__init__()
        self.frequencies, self.include_pi = frequencies, include_pi
        self.input_proj = nn.Linear(3 * (2 * frequencies + 1) + features, width)
        self.cross_attn = CrossBlock(width, heads, 4, bias, qk_norm)
        if layers:
            self.self_attn = Transformer(layers, width, heads, bias, qk_norm)
        self.ln_post = nn.LayerNorm(width, eps=1e-5)

    def embed(self, points):
        """[B, N, 3 + features] -> [B, N, W]."""
        return self.input_proj(torch.cat([fourier(points[..., :3], self.frequencies, self.include_pi), points[..., 3:]], -1))

    def attend(self, query, data):
        x = self.cross_attn(query, self.cross_attn.keys_values(data))
        if hasattr(self, "self_attn"):
            x = self.self_attn(x)
        return self.ln_post(x)

    def forward(self, query, data):
        return self.attend(self.embed(query), self.embed(data))


def farthest_points(points: torch.Tensor, count: int, start: int) -> torch.Tensor:
    """Indices [B, count] of points [B, M, 3], the first of them `start`, each next one farthest from all before."""
    pick = torch.full((len(points), 1), start, device=points.device)
    nearest, picks = None, []
    for _ in range(count):
        picks.append(pick)
        distance = (points - points.gather(1, pick[..., None].expand(-1, -1, 3))).square().sum(-1)
        nearest = distance if nearest is None else torch.minimum(nearest, distance)
        pick = nearest.argmax(1, keepdim=True)
    return torch.cat(picks, 1)


class ShapeVAE(nn.Module):
    def __init__(self, num_latents, embed_dim, num_freqs, include_pi, heads, width, num_decoder_layers, qkv_bias, qk_norm,
                 scale_factor, geo_decoder_mlp_expand_ratio=4, geo_decoder_downsample_ratio=1, geo_decoder_ln_post=True,
                 num_encoder_layers=None, point_feats=4, **_):
        super().__init__()
        self.num_latents, self.scale_factor = num_latents, scale_factor
        self.post_kl = nn.Linear(embed_dim, width)
        self.transformer = Transformer(num_decoder_layers, width, heads, qkv_bias, qk_norm)
        self.geo_decoder = GeometryDecoder(
            width, heads, geo_decoder_mlp_expand_ratio, geo_decoder_downsample_ratio, geo_decoder_ln_post, qkv_bias, qk_norm,
            num_freqs, include_pi)
        if num_encoder_layers is not None:
            self.encoder = PointEncoder(width, heads, num_encoder_layers, point_feats, qkv_bias, qk_norm, num_freqs, include_pi)
            self.pre_kl = nn.Linear(width, 2 * embed_dim)

    def encode(self, surface, picks):
        """surface [B, M, 3 + features], of which the rows `picks` [B, N] ask -> means, log-variances [B, N, C]."""
        queries = surface.gather(1, picks[..., None].expand(-1, -1, surface.shape[-1]))
        mean, log_variance = self.pre_kl(self.encoder(queries, surface)).float().chunk(2, -1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, latents):
        """Latents (already divided by scale_factor) [B, N, C] -> tokens [B, N, W]."""
        return self.transformer(self.post_kl(latents))

    def query(self, tokens, points):
        return self.geo_decoder(points, self.geo_decoder.keys_values(tokens))


class AnchorEncoder(nn.Module):
    """The encoder used in training: fixed queries on an 8 x 4 x 4 grid, and three code channels beside the latent's own.

    Token i's codes are its place on the grid as Gaussian quantiles, so that tokens keep their identity under a denoiser
    without positional embeddings.
    """

    GRID = (8, 4, 4)
    REACH = 0.95

    def __init__(self, width: int, heads: int, layers: int, channels: int):
        super().__init__()
        self.points = PointEncoder(width, heads, layers, 3, False, True, 8, False)
        axes = torch.meshgrid(*[torch.arange(n) for n in self.GRID], indexing="ij")
        cells = torch.stack([(axis.flatten() + 0.5) / n for axis, n in zip(axes, self.GRID)], 1)
        anchors = torch.cat([(2 * cells - 1) * self.REACH, torch.zeros_like(cells)], 1)
        self.register_buffer("anchors", anchors, persistent=False)
        self.register_buffer("codes", math.sqrt(2) * torch.erfinv(2 * cells - 1), persistent=False)
        self.query = nn.Parameter(torch.randn(len(cells), width) * 0.02)
        self.pre_kl = nn.Linear(width, 2 * (channels - 3))

    def forward(self, surface):
        """surface [B, N, 6] -> means, log-variances [B, 128, C - 3]."""
        query = self.points.embed(self.anchors) + self.query
        x = self.points.attend(query.expand(len(surface), -1, -1), self.points.embed(surface))
        mean, log_variance = self.pre_kl(x).float().chunk(2, -1)
        return mean, log_variance.clamp(-20, 10)

    def with_codes(self, means):
        return torch.cat([means, self.codes.to(means.dtype).expand(len(means), -1, -1)], -1)

    @classmethod
    def order(cls, noise: torch.Tensor) -> torch.Tensor:
        """Permutes the noise tokens [B, 128, C] so that the code channels of token i lie in the quantile cell of code i.

        A set of Gaussian tokens stays the same set: sampling may start from plain, unordered noise.
        """
        b, n, c = noise.shape
        groups = 1
        for axis, cells in enumerate(cls.GRID):
            blocks = noise.view(b * groups, n // groups, c)
            rank = blocks[..., c - 3 + axis].argsort(1)
            noise = blocks.gather(1, rank[..., None].expand_as(blocks)).view(b, n, c)
            groups *= cells
        return noise
