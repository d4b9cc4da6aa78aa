//! `schedulers`: tables of noise levels, and trajectories with given velocities.

use hunyuan3d::scheduler::{ConsistencyFlowMatchEuler, FlowMatchEuler, Schedule, Scheduler, euler_step};
use tch::{Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Tolerance};

const SIGMA: Tolerance = Tolerance::abs(1e-6);
const TIMESTEP: Tolerance = Tolerance::abs(1e-3);
const TRAJECTORY: Tolerance = Tolerance::abs(1e-5);
const HALF_TRAJECTORY: Tolerance = Tolerance::abs(2e-3);

/// T, which the files do not name: that of the released models.
const NUM_TRAIN_TIMESTEPS: i64 = 1000;
/// P of the trajectory where no table names one: that of the released models.
const PCM_TIMESTEPS: i64 = 100;

pub(crate) fn check(case: &Case, report: &mut Report) {
    let tables: Vec<&str> = case.names().filter_map(|name| name.strip_suffix(".sigmas")).collect();
    for table in tables {
        let schedule = schedule(table);
        let sigmas = Tensor::from_slice(&schedule.sigmas);
        report.tensor(case, &format!("{table}.sigmas"), &sigmas, SIGMA);
        let timesteps = format!("{table}.timesteps");
        if case.has(&timesteps) {
            report.tensor(case, &timesteps, &Tensor::from_slice(&schedule.timesteps), TIMESTEP);
        }
    }
    // The trajectory's P is not in its name; it is the largest that the case has tables for.
    let pcm = |name: &str| name.strip_prefix("consistency.pcm")?.split('.').next()?.parse().ok();
    let pcm_timesteps = case.names().filter_map(pcm).max().unwrap_or(PCM_TIMESTEPS);
    trajectory(case, "flow", &FlowMatchEuler::new(NUM_TRAIN_TIMESTEPS, 1.0), report);
    trajectory(case, "consistency", &ConsistencyFlowMatchEuler::new(NUM_TRAIN_TIMESTEPS, pcm_timesteps), report);
}

/// The schedule that a table's name describes: `flow.n5.shift3.0`, `consistency.pcm100.n5` ...
fn schedule(table: &str) -> Schedule {
    let (kind, rest) = table.split_once('.').unwrap();
    let (first, second) = rest.split_once('.').unwrap();
    let number = |text: &str, prefix: &str| text.strip_prefix(prefix).unwrap().parse::<f64>().unwrap();
    match (kind, second) {
        ("flow", "default_sigmas_path") => {
            let scheduler = FlowMatchEuler::new(NUM_TRAIN_TIMESTEPS, 1.0);
            scheduler.schedule_from(1.0 / NUM_TRAIN_TIMESTEPS as f64, number(first, "n") as u32)
        }
        ("flow", shift) => {
            FlowMatchEuler::new(NUM_TRAIN_TIMESTEPS, number(shift, "shift")).schedule(number(first, "n") as u32)
        }
        ("consistency", steps) => {
            let scheduler = ConsistencyFlowMatchEuler::new(NUM_TRAIN_TIMESTEPS, number(first, "pcm") as i64);
            scheduler.schedule(number(steps, "n") as u32)
        }
        _ => panic!("unknown table {table}"),
    }
}

fn trajectory(case: &Case, kind: &str, scheduler: &dyn Scheduler, report: &mut Report) {
    let name = |part: &str| format!("{kind}.traj.{part}");
    if !case.has(&name("x0")) {
        return;
    }
    let (start, velocities) = (case.tensor(&name("x0")), case.tensor(&name("model_outputs")));
    let schedule = scheduler.schedule(velocities.size()[0] as u32);
    let rows = start.size()[0];
    let run = |kind: Kind| {
        let mut x = start.to_kind(kind);
        let mut samples = Vec::new();
        for i in 0..schedule.steps() {
            // Every row has its own step length in a batch; here they are all the same.
            let delta = Tensor::full([rows, 1, 1], f64::from(schedule.delta(i)), (Kind::Float, x.device()));
            x = euler_step(&x, &velocities.get(i as i64).to_kind(kind), &delta);
            assert_eq!(x.kind(), kind);
            samples.push(x.shallow_clone());
        }
        Tensor::stack(&samples, 0)
    };
    let samples = run(Kind::Float);
    report.tensor(case, &name("samples"), &samples, TRAJECTORY);
    report.tensor(case, &name("samples_fp16"), &run(Kind::Half), HALF_TRAJECTORY);
    if let Some(expected) = case.find(&name("pred_original")) {
        let before = Tensor::cat(&[start.unsqueeze(0), samples.narrow(0, 0, samples.size()[0] - 1)], 0);
        let left = Tensor::from_slice(&schedule.sigmas[..schedule.steps()]).view([-1, 1, 1, 1]).neg() + 1.0;
        report.close(&name("pred_original"), &(before + left * velocities), &expected, TRAJECTORY);
    }
}
