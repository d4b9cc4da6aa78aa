//! Ten thousand random changes to covered parts of signed requests: none is accepted.

use crate::sample::{NOW, SECRET, Sample};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sfv::{Dictionary, FieldType, ListEntry, Parser};
use signatures::{BodyDigest, COVERED_HEADERS, Presented, Scheme, Signer, agent, http};

const CHANGES: usize = 10_000;

#[test]
fn no_change_to_a_request_of_the_agent_scheme_is_accepted() {
    tamper(Scheme::Agent);
}

#[test]
fn no_change_to_an_http_message_signature_is_accepted() {
    tamper(Scheme::Http);
}

fn tamper(scheme: Scheme) {
    let mut runner = TestRunner::deterministic();
    let full = any_sample();
    let changes = proptest::collection::vec(any_change(), 1..3);
    let (mut made, mut readable) = (0, 0);
    while made < CHANGES {
        let signed = full.new_tree(&mut runner).unwrap().current().signed(scheme);
        assert!(signed.is_accepted(SECRET), "{signed:?}");
        let changed = changes
            .new_tree(&mut runner)
            .unwrap()
            .current()
            .iter()
            .fold(signed.clone(), |sample, change| change.apply(sample));
        if meaning(&changed, scheme) != meaning(&signed, scheme) {
            made += 1;
            readable += usize::from(changed.parse().is_ok_and(|presented| presented.is_some()));
            assert!(!changed.is_accepted(SECRET), "{signed:?}\nchanged to\n{changed:?}");
        }
    }
    // Many changes must reach the comparison, or this would only test the parser.
    assert!(readable > CHANGES / 4, "{readable} of {made} could be read");
}

proptest! {
    /// Every request that can be signed verifies with its secret and with no other.
    #[test]
    fn what_is_signed_verifies(
        sample in any_sample(),
        secret in proptest::collection::vec(any::<u8>(), 1..100),
        nonce in "[A-Za-z0-9_-]{16,64}",
        key in "[A-Za-z0-9_]{1,128}",
        created in 1_u64..999_999_999_999,
    ) {
        let signer = Signer { key: &key, secret: &secret, created, nonce: &nonce };
        let body = BodyDigest::of(&sample.body);
        for sign in [agent::sign, http::sign] {
            let mut signed = sample.clone();
            let added = sample.with(|request| sign(request, &signer, &body)).unwrap();
            signed.headers.extend(added.into_iter().map(|(name, value)| (name.into(), value.into())));
            prop_assert!(signed.is_accepted(&secret));
            prop_assert!(!signed.is_accepted(SECRET));
            let Presented { created: told, .. } = signed.parse().unwrap().unwrap();
            prop_assert_eq!(told, created);
        }
    }
}

/// Requests with and without each optional part.
fn any_sample() -> impl Strategy<Value = Sample> {
    let value = "[!-~]([ -~]{0,30}[!-~])?";
    let header = move |name: &'static str| proptest::option::of(value.prop_map(move |value| (name.to_owned(), value)));
    let headers = (header("content-type"), header("content-encoding"), header("idempotency-key"), header("accept"));
    (
        "[A-Z]{3,7}",
        "/[!-\"$->@-~]{0,40}",
        proptest::option::of("[!-\"$-~]{0,40}"),
        headers,
        proptest::collection::vec(any::<u8>(), 0..100),
    )
        .prop_map(|(method, path, query, (a, b, c, d), body)| Sample {
            method,
            path,
            query,
            headers: [a, b, c, d].into_iter().flatten().map(|(name, value)| (name, value.into_bytes())).collect(),
            body,
            ..Sample::full()
        })
}

/// One random change: target, kind, positions and value.
#[derive(Debug, Clone, Copy)]
struct Change {
    what: u8,
    how: u8,
    one: Index,
    other: Index,
    byte: u8,
}

fn any_change() -> impl Strategy<Value = Change> {
    let drawn = (any::<u8>(), any::<u8>(), any::<Index>(), any::<Index>(), any::<u8>());
    drawn.prop_map(|(what, how, one, other, byte)| Change { what, how, one, other, byte })
}

