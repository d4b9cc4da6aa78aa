//! The published models (section 4), as built-in configurations.

mod yaml;

use crate::config::PartialConfig;
use crate::{Error, Manifest};

/// A published model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Short name, e.g. `dit-v2-0-turbo`.
    pub name: &'static str,
    /// Repository on the hub, `owner/name`.
    pub repo: &'static str,
    /// Folder in the repository.
    pub subfolder: &'static str,
    /// File with the weights in that folder.
    pub weights: &'static str,
    /// The source of this entry.
    pub source: Source,
    kind: Kind,
}

/// The source of a [`Preset`]'s configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Several published copies agree.
    Confirmed,
    /// By analogy or from one second-hand source: the `config.yaml` that comes with the weights takes precedence.
    Unconfirmed,
}

/// The parameters in which published configurations differ.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Denoiser 2.0 with its VAE and DINOv2-giant.
    V2(V2),
    /// The 2.1 bundle.
    V21,
    /// A VAE alone.
    Vae(Vae),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct V2 {
    /// Double and single stream blocks.
    depth: (u32, u32),
    guidance_embed: bool,
    pcm_timesteps: Option<u32>,
    multi_view: bool,
    /// Sides of the processed and of the encoded picture.
    sizes: (u32, u32),
    vae: Vae,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Vae {
    num_latents: u32,
    scale_factor: &'static str,
    /// `geo_decoder_mlp_expand_ratio`, `geo_decoder_downsample_ratio`, `geo_decoder_ln_post`.
    geo_decoder: (u32, u32, bool),
    encoder: Option<Encoder>,
    /// The package whose class paths the published file uses.
    package: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Encoder {
    pc_size: u32,
    pc_sharpedge_size: u32,
}

const VAE_2_0: Vae = Vae {
    num_latents: 3072,
    scale_factor: "0.9990943042622529",
    geo_decoder: (4, 1, true),
    encoder: None,
    package: "hy3dgen.shapegen",
};
const VAE_MINI: Vae = Vae { num_latents: 512, scale_factor: "1.0188137142395404", ..VAE_2_0 };
const VAE_2_1: Vae = Vae {
    num_latents: 4096,
    scale_factor: "1.0039506158752403",
    encoder: Some(Encoder { pc_size: 81920, pc_sharpedge_size: 0 }),
    package: "hy3dshape",
    ..VAE_2_0
};
const SECOND_HAND_ENCODER: Option<Encoder> = Some(Encoder { pc_size: 5120, pc_sharpedge_size: 5120 });

const DIT_2_0: V2 = V2 {
    depth: (16, 32),
    guidance_embed: false,
    pcm_timesteps: None,
    multi_view: false,
    sizes: (512, 518),
    vae: VAE_2_0,
};
const DIT_2_0_FAST: V2 = V2 { guidance_embed: true, ..DIT_2_0 };
const DIT_2_0_TURBO: V2 = V2 { pcm_timesteps: Some(100), ..DIT_2_0_FAST };
const DIT_MINI: V2 = V2 { depth: (8, 16), vae: VAE_MINI, ..DIT_2_0 };
const DIT_MINI_FAST: V2 = V2 { guidance_embed: true, ..DIT_MINI };
const DIT_MINI_TURBO: V2 = V2 { pcm_timesteps: Some(100), sizes: (1022, 1022), ..DIT_MINI_FAST };
const DIT_MV: V2 = V2 { multi_view: true, ..DIT_2_0 };
const DIT_MV_FAST: V2 = V2 { guidance_embed: true, ..DIT_MV };
const DIT_MV_TURBO: V2 = V2 { pcm_timesteps: Some(100), ..DIT_MV_FAST };

const V2_0: &str = "tencent/Hunyuan3D-2";
const MINI: &str = "tencent/Hunyuan3D-2mini";
const MV: &str = "tencent/Hunyuan3D-2mv";
const V2_1: &str = "tencent/Hunyuan3D-2.1";

use Source::{Confirmed, Unconfirmed};

/// All published models.
pub const PRESETS: [Preset; 17] = [
    preset("dit-v2-0", V2_0, "hunyuan3d-dit-v2-0", Confirmed, Kind::V2(DIT_2_0)),
    preset("dit-v2-0-fast", V2_0, "hunyuan3d-dit-v2-0-fast", Unconfirmed, Kind::V2(DIT_2_0_FAST)),
    preset("dit-v2-0-turbo", V2_0, "hunyuan3d-dit-v2-0-turbo", Confirmed, Kind::V2(DIT_2_0_TURBO)),
    preset("dit-v2-mini", MINI, "hunyuan3d-dit-v2-mini", Confirmed, Kind::V2(DIT_MINI)),
    preset("dit-v2-mini-fast", MINI, "hunyuan3d-dit-v2-mini-fast", Unconfirmed, Kind::V2(DIT_MINI_FAST)),
    preset("dit-v2-mini-turbo", MINI, "hunyuan3d-dit-v2-mini-turbo", Unconfirmed, Kind::V2(DIT_MINI_TURBO)),
    preset("dit-v2-mv", MV, "hunyuan3d-dit-v2-mv", Confirmed, Kind::V2(DIT_MV)),
    preset("dit-v2-mv-fast", MV, "hunyuan3d-dit-v2-mv-fast", Unconfirmed, Kind::V2(DIT_MV_FAST)),
    preset("dit-v2-mv-turbo", MV, "hunyuan3d-dit-v2-mv-turbo", Unconfirmed, Kind::V2(DIT_MV_TURBO)),
    Preset { weights: "model.fp16.ckpt", ..preset("dit-v2-1", V2_1, "hunyuan3d-dit-v2-1", Confirmed, Kind::V21) },
    preset("vae-v2-0", V2_0, "hunyuan3d-vae-v2-0", Confirmed, Kind::Vae(VAE_2_0)),
    preset("vae-v2-0-turbo", V2_0, "hunyuan3d-vae-v2-0-turbo", Unconfirmed, Kind::Vae(small_geo_decoder(VAE_2_0))),
    preset(
        "vae-v2-0-withencoder",
        V2_0,
        "hunyuan3d-vae-v2-0-withencoder",
        Unconfirmed,
        Kind::Vae(Vae { encoder: SECOND_HAND_ENCODER, ..VAE_2_0 }),
    ),
    preset("vae-v2-mini", MINI, "hunyuan3d-vae-v2-mini", Confirmed, Kind::Vae(VAE_MINI)),
    preset(
        "vae-v2-mini-turbo",
        MINI,
        "hunyuan3d-vae-v2-mini-turbo",
        Unconfirmed,
        Kind::Vae(small_geo_decoder(VAE_MINI)),
    ),
    preset(
        "vae-v2-mini-withencoder",
        MINI,
        "hunyuan3d-vae-v2-mini-withencoder",
        Unconfirmed,
        Kind::Vae(Vae { encoder: SECOND_HAND_ENCODER, ..VAE_MINI }),
    ),
    Preset {
        weights: "model.fp16.ckpt",
        ..preset("vae-v2-1", V2_1, "hunyuan3d-vae-v2-1", Confirmed, Kind::Vae(VAE_2_1))
    },
];

const fn preset(name: &'static str, repo: &'static str, subfolder: &'static str, source: Source, kind: Kind) -> Preset {
    Preset { name, repo, subfolder, weights: "model.fp16.safetensors", source, kind }
}

const fn small_geo_decoder(vae: Vae) -> Vae {
    Vae { geo_decoder: (1, 2, false), ..vae }
}

impl Preset {
    /// The model with this name, in any case and punctuation: its own (`dit-v2-mini-turbo`), its folder's
    /// (`hunyuan3d-dit-v2-mini-turbo`) with or without the repository before it, or the repository's with the variant
    /// (`hunyuan3d-2mini-turbo`, `tencent/Hunyuan3D-2mini`, `2.1`). Addresses on the hub are understood, too.
    pub fn find(name: &str) -> Option<&'static Preset> {
        let given = normalized(name);
        let given = given.strip_prefix("httpshuggingfaceco").unwrap_or(&given).replace("treemain", "");
        let given = given.strip_prefix("tencent").unwrap_or(&given);
        PRESETS.iter().find(|preset| preset.names().iter().any(|name| name == given))
    }

    /// All names of the model in the form of [`normalized`], without the owner of the repository.
    fn names(&self) -> Vec<String> {
        let (name, folder) = (normalized(self.name), normalized(self.subfolder));
        let repo = normalized(self.repo.rsplit('/').next().unwrap_or_default());
        let mut names = vec![format!("{repo}{folder}"), format!("{repo}{name}"), name, folder];
        if self.name.starts_with("dit-") {
            // `dit-v2-mini-turbo`: what follows the version names the variant.
            let variant = ["turbo", "fast"].into_iter().find(|variant| self.name.ends_with(variant)).unwrap_or("");
            let generation = repo.strip_prefix("hunyuan3d").unwrap_or(&repo);
            let generations = if generation == "2" { vec!["2", "20"] } else { vec![generation] };
            for generation in generations {
                names.push(format!("hunyuan3d{generation}{variant}"));
                names.push(format!("{generation}{variant}"));
            }
        }
        names
    }

    /// Its configuration as `config.yaml` text.
    pub fn config_yaml(&self) -> String {
        match self.kind {
            Kind::V2(model) => yaml::v2(&model),
            Kind::V21 => yaml::v2_1(),
            Kind::Vae(vae) => yaml::stand_alone_vae(&vae),
        }
    }

    /// Its configuration.
    pub fn config(&self) -> PartialConfig {
        PartialConfig::parse(&self.config_yaml()).expect("built-in configurations are sound. This is a bug.")
    }

    /// Its tensors.
    pub fn manifest(&self) -> Manifest {
        self.config().manifest()
    }
}

/// Letters and digits only, in lower case.
fn normalized(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

impl std::str::FromStr for &'static Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Preset::find(name).ok_or_else(|| Error::UnknownModel {
            name: name.to_owned(),
            known: PRESETS.map(|preset| preset.name).join(", "),
        })
    }
}
