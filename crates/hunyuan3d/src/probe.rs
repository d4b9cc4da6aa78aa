//! Observation of intermediate tensors: tests see every named stage of a forward pass; without a sink nothing is computed.

use std::fmt;

use tch::Tensor;

/// The callback of a probe: it gets the name of a stage and its tensor.
pub type Sink<'a> = dyn Fn(&str, &Tensor) + 'a;

/// Passed down through a forward pass; shows each named stage to a sink, if there is one ([`Probe::NONE`]).
///
/// The name is formatted only if there is a sink:
///
/// ```no_run,standalone_crate
/// use std::cell::RefCell;
/// use hunyuan3d::probe::Probe;
/// use tch::{Device, Kind, Tensor};
///
/// let seen = RefCell::new(Vec::new());
/// let sink = |name: &str, tensor: &Tensor| seen.borrow_mut().push((name.to_owned(), tensor.size()));
/// let layer = 3;
/// Probe::new(&sink).see(format_args!("layer{layer}.out"), &Tensor::zeros([2, 5], (Kind::Float, Device::Cpu)));
/// assert_eq!(seen.into_inner(), [("layer3.out".to_owned(), vec![2, 5])]);
/// ```
#[derive(Clone, Copy)]
pub struct Probe<'a>(Option<&'a Sink<'a>>);

impl<'a> Probe<'a> {
    /// Without a sink.
    pub const NONE: Probe<'static> = Probe(None);

    /// A probe that shows every stage to `sink`.
    pub fn new(sink: &'a Sink<'a>) -> Probe<'a> {
        Probe(Some(sink))
    }

    /// Whether there is a sink.
    pub fn is_watched(self) -> bool {
        self.0.is_some()
    }

    /// Shows one stage: `probe.see(format_args!("resblock{i}.attn"), &x)`.
    #[inline]
    pub fn see(self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        if let Some(sink) = self.0 {
            match name.as_str() {
                Some(name) => sink(name, tensor),
                None => sink(&name.to_string(), tensor),
            }
        }
    }
}

impl Probe<'_> {
    /// As [`Probe::see`], for a stage that the pass itself does not make: `tensor` runs only if there is a sink.
    #[inline]
    pub fn see_with(self, name: fmt::Arguments<'_>, tensor: impl FnOnce() -> Tensor) {
        if self.0.is_some() {
            self.see(name, &tensor());
        }
    }
}

impl fmt::Debug for Probe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Probe(watched)" } else { "Probe::NONE" })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn a_stage_is_seen_by_name_or_not_made_at_all() {
        let seen = RefCell::new(Vec::new());
        let sink = |name: &str, tensor: &Tensor| seen.borrow_mut().push((name.to_owned(), tensor.size()));
        let zeros = || Tensor::zeros([2, 5], (Kind::Float, Device::Cpu));
        let layer = 3;
        Probe::new(&sink).see(format_args!("layer{layer}.out"), &zeros());
        Probe::new(&sink).see_with(format_args!("plain"), zeros);
        assert_eq!(seen.into_inner(), [("layer3.out".to_owned(), vec![2, 5]), ("plain".to_owned(), vec![2, 5])]);

        Probe::NONE.see_with(format_args!("unseen"), || panic!("there is no sink"));
    }
}
