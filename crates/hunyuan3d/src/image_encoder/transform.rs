use tch::{Device, Kind, Tensor};

/// Mean and standard deviation of the colour channels that DINOv2 was trained with.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Scales images to the size of the encoder and normalises them (section 6.1).
#[derive(Debug)]
pub struct ImageTransform {
    image_size: i64,
    /// [3, 1, 1], as `std`.
    mean: Tensor,
    std: Tensor,
    device: Device,
    kind: Kind,
}

impl ImageTransform {
    /// To squares of `image_size` pixels, on `device`, of type `kind`.
    pub fn new(image_size: i64, device: Device, kind: Kind) -> ImageTransform {
        let channels = |values: &[f32]| Tensor::from_slice(values).view([3, 1, 1]).to_device(device).to_kind(kind);
        ImageTransform { image_size, mean: channels(&MEAN), std: channels(&STD), device, kind }
    }

    /// `images` [N, 3, h, w] in [-1, 1] -> [N, 3, s, s].
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let x = ((images.to_kind(Kind::Float) + 1.0) / 2.0).to_kind(self.kind).to_device(self.device);
        (self.crop(&self.resize(&x)) - &self.mean) / &self.std
    }

    /// Scales the shorter side to the size, keeping the ratio: bilinear, with antialiasing.
    fn resize(&self, x: &Tensor) -> Tensor {
        let (h, w) = (x.size()[2], x.size()[3]);
        let (short, long) = (h.min(w), h.max(w));
        if short == self.image_size {
            return x.shallow_clone();
        }
        let scaled = (self.image_size as f64 * long as f64 / short as f64) as i64;
        let size = if h <= w { [self.image_size, scaled] } else { [scaled, self.image_size] };
        // On the CPU there is no half-precision kernel.
        let kind = if self.device.is_cuda() { self.kind } else { Kind::Float };
        x.to_kind(kind).internal_upsample_bilinear2d_aa(size, false, None, None).to_kind(self.kind)
    }

    /// Cuts a square out of the middle.
    fn crop(&self, x: &Tensor) -> Tensor {
        let offset = |side: i64| ((side - self.image_size) as f64 / 2.0).round_ties_even() as i64;
        let (top, left) = (offset(x.size()[2]), offset(x.size()[3]));
        x.narrow(2, top, self.image_size).narrow(3, left, self.image_size)
    }
}
