//! Test infrastructure: private redis-servers, a TCP proxy that injects faults, and services as real processes.
//!
//! * [`RedisServer`]: a private redis-server on a free loopback port, which can be killed, paused, rewound and made to
//!   refuse writes.
//! * [`ChaosProxy`]: a TCP proxy that a test can cut, stall or slow down.
//! * [`ServiceProcess`]: a binary under test, its log lines, and the signals that end it.
//! * [`job()`], [`result()`], [`worker_info`]: examples of what the queue stores.
//! * [`sign`] and [`fresh`]: signed requests. [`problem()`]: expected error responses.
//! * [`options_are_explained`], [`routes_are_as_described`]: checks that apply to every service.
//! * [`free_port`], [`wait_until`], [`away_from_midnight`]: ports and waiting.
//!
//! Only tests use this crate. Its functions panic with a clear message instead of returning errors: a test that cannot
//! set up its environment has failed.

mod jobs;
mod problem;
mod proxy;
mod redis_server;
mod service;
mod service_rules;
mod signal;
mod signed;
mod wait;

pub use jobs::{job, result, worker_info};
pub use problem::problem;
pub use proxy::ChaosProxy;
pub use redis_server::{RedisFiles, RedisServer};
pub use service::ServiceProcess;
pub use service_rules::{options_are_explained, routes_are_as_described};
pub use signed::{fresh, sign};
pub use wait::{away_from_midnight, free_port, wait_until};
