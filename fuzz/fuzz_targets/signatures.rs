//! Parses and verifies both signing schemes. The input is an HTTP/1.1 request; the scheme is `https` if its last byte
//! is odd.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::{BodyDigest, Freshness, Presented, Request, Signer, agent, http};

fuzz_target!(|input: &[u8]| {
    let Some(request) = Parts::split(input) else { return };
    let headers = |name: &str| {
        let values = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        values.map(|(_, value)| *value).collect()
    };
    let scheme = if input.last().is_some_and(|byte| byte % 2 == 1) { "https" } else { "http" };
    let Parts { method, path, query, authority, .. } = request;
    let head = Request { method, scheme, authority, path, query, headers: &headers };
    let body = BodyDigest::of(request.body);

    if let Ok(Some(presented)) = Presented::parse(&head) {
        let _ = presented.check_fresh(Freshness::default(), 1_750_000_000);
        assert!(!presented.verify(&[0xff; 32], &body) && !presented.verify_head(&[0xff; 32]), "an unknown secret");
    }
    // Every request that can be signed verifies.
    let signer = Signer { key: "orf_test_key", secret: b"secret", created: 1_750_000_000, nonce: "0123456789abcdef" };
    for sign in [agent::sign, http::sign] {
        let Ok(signed) = sign(&head, &signer, &body) else { continue };
        let both = |name: &str| match signed.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => vec![value.as_bytes()],
            // Signatures in the input are left out.
            None if name.starts_with("x-agent-") || name.starts_with("signature") => Vec::new(),
            None => headers(name),
        };
        let presented = Presented::parse(&Request { headers: &both, ..head }).expect("just signed").expect("a signature");
        assert!(presented.verify(b"secret", &body));
    }
});

struct Parts<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    authority: &'a str,
    headers: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(input: &'a [u8]) -> Option<Self> {
        let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
        let (head, body) = input.split_at(end);
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, target) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let headers: Vec<_> = lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                Some((&line[..colon], &line[colon + 1..]))
            })
            .collect();
        let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        let authority = std::str::from_utf8(host.map_or(b"", |(_, value)| *value)).ok()?.trim();
        Some(Self { method, path, query, authority, headers, body: body.get(2..).unwrap_or_default() })
    }
}
