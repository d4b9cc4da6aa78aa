//! Comparing tensors within tolerances, and the report of a case.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;

use hunyuan3d::probe::Probe;
use tch::{Device, Kind, Tensor};

use crate::case::Case;

/// The largest error of a result: both bounds hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// Largest absolute error.
    pub(crate) abs: f64,
    /// Largest absolute error over the largest absolute expected value.
    pub(crate) rel: f64,
}

impl Tolerance {
    /// Only the absolute error counts.
    pub(crate) const fn abs(abs: f64) -> Tolerance {
        Tolerance { abs, rel: f64::INFINITY }
    }

    /// Only the relative error counts.
    pub(crate) const fn rel(rel: f64) -> Tolerance {
        Tolerance { abs: f64::INFINITY, rel }
    }
}

/// The comparisons of a case and their failures.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) tensors: usize,
    pub(crate) checks: usize,
    pub(crate) worst: f64,
    pub(crate) failures: Vec<String>,
}

impl Report {
    /// Notes a failure.
    pub(crate) fn fail(&mut self, message: String) {
        self.failures.push(message);
    }

    /// One yes-or-no check.
    pub(crate) fn holds(&mut self, condition: bool, message: impl FnOnce() -> String) {
        self.checks += 1;
        if !condition {
            self.fail(message());
        }
    }

    /// A number against an expected one, within a relative tolerance.
    pub(crate) fn number(&mut self, what: &str, got: f64, want: f64, rel: f64) {
        let error = (got - want).abs() / want.abs().max(1e-12);
        self.holds(error <= rel, || {
            format!("{what}: {got} instead of {want} (relative error {error:.2e} > {rel:.0e})")
        });
    }

    /// `got` against the case's tensor `name`: same shape, within tolerance. Consumes the tensor.
    pub(crate) fn tensor(&mut self, case: &Case, name: &str, got: &Tensor, tolerance: Tolerance) {
        self.close(name, got, &case.tensor(name), tolerance);
    }

    /// `got` against `want`: same shape, within tolerance, non-finite values in the same places.
    pub(crate) fn close(&mut self, what: &str, got: &Tensor, want: &Tensor, tolerance: Tolerance) {
        self.checks += 1;
        if got.size() != want.size() {
            return self.fail(format!("{what}: shape {:?} instead of {:?}", got.size(), want.size()));
        }
        if want.numel() == 0 {
            return;
        }
        let got = got.to_device(Device::Cpu).to_kind(Kind::Double);
        let want = want.to_kind(Kind::Double);
        let error = (&got - &want).abs().nan_to_num(f64::INFINITY, None, None).max().double_value(&[]);
        let scale = want.abs().max().double_value(&[]);
        let relative = if error == 0.0 { 0.0 } else { error / scale.max(f64::MIN_POSITIVE) };
        self.worst = self.worst.max(relative);
        if error > tolerance.abs || relative > tolerance.rel {
            self.fail(format!("{what}: max abs error {error:.2e}, relative {relative:.2e}, allowed {tolerance:?}"));
        }
    }

    /// Every `stage.*` of the case that `stages` has seen: within tolerance. Consumes those tensors; a stage that the
    /// network never showed stays unconsumed and so fails the case.
    pub(crate) fn stages(&mut self, case: &Case, stages: &Stages, tolerance: Tolerance) {
        self.stages_with(case, stages, |_| tolerance);
    }

    /// As [`Report::stages`], with a tolerance for each stage's name.
    pub(crate) fn stages_with(&mut self, case: &Case, stages: &Stages, tolerance: impl Fn(&str) -> Tolerance) {
        for (stage, got) in stages.seen.borrow().iter() {
            let name = format!("stage.{stage}");
            if case.has(&name) {
                self.tensor(case, &name, got, tolerance(stage));
            }
        }
    }
}

/// Collects what a probe shows, by name.
#[derive(Default)]
pub(crate) struct Stages {
    seen: RefCell<BTreeMap<String, Tensor>>,
}

impl Stages {
    /// Runs a forward pass with a probe that copies every stage into `self`. Of a stage shown twice, the later stays.
    pub(crate) fn watch<T>(&self, forward: impl FnOnce(Probe<'_>) -> T) -> T {
        let sink = |name: &str, tensor: &Tensor| {
            self.seen.borrow_mut().insert(name.to_owned(), tensor.copy());
        };
        forward(Probe::new(&sink))
    }
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}
