//! Denoising: samples at different steps, advanced together.

use tch::{Device, Kind, Tensor};

use crate::conditioning::Conditioning;
use crate::dit::{Denoiser, Input};
use crate::error::Error;
use crate::parallel;
use crate::probe::Probe;
use crate::scheduler::{Schedule, euler_step, network_time};

/// The latents of a sample, between noise and data.
#[derive(Debug)]
pub struct Sample {
    conditioning: Conditioning,
    /// [1, N, C].
    latents: Tensor,
    schedule: Schedule,
    guidance_scale: f64,
    step: u32,
}

impl Sample {
    /// From initial `latents` [1, N, C], of the denoiser's device and type. A negative guidance scale switches guidance
    /// off, where the denoiser does not have it as an input.
    pub fn new(conditioning: Conditioning, latents: Tensor, schedule: Schedule, guidance_scale: f64) -> Sample {
        Sample { conditioning, latents, schedule, guidance_scale, step: 0 }
    }

    /// Whether all steps are taken.
    pub fn is_done(&self) -> bool {
        self.step >= self.steps()
    }

    /// Steps taken.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Steps to take in all.
    pub fn steps(&self) -> u32 {
        self.schedule.steps() as u32
    }

    /// The latents [1, N, C] after the steps taken; times the VAE's scale factor when all are.
    pub fn latents(&self) -> &Tensor {
        &self.latents
    }

    fn timestep(&self) -> f32 {
        self.schedule.timesteps[self.step as usize]
    }

    fn delta(&self) -> f32 {
        self.schedule.delta(self.step as usize)
    }

    /// Whether the next step has no length, so that it leaves the latents as they are: the last step of `FlowMatchEuler`
    /// (section 10.1).
    fn has_empty_step(&self) -> bool {
        self.delta() == 0.0
    }

    /// Rows with the same shapes can share a network pass.
    fn shapes(&self) -> (Vec<i64>, Vec<i64>) {
        (self.latents.size(), self.conditioning.context().size())
    }
}

/// Checks the parameters of a sample.
///
/// # Errors
/// [`Error::Invalid`] if `steps` is 0 or the guidance scale is not a number.
pub(crate) fn check(steps: u32, guidance_scale: f64) -> Result<(), Error> {
    if steps == 0 {
        return Err(Error::Invalid("steps must be at least 1".to_owned()));
    }
    if !guidance_scale.is_finite() {
        return Err(Error::Invalid("guidance_scale must be a number".to_owned()));
    }
    Ok(())
}

