"""Image encoder: DINOv2, checkpoint names as in the bundled pipelines."""

import torch
from torch import nn
from torch.nn import functional as F


class Embeddings(nn.Module):
    def __init__(self, width: int, image_size: int, patch: int):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.mask_token = nn.Parameter(torch.zeros(1, width), requires_grad=False)
        self.position_embeddings = nn.Parameter(torch.randn(1, 1 + (image_size // patch) ** 2, width) * 0.02)
        self.patch_embeddings = nn.Module()
        self.patch_embeddings.projection = nn.Conv2d(3, width, patch, patch)

    def forward(self, images):
        patches = self.patch_embeddings.projection(images)
        rows, columns = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)
        positions = self.position_embeddings
        stored = positions.shape[1] - 1
        if rows * columns != stored or rows != columns:
            side = int(stored**0.5)
            grid = positions[:, 1:].float().view(1, side, side, -1).permute(0, 3, 1, 2)
            grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
            positions = torch.cat([positions[:, :1], grid.flatten(2).transpose(1, 2).to(positions.dtype)], 1)
        return torch.cat([self.cls_token.expand(len(images), -1, -1).to(patches.dtype), patches], 1) + positions


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention = nn.Module()
        for name in ("query", "key", "value"):
            setattr(self.attention, name, nn.Linear(width, width))
        self.output = nn.Module()
        self.output.dense = nn.Linear(width, width)

    def forward(self, x):
        b, l, w = x.shape
        q, k, v = (getattr(self.attention, name)(x).view(b, l, self.heads, -1).transpose(1, 2) for name in ("query", "key", "value"))
        return self.output.dense(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, l, w))


class Scale(nn.Module):
    def __init__(self, width: int, initial: float):
        super().__init__()
        self.lambda1 = nn.Parameter(torch.full((width,), initial))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGlu(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        hidden = (int(hidden * 2 / 3) + 7) // 8 * 8
        self.weights_in, self.weights_out = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x):
        a, b = self.weights_in(x).chunk(2, -1)
        return self.weights_out(F.silu(a) * b)


class Layer(nn.Module):
    def __init__(self, width, heads, mlp_ratio, eps, layer_scale, swiglu):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.attention = Attention(width, heads)
        self.layer_scale1, self.layer_scale2 = Scale(width, layer_scale), Scale(width, layer_scale)
        self.mlp = (SwiGlu if swiglu else Mlp)(width, int(width * mlp_ratio))

    def forward(self, x):
        x = x + self.layer_scale1.lambda1 * self.attention(self.norm1(x))
        return x + self.layer_scale2.lambda1 * self.mlp(self.norm2(x))


class Dinov2(nn.Module):
    def __init__(self, hidden_size, num_hidden_layers, num_attention_heads, mlp_ratio, image_size, patch_size=14,
                 layer_norm_eps=1e-6, layerscale_value=1.0, use_swiglu_ffn=False, **_):
        super().__init__()
        self.embeddings = Embeddings(hidden_size, image_size, patch_size)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(
            Layer(hidden_size, num_attention_heads, mlp_ratio, layer_norm_eps, layerscale_value, use_swiglu_ffn)
            for _ in range(num_hidden_layers))
        self.layernorm = nn.LayerNorm(hidden_size, eps=layer_norm_eps)

    def forward(self, images):
        """[B, 3, s, s], ImageNet-normalised -> [B, 1 + P, W]."""
        x = self.embeddings(images)
        for layer in self.encoder.layer:
            x = layer(x)
        return self.layernorm(x)
