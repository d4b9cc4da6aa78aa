//! The entry point of the fuzzer.

use super::{ParsedRequest, form, json};
use bytes::Bytes;

const MOST: usize = 4;

/// Parses a body as JSON and as form data, for one mesh and for a batch. It is refused, or what it asks for is in range.
pub fn fuzz(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let parsed = [
        json::single(&body, None),
        json::batch(&body, None, MOST),
        form::single("x", body.clone()),
        form::batch("x", body.clone(), MOST),
    ];
    for result in parsed {
        match result {
            Ok(ParsedRequest { jobs, .. }) => {
                assert!((1..=MOST).contains(&jobs.len()));
                for job in jobs {
                    assert!((1..=4).contains(&job.images.len()));
                    let stored =
                        serde_json::to_value(&job.parameters).expect("parameters can be written. This is a bug.");
                    let mut again = domain::Parameters::default();
                    for (name, value) in stored.as_object().into_iter().flatten() {
                        again.set(name, value).expect("a parsed parameter is in its range. This is a bug.");
                    }
                    assert_eq!(again, job.parameters);
                }
            }
            Err(problem) => assert!(problem.detail().len() < 2000, "a client's value is echoed"),
        }
    }
}