/// Takes one step with each row that is not done.
///
/// Rows whose latents and contexts have the same shapes share a network pass. A step that would not change its row is
/// counted without a pass.
pub fn step(denoiser: &dyn Denoiser, rows: &mut [&mut Sample], probe: Probe<'_>) {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_done() && !row.has_empty_step()) {
        match groups.iter_mut().find(|group| rows[group[0]].shapes() == row.shapes()) {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    let mut moved = Vec::with_capacity(rows.len());
    for group in groups {
        let members: Vec<&Sample> = group.iter().map(|&i| &*rows[i]).collect();
        let latents = next_latents(denoiser, &members, probe);
        moved.extend(group.into_iter().zip(latents));
    }
    // After the last operation that can fail, so that a failed step leaves every row as it was.
    for row in rows.iter_mut().filter(|row| !row.is_done()) {
        row.step += 1;
    }
    for (i, latents) in moved {
        rows[i].latents = latents;
    }
}

/// The latents of each row after its step; rows have the same shapes.
fn next_latents(denoiser: &dyn Denoiser, rows: &[&Sample], probe: Probe<'_>) -> Vec<Tensor> {
    let of_rows = |value: fn(&Sample) -> f32| rows.iter().map(|row| value(row)).collect::<Vec<f32>>();
    let cat = |part: fn(&Sample) -> &Tensor| Tensor::cat(&rows.iter().map(|row| part(row)).collect::<Vec<_>>(), 0);
    let latents = cat(|row| &row.latents); // [B, N, C]
    let context = cat(|row| row.conditioning.context()); // [B, T, X]
    let (kind, device) = (latents.kind(), latents.device());
    let time = network_time(&of_rows(Sample::timestep), rows[0].schedule.scale, kind).to_device(device); // [B]
    let guidance = Tensor::from_slice(&of_rows(|row| row.guidance_scale as f32)).to_device(device).to_kind(kind); // [B]

    let velocity = if denoiser.guidance_embed() {
        let input = Input { latents: &latents, time: &time, context: &context, guidance: Some(&guidance) };
        pass(denoiser, &input, probe)
    } else {
        guided(denoiser, rows, &latents, &time, &context, &guidance, probe)
    };
    probe.see(format_args!("velocity"), &velocity);
    let delta = Tensor::from_slice(&of_rows(Sample::delta)).view([-1, 1, 1]).to_device(device).to_kind(Kind::Float);
    euler_step(&latents, &velocity, &delta).split(1, 0)
}

/// Classifier-free guidance (section 11): `v0 + guidance * (v - v0)` with the velocities `v` under the images and `v0` under a
/// context of zeros.
///
/// One network pass: all rows with their context, then the rows with guidance again, with a context of zeros.
fn guided(
    denoiser: &dyn Denoiser,
    rows: &[&Sample],
    latents: &Tensor,
    time: &Tensor,
    context: &Tensor,
    guidance: &Tensor,
    probe: Probe<'_>,
) -> Tensor {
    let wanted: Vec<i64> = (0..).zip(rows).filter(|(_, row)| row.guidance_scale >= 0.0).map(|(i, _)| i).collect();
    if wanted.is_empty() {
        return pass(denoiser, &Input { latents, time, context, guidance: None }, probe);
    }
    let (b, wanted) = (rows.len() as i64, Tensor::from_slice(&wanted).to_device(latents.device()));
    let and_again = |x: &Tensor| Tensor::cat(&[x, &x.index_select(0, &wanted)], 0); // [B + W, ..]
    let (latents, time) = (and_again(latents), and_again(time));
    let both = pass(denoiser, &Input { latents: &latents, time: &time, context, guidance: None }, probe);
    probe.see(format_args!("timesteps_model"), &time);
    probe.see(format_args!("model_output"), &both);

    let conditional = both.narrow(0, 0, b);
    let unconditional = both.narrow(0, b, both.size()[0] - b); // [W, N, C]
    let towards =
        (conditional.index_select(0, &wanted) - &unconditional) * guidance.index_select(0, &wanted).view([-1, 1, 1]);
    conditional.index_copy(0, &wanted, &(unconditional + towards))
}

/// The network on all rows: in one joint pass on a GPU, and for a probe.
///
/// On the CPU a joint pass gains nothing, and a matrix product of another size may round differently. There each row has
/// its own pass, so that its result does not depend on the other rows. Those without context are also cheaper alone, as
/// their equal context tokens are then one.
fn pass(denoiser: &dyn Denoiser, input: &Input<'_>, probe: Probe<'_>) -> Tensor {
    let (rows, with_context) = (input.latents.size()[0], input.context.size()[0]);
    let device = input.latents.device();
    if device != Device::Cpu || probe.is_watched() {
        return denoiser.forward(input, probe);
    }
    let velocity = input.latents.empty_like();
    let one = |row: usize| {
        let row = row as i64;
        let narrow = |x: &Tensor| x.narrow(0, row, 1);
        let context = if row < with_context { narrow(input.context) } else { input.context.narrow(0, 0, 0) };
        let (latents, time, guidance) = (narrow(input.latents), narrow(input.time), input.guidance.map(narrow));
        let input = Input { latents: &latents, time: &time, context: &context, guidance: guidance.as_ref() };
        narrow(&velocity).copy_(&denoiser.forward(&input, Probe::NONE));
    };
    if parallel::is_small(device, denoiser.width()) {
        // SAFETY: every call writes to the row that is its own.
        unsafe { parallel::for_each(device, rows as usize, one) };
    } else {
        (0..rows as usize).for_each(one);
    }
    velocity
}
