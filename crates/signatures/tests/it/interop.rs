//! Requests signed by independent client libraries (see `tests/interop/sign.py`).

use crate::sample::Sample;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use signatures::{Key, Malformed};
use std::path::Path;
use std::process::Command;

const SECRET: &[u8] = b"orf_secret_of_the_interop_test";

#[test]
fn requests_signed_by_other_libraries_verify() {
    let requests = signed_by_others();
    let (refused, accepted): (Vec<_>, Vec<_>) = requests.into_iter().partition(|(name, _)| name.starts_with('!'));
    assert_eq!((accepted.len(), refused.len()), (13, 5));
    for (name, request) in accepted {
        let presented = request.parse().unwrap_or_else(|error| panic!("{name}: {error}")).unwrap();
        assert_eq!(presented.key, Key::Id("key_interop".into()), "{name}");
        assert!(request.is_accepted(SECRET), "{name}");
        assert!(!request.is_accepted(b"another secret"), "{name}");
        assert_eq!(presented.expires.is_some(), name == "expires");
    }
    for (name, request) in refused {
        let not_covered = |name| Err(Malformed::NotCovered { name });
        let answer = request.parse().map(|presented| presented.is_some());
        match name.as_str() {
            "!without-nonce" => assert!(matches!(answer, Err(Malformed::Parameter { name: "nonce", .. }))),
            "!another-tag" => assert_eq!(answer, Ok(false), "not for us"),
            "!query-open" => assert_eq!(answer, not_covered("@query")),
            "!type-open" => assert_eq!(answer, not_covered("content-type")),
            "!parameter" => assert!(matches!(answer, Err(Malformed::ComponentParameter { .. }))),
            other => panic!("{other}"),
        }
        assert!(!request.is_accepted(SECRET), "{name}");
    }
}

fn signed_by_others() -> Vec<(String, Sample)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../.venv/bin/python");
    let run = Command::new(&python).arg(here.join("tests/interop/sign.py")).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask setup --tests` makes it", python.display()));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let requests: Vec<Value> = serde_json::from_slice(&run.stdout).unwrap();
    requests.iter().map(|request| (request["name"].as_str().unwrap().to_owned(), sample(request))).collect()
}

fn sample(request: &Value) -> Sample {
    let (scheme, rest) = request["url"].as_str().unwrap().split_once("://").unwrap();
    let (authority, target) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let headers = request["headers"].as_object().unwrap().iter();
    Sample {
        method: request["method"].as_str().unwrap().into(),
        scheme: scheme.into(),
        authority: authority.into(),
        path: path.into(),
        query,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().into())).collect(),
        body: BASE64_STANDARD.decode(request["body"].as_str().unwrap()).unwrap(),
    }
}
