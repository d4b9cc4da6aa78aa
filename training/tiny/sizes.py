"""Sizes of the shipped model, and of a toy that trains in half a minute on a CPU."""


def _sizes(*, vit, dit, vae, latents, image, processor):
    return {
        "dit": {
            "in_channels": 16, "context_in_dim": vit["width"], "hidden_size": dit["width"], "mlp_ratio": 4.0,
            "num_heads": dit["heads"], "depth": dit["double"], "depth_single_blocks": dit["single"],
            "axes_dim": [dit["width"] // dit["heads"]], "theta": 10000, "qkv_bias": True,
        },
        "vae": {
            "num_latents": latents, "embed_dim": 16, "num_freqs": 8, "include_pi": False, "heads": vae["heads"],
            "width": vae["width"], "num_decoder_layers": vae["layers"], "qkv_bias": False, "qk_norm": True,
            "scale_factor": 1.0, "geo_decoder_mlp_expand_ratio": 2, "geo_decoder_downsample_ratio": 2,
            "geo_decoder_ln_post": True,
        },
        "vit": {
            "attention_probs_dropout_prob": 0.0, "drop_path_rate": 0.0, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
            "hidden_size": vit["width"], "image_size": image, "initializer_range": 0.02, "layer_norm_eps": 1e-6,
            "layerscale_value": 0.2, "mlp_ratio": 4, "model_type": "dinov2", "num_attention_heads": vit["heads"],
            "num_channels": 3, "num_hidden_layers": vit["layers"], "patch_size": 14, "qkv_bias": True,
            "torch_dtype": "float16", "use_swiglu_ffn": False,
        },
        "processor": processor,
        "encoder_layers": vae["encoder_layers"],
    }


TINY = _sizes(
    vit={"width": 192, "heads": 3, "layers": 6},
    dit={"width": 256, "heads": 4, "double": 2, "single": 4},
    vae={"width": 256, "heads": 4, "layers": 4, "encoder_layers": 3},
    latents=128, image=126, processor=252,
)
SMOKE = _sizes(
    vit={"width": 48, "heads": 3, "layers": 1},
    dit={"width": 64, "heads": 2, "double": 1, "single": 1},
    vae={"width": 64, "heads": 2, "layers": 1, "encoder_layers": 1},
    latents=128, image=42, processor=84,
)
