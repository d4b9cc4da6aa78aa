"""The part of a run that only further training needs: the training encoder and the normalisation of the latents."""

import pathlib

from safetensors.torch import load_file

from tiny.model.vae import AnchorEncoder
from tiny.train_flow import Normaliser


def read(run: pathlib.Path, settings: dict) -> tuple[AnchorEncoder, Normaliser]:
    extras, sizes = load_file(run / "extras.safetensors"), settings["vae"]["params"]
    own = {k.removeprefix("encoder."): v.float() for k, v in extras.items() if k.startswith("encoder.")}
    layers = 1 + max(int(k.split(".")[3]) for k in own if k.startswith("points.self_attn."))
    encoder = AnchorEncoder(sizes["width"], sizes["heads"], layers, sizes["embed_dim"])
    encoder.load_state_dict(own)
    return encoder, Normaliser(extras["latents.mean"], extras["latents.std"])
