//! Arbitrary input never causes a panic.

use crate::sample::{SECRET, Sample};
use proptest::prelude::*;
use signatures::{BodyDigest, Freshness, Scheme, Signer, agent, http};

const NAMES: [&str; 13] = [
    "x-agent-api-key",
    "x-agent-timestamp",
    "x-agent-nonce",
    "x-agent-content-sha256",
    "x-agent-signature",
    "signature-input",
    "signature",
    "content-digest",
    "content-type",
    "content-encoding",
    "idempotency-key",
    "x-test-scenario",
    "x-other",
];

/// Fragments of well-formed fields: random combinations of them get further into the parser than random bytes.
const PIECES: [&str; 28] = [
    "sig=",
    "a",
    "(",
    ")",
    "\"@method\"",
    "\"@path\"",
    "\"@query\"",
    "\"@authority\"",
    "\"content-digest\"",
    " ",
    ";",
    "created=1750000000",
    "nonce=\"0123456789abcdef\"",
    "keyid=\"k\"",
    "alg=\"hmac-sha256\"",
    "tag=\"orfeas\"",
    "expires=-1",
    ", ",
    "=",
    ":",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "sha-256=",
    "sha-512=",
    "\"",
    "\\",
    "@1",
    "?1",
    "%\"f%c3%bc\"",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        pieces.prop_map(|pieces| pieces.concat().into_bytes()),
        "[0-9a-f]{64}|[0-9]{0,14}|[A-Za-z0-9_-]{16,64}".prop_map(String::into_bytes),
        (0_usize..20_000).prop_map(|len| vec![b'a'; len]),
    ]
}

fn any_request() -> impl Strategy<Value = Sample> {
    let header = (proptest::sample::select(&NAMES[..]), value()).prop_map(|(name, value)| (name.to_owned(), value));
    let headers = proptest::collection::vec(header, 0..14);
    (".{0,8}", ".{0,8}", ".{0,40}", ".{0,60}", proptest::option::of(".{0,60}"), headers).prop_map(
        |(method, scheme, authority, path, query, headers)| Sample {
            method,
            scheme,
            authority,
            path,
            query,
            headers,
            body: Vec::new(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_server_never_panics(sample in any_request(), now in any::<u64>()) {
        match sample.parse() {
            Err(error) => prop_assert!(error.to_string().len() < 400),
            Ok(None) => {}
            Ok(Some(presented)) => {
                let _ = presented.check_fresh(Freshness::default(), now);
                prop_assert!(!presented.verify(SECRET, &BodyDigest::EMPTY) && !presented.verify_head(SECRET));
            }
        }
    }

    #[test]
    fn almost_valid_fields_never_panic(input in value(), signature in value(), digest in value()) {
        let mut sample = Sample::full().signed(Scheme::Http);
        for (name, value) in [("signature-input", input), ("signature", signature), ("content-digest", digest)] {
            let header = sample.headers.iter_mut().find(|(n, _)| n == name).unwrap();
            header.1 = value;
            prop_assert!(!sample.is_accepted(SECRET));
        }
    }

    #[test]
    fn a_client_never_panics(sample in any_request(), key in ".{0,200}", nonce in ".{0,200}", created in any::<u64>()) {
        let signer = Signer { key: &key, secret: b"", created, nonce: &nonce };
        for sign in [agent::sign, http::sign] {
            let _ = sample.with(|request| sign(request, &signer, &BodyDigest::of(b"body")));
        }
    }
}
