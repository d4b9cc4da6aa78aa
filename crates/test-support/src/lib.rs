//! What tests stand on: a redis-server of their own, a line that can be cut, and services as real processes.
//!
//! * [`RedisServer`]: a private redis-server on a free loopback port, stopped when it goes out of scope.
//! * [`ChaosProxy`]: a TCP line between two parties that a test can cut, stall or slow down.
//! * [`ServiceProcess`]: a binary under test, its log lines, and the signals that end it.
//! * [`sign`] and [`fresh`]: requests that prove whose they are. [`problem()`]: answers that say what is wrong.
//! * [`options_are_explained`], [`routes_are_as_described`]: what holds for every service.
//! * [`free_port`], [`wait_until`], [`away_from_midnight`]: the small things that such tests need.
//!
//! Only tests use this crate. Everything here panics with a telling message instead of returning an error: a test
//! that cannot set up its world has failed.

mod problem;
mod proxy;
mod redis_server;
mod service;
mod service_rules;
mod signal;
mod signed;
mod wait;

pub use problem::problem;
pub use proxy::ChaosProxy;
pub use redis_server::RedisServer;
pub use service::ServiceProcess;
pub use service_rules::{options_are_explained, routes_are_as_described};
pub use signed::{fresh, sign};
pub use wait::{away_from_midnight, free_port, wait_until};
