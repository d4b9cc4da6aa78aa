//! The image encoder (section 6): DINOv2, whose tokens are the context of the denoiser.

mod dinov2;
mod layer;
mod transform;
mod views;

use checkpoint::config::{ConditionerConfig, ImageEncoder as Kind};
use tch::Tensor;

pub use dinov2::Dinov2;
pub use transform::ImageTransform;

use crate::error::Error;
use crate::probe::Probe;
use crate::weights::Weights;

/// Images to context tokens: `DinoImageEncoder`, or `DinoImageEncoderMV` when it has a table of views.
#[derive(Debug)]
pub struct ImageEncoder {
    transform: ImageTransform,
    model: Dinov2,
    use_cls_token: bool,
    tokens_per_view: i64,
    /// Added to every token of a view, by the view's slot: [view_num, H]. Not in the checkpoint.
    view_embed: Option<Tensor>,
}

impl ImageEncoder {
    /// Reads the encoder at `w` (`&bundle / "conditioner"`).
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(config: &ConditionerConfig, w: &Weights) -> Result<ImageEncoder, Error> {
        let view_embed = match config.encoder {
            Kind::DinoImageEncoder => None,
            Kind::DinoImageEncoderMV => Some(views::table(config.view_num, config.config.hidden_size)),
        };
        Ok(ImageEncoder {
            transform: ImageTransform::new(config.image_size, w.device(), w.kind()),
            model: Dinov2::new(&config.config, config.image_size, &(w / "main_image_encoder" / "model"))?,
            use_cls_token: config.use_cls_token,
            tokens_per_view: config.tokens_per_view(),
            view_embed: view_embed.map(|table| table.to_device(w.device()).to_kind(w.kind())),
        })
    }

    /// Whether it takes named views.
    pub fn multi_view(&self) -> bool {
        self.view_embed.is_some()
    }

    /// The transform that comes before the network.
    pub fn transform(&self) -> &ImageTransform {
        &self.transform
    }

    /// Tokens of images or views, `images` [N, 3, h, w] in [-1, 1] -> [N, T, H].
    ///
    /// With a table of views, `slots` names the row of each image in it; a sample's views go one after the other. The
    /// views of several samples, even of different number, make one batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a slot is not in the table, or if there are not as many slots as images.
    pub fn forward(&self, images: &Tensor, slots: &[i64], probe: Probe<'_>) -> Result<Tensor, Error> {
        if let Some(table) = &self.view_embed {
            let (rows, count) = (table.size()[0], images.size()[0]);
            if slots.len() as i64 != count || slots.iter().any(|slot| !(0..rows).contains(slot)) {
                return Err(Error::Invalid(format!("{count} views in slots {slots:?} of {rows}")));
            }
        }
        let pixel_values = self.transform.forward(images);
        probe.see(format_args!("pixel_values"), &pixel_values);
        let mut tokens = self.model.forward(&pixel_values, probe); // [N, 1 + P, H]
        if !self.use_cls_token {
            tokens = tokens.narrow(1, 1, tokens.size()[1] - 1);
        }
        if let Some(table) = &self.view_embed {
            probe.see(format_args!("view_embed_table"), table);
            probe.see(format_args!("per_view_last_hidden"), &tokens);
            let rows = table.index_select(0, &Tensor::from_slice(slots).to_device(table.device())); // [N, H]
            tokens += rows.unsqueeze(1);
        }
        Ok(tokens)
    }

    /// The context of the unconditional rows of guidance: zeros [B, V T, H].
    pub fn unconditional(&self, batch: i64, views: i64) -> Tensor {
        self.model.zeros([batch, views * self.tokens_per_view])
    }
}
