//! Golden vectors: every case of a directory is found from its files, run and compared, tensor by tensor.
//!
//! `cargo test -p hunyuan3d --test golden -- --nocapture` walks the project's own cases (`tests/golden/cases`);
//! `ORFEAS_GOLDEN=DIR` walks another directory. A case is a folder with an `io.safetensors`; the stem of the folder's
//! name chooses its check (the table below), and everything else — sizes, seeds, runs, batch sizes — comes from its
//! files. A folder of unknown kind, an empty directory, a tensor that no check has consumed, and a tensor out of
//! tolerance all fail.
//!
//! To add a kind: a file with `pub(crate) fn check(case: &Case, report: &mut Report)` and a line in [`KINDS`].
//! `check` reads its inputs with [`Case::tensor`] (a name that is read counts as consumed), runs the crate's public
//! API and hands results to [`Report`]; stages come from a [`compare::Stages`] probe. It may panic: a panic fails the
//! case, and the others go on.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod case;
mod compare;
mod dino_transform;
mod dinov2;
mod dit;
mod e2e;
mod flashvdm_attn;
mod image_processor;
mod marching_cubes;
mod postprocess;
mod schedulers;
mod surface;
mod vae;
mod vol;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use case::Case;
use compare::Report;

type Check = fn(&Case, &mut Report);

/// Stem of a folder's name (the whole name, or what stands before a `-`) and the check for it.
const KINDS: &[(&str, Check)] = &[
    ("dino-transform", dino_transform::check),
    ("dinov2", dinov2::check),
    ("dit", dit::check),
    ("e2e", e2e::check),
    ("flashvdm-attn", flashvdm_attn::check),
    ("image-processor", image_processor::check),
    ("marching-cubes", marching_cubes::check),
    ("postprocess", postprocess::check),
    ("schedulers", schedulers::check),
    ("vae", vae::check),
    ("vol", vol::check),
];

#[test]
fn golden_cases_agree() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let root = std::env::var_os("ORFEAS_GOLDEN").map_or(own, PathBuf::from);
    let folders = case::folders(&root);
    assert!(!folders.is_empty(), "no golden case under {}", root.display());

    let mut failed = false;
    println!("{:<28} {:>8} {:>8} {:>14} {:>8}", "case", "tensors", "checks", "worst rel. err", "");
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut report = Report::default();
        match KINDS.iter().find(|(stem, _)| name == *stem || name.starts_with(&format!("{stem}-"))) {
            None => report.fail(format!("no check is known for a case named {name}")),
            Some((_, check)) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let case = Case::read(&folder);
                    report.tensors = case.len();
                    tch::no_grad(|| check(&case, &mut report));
                    for name in case.untouched() {
                        report.fail(format!("{name}: no check has consumed this tensor"));
                    }
                }));
                if let Err(panic) = outcome {
                    report.fail(format!("panicked: {}", compare::panic_text(&*panic)));
                }
                if report.checks == 0 {
                    report.fail("nothing was compared".to_owned());
                }
            }
        }
        let verdict = if report.failures.is_empty() { "ok" } else { "FAILED" };
        println!("{name:<28} {:>8} {:>8} {:>14.2e} {verdict:>8}", report.tensors, report.checks, report.worst);
        for failure in &report.failures {
            println!("    {failure}");
        }
        failed |= !report.failures.is_empty();
    }
    assert!(!failed, "golden cases differ, see the table above");
}
