//! Group commit: concurrent operations of one process share a call of a script.
//!
//! Redis runs one script at a time, and a script has fixed costs: looking it up, the clock, the counters of the queue,
//! and the account of a tenant. While as many calls are under way as [`CALLS`], operations gather and then go together.
//! An operation that arrives alone is sent at once.

use crate::error::Error;
use crate::queue::Inner;
use redis::{Script, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Calls of one script under way at a time: while Redis runs one, the next one is written.
const CALLS: usize = 2;
/// Most jobs of one call, unless a single operation has more.
const MOST_JOBS: usize = 48;

/// An operation: the arguments of the script, and how many jobs it concerns.
struct Operation {
    arguments: Vec<Vec<u8>>,
    jobs: usize,
    answer: oneshot::Sender<Result<Value, Error>>,
}

/// Operations of one script that wait for a call.
#[derive(Default)]
pub(crate) struct Commit(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Operation>,
    calls: usize,
}

/// What to do for a kind of operation: the script, and the arguments that precede those of the operations.
pub(crate) struct Target {
    pub(crate) commit: fn(&Inner) -> &Commit,
    pub(crate) script: fn(&Inner) -> &Script,
    pub(crate) head: fn(&Inner) -> Vec<u64>,
}

/// Arguments of an operation.
#[derive(Default)]
pub(crate) struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    pub(crate) fn push(&mut self, argument: impl redis::ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.0);
        self
    }
}

/// Runs an operation together with others of its kind, and returns its own answer. It may run twice when an answer was
/// lost. Dropping the future does not take the operation back.
pub(crate) async fn run(
    inner: &Arc<Inner>,
    target: &'static Target,
    arguments: Arguments,
    jobs: usize,
) -> Result<Value, Error> {
    let (answer, answered) = oneshot::channel();
    let commit = (target.commit)(inner);
    {
        let mut state = commit.lock();
        state.waiting.push_back(Operation { arguments: arguments.0, jobs, answer });
        if state.calls < CALLS {
            state.calls += 1;
            tokio::spawn(send(Arc::clone(inner), target));
        }
    }
    answered.await.unwrap_or_else(|gone| Err(Error::Unavailable(Box::new(gone))))
}

/// Sends waiting operations until there are none.
async fn send(inner: Arc<Inner>, target: &'static Target) {
    loop {
        // Callers whose operations were answered together are ready to send their next ones together.
        tokio::task::yield_now().await;
        let Some(operations) = (target.commit)(&inner).next() else { return };
        let mut call = (target.script)(&inner).prepare_invoke();
        call.key(inner.keys.prefix()).arg(inner.retention).arg(inner.users_share);
        for argument in (target.head)(&inner) {
            call.arg(argument);
        }
        for operation in &operations {
            for argument in &operation.arguments {
                call.arg(argument.as_slice());
            }
        }
        let answers = inner.connections.script::<Vec<Value>>(&call).await;
        let mut answers = answers.map(VecDeque::from);
        for operation in operations {
            let answer = match &mut answers {
                Ok(answers) => answers.pop_front().ok_or(Error::Corrupt { what: "an answer", source: None }),
                Err(error) => Err(error.duplicate().into()),
            };
            let _ = operation.answer.send(answer);
        }
    }
}

impl Commit {
    /// The operations of the next call; `None` when there are none.
    fn next(&self) -> Option<Vec<Operation>> {
        let mut state = self.lock();
        let (mut operations, mut jobs) = (Vec::new(), 0);
        while let Some(operation) = state.waiting.front()
            && (operations.is_empty() || jobs + operation.jobs <= MOST_JOBS)
        {
            jobs += operation.jobs;
            operations.extend(state.waiting.pop_front());
        }
        if operations.is_empty() {
            state.calls -= 1;
            return None;
        }
        Some(operations)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
