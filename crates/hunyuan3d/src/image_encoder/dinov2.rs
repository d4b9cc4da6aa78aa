use checkpoint::config::Dinov2Config;
use tch::{Kind, Tensor};

use super::layer::Layer;
use crate::error::Error;
use crate::layers::LayerNorm;
use crate::probe::Probe;
use crate::weights::Weights;

/// DINOv2, a vision transformer (section 6.2), for images of one size.
#[derive(Debug)]
pub struct Dinov2 {
    cls_token: Tensor,
    /// For the size of the images: [1, 1 + P, H].
    position_embeddings: Tensor,
    projection_weight: Tensor,
    projection_bias: Tensor,
    patch_size: i64,
    layers: Vec<Layer>,
    layernorm: LayerNorm,
}

impl Dinov2 {
    /// Reads the network at `w`, for images of `image_size` pixels on a side.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(config: &Dinov2Config, image_size: i64, w: &Weights) -> Result<Dinov2, Error> {
        let (dim, patch) = (config.hidden_size, config.patch_size);
        let embeddings = w / "embeddings";
        let projection = &embeddings / "patch_embeddings" / "projection";
        let positions = embeddings.tensor("position_embeddings", &[1, 1 + config.positions(), dim])?;
        Ok(Dinov2 {
            cls_token: embeddings.tensor("cls_token", &[1, 1, dim])?,
            position_embeddings: resample_positions(&positions, image_size / patch),
            projection_weight: projection.tensor("weight", &[dim, config.num_channels, patch, patch])?,
            projection_bias: projection.tensor("bias", &[dim])?,
            patch_size: patch,
            layers: (0..config.num_hidden_layers)
                .map(|i| Layer::new(i, config, &(w / "encoder" / "layer" / i)))
                .collect::<Result<_, _>>()?,
            layernorm: LayerNorm::new(w / "layernorm", dim, config.layer_norm_eps)?,
        })
    }

    /// `pixel_values` [N, 3, s, s], normalised -> last hidden state [N, 1 + P, H], CLS token first.
    pub fn forward(&self, pixel_values: &Tensor, probe: Probe<'_>) -> Tensor {
        let n = pixel_values.size()[0];
        let stride = [self.patch_size; 2];
        let patches = pixel_values.conv2d(
            &self.projection_weight,
            Some(&self.projection_bias),
            stride,
            &[0, 0][..],
            &[1, 1][..],
            1,
        );
        let patches = patches.flatten(2, 3).transpose(1, 2); // [N, H, g, g] -> [N, P, H]
        probe.see(format_args!("patch_embed"), &patches);
        let cls_token = self.cls_token.expand([n, -1, -1], false);
        let mut x = Tensor::cat(&[cls_token, patches], 1); // [N, 1 + P, H]
        x += &self.position_embeddings;
        probe.see(format_args!("embeddings"), &x);
        for layer in &self.layers {
            layer.forward(&mut x, probe);
        }
        self.layernorm.forward(&x)
    }

    /// Zeros [.., H] like a hidden state.
    pub(super) fn zeros(&self, shape: [i64; 2]) -> Tensor {
        let token = &self.cls_token;
        Tensor::zeros([shape[0], shape[1], token.size()[2]], (token.kind(), token.device()))
    }
}

/// The table of positions [1, 1 + g0 g0, H] brought to a grid of `grid` x `grid`: bicubic in float32, to the exact size,
/// the CLS token's row as it is.
fn resample_positions(table: &Tensor, grid: i64) -> Tensor {
    let (positions, dim) = (table.size()[1] - 1, table.size()[2]);
    if positions == grid * grid {
        return table.shallow_clone();
    }
    let stored = (positions as f64).sqrt() as i64;
    let map = table.narrow(1, 1, positions).to_kind(Kind::Float).view([1, stored, stored, dim]).permute([0, 3, 1, 2]);
    let map = map.upsample_bicubic2d([grid, grid], false, None, None); // [1, H, grid, grid]
    let rest = map.flatten(2, 3).transpose(1, 2).to_kind(table.kind());
    Tensor::cat(&[table.narrow(1, 0, 1), rest], 1)
}