impl Change {
    fn apply(self, mut sample: Sample) -> Sample {
        let headers = sample.headers.len();
        match self.what % 20 {
            0 => sample.method = self.text(&sample.method),
            1 => sample.authority = self.text(&sample.authority),
            2 => sample.path = self.text(&sample.path),
            3 => sample.query = sample.query.map(|query| self.text(&query)),
            4 => sample.query = sample.query.map_or(Some("a=1".into()), |_| None),
            5 => sample.path = format!("{}?{}", sample.path, sample.query.take().unwrap_or_default()),
            6 => sample.body = self.bytes(sample.body),
            7..=10 => {
                let (_, value) = self.one.get_mut(&mut sample.headers);
                *value = self.text(&String::from_utf8_lossy(value)).into_bytes();
            }
            11 => drop(sample.headers.remove(self.one.index(headers))),
            12 => {
                let name = *self.one.get(&COVERED_HEADERS);
                sample.headers.push((name.to_owned(), b"application/json".to_vec()));
            }
            13 => {
                let (one, other) = (self.one.index(headers), self.other.index(headers));
                let value = sample.headers[one].1.clone();
                sample.headers[one].1 = std::mem::replace(&mut sample.headers[other].1, value);
            }
            14 => self.one.get_mut(&mut sample.headers).0 = (*self.other.get(&COVERED_HEADERS)).to_owned(),
            15 => {
                let later = (NOW + 1 + u64::from(self.byte)).to_string();
                for (_, value) in &mut sample.headers {
                    *value = String::from_utf8_lossy(value).replace(&NOW.to_string(), &later).into_bytes();
                }
            }
            _ => return self.signature_input(sample),
        }
        sample
    }

    /// Changes that keep `Signature-Input` well-formed: order, components, parameters.
    fn signature_input(self, sample: Sample) -> Sample {
        let Some(mut fields) = dictionary(&sample, "signature-input") else { return sample };
        let Some((_, ListEntry::InnerList(list))) = fields.first_mut() else { return sample };
        let (items, params) = (list.items.len(), list.params.len());
        match self.how % 6 {
            0 if items > 0 => list.items.swap(self.one.index(items), self.other.index(items)),
            1 if items > 0 => drop(list.items.remove(self.one.index(items))),
            2 if params > 0 => list.params.swap_indices(self.one.index(params), self.other.index(params)),
            3 if params > 0 => drop(list.params.shift_remove_index(self.one.index(params))),
            4 => drop(list.params.insert(sfv::Key::from_string("expires".into()).unwrap(), 1_999_999_999.into())),
            _ => {
                let names = ["@query", "@path", "@scheme", "accept", "@target-uri", "@request-target"];
                let name = sfv::String::from_string((*self.one.get(&names)).to_owned()).unwrap();
                list.items.push(sfv::Item::new(name));
            }
        }
        let field = fields.serialize().unwrap();
        sample.set("signature-input", &field)
    }

    fn text(self, from: &str) -> String {
        let ascii = Change { byte: self.byte & 0x7f, ..self };
        String::from_utf8(ascii.bytes(from.into())).unwrap_or_default()
    }

    fn bytes(self, mut from: Vec<u8>) -> Vec<u8> {
        let len = from.len();
        match self.how % 6 {
            _ if len == 0 => from.push(self.byte),
            0 => from[self.one.index(len)] = self.byte,
            1 => from.insert(self.one.index(len), self.byte),
            2 => drop(from.remove(self.one.index(len))),
            3 => from.swap(self.one.index(len), self.other.index(len)),
            4 => from.insert(self.one.index(len), from[self.one.index(len)]),
            _ => from.truncate(self.one.index(len)),
        }
        from
    }
}

/// The covered content of a request: two requests with equal content may both be accepted.
fn meaning(sample: &Sample, scheme: Scheme) -> impl PartialEq + use<> {
    let mut sample = sample.clone();
    if sample.path.is_empty() {
        sample.path.push('/');
    }
    match scheme {
        Scheme::Agent => {
            sample.authority.clear();
            // Optional: the signature covers the body with or without it.
            let sha256 = BodyDigest::of(&sample.body).sha256.map(|byte| format!("{byte:02x}")).concat();
            sample
                .headers
                .retain(|(name, value)| name != agent::CONTENT_SHA256 || value.trim_ascii() != sha256.as_bytes());
        }
        Scheme::Http => {
            sample.authority.make_ascii_lowercase();
            // `/path?` is `/path` (RFC 9421 section 2.2.7).
            sample.query = sample.query.filter(|query| !query.is_empty());
        }
    }
    let fields = [http::SIGNATURE_INPUT, http::SIGNATURE].map(|name| dictionary(&sample, name));
    sample.headers.retain(|(name, _)| !["accept", http::SIGNATURE_INPUT, http::SIGNATURE].contains(&name.as_str()));
    for (_, value) in &mut sample.headers {
        *value = value.trim_ascii().to_vec();
    }
    sample.headers.sort();
    (sample, fields)
}

fn dictionary(sample: &Sample, name: &str) -> Option<Dictionary> {
    let (_, value) = sample.headers.iter().find(|(n, _)| n == name)?;
    Parser::new(value).parse().ok()
}
