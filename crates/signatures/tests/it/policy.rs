//! Requests that are refused without knowing a secret, and the error texts.

use crate::sample::{KEY, NONCE, NOW, SECRET, Sample};
use signatures::{BodyDigest, COVERED_HEADERS, Freshness, Key, Malformed, Scheme, Stale, agent, http};

#[test]
fn both_schemes_sign_and_verify() {
    for scheme in [Scheme::Agent, Scheme::Http] {
        for sample in [Sample::full(), Sample::bare()] {
            let signed = sample.signed(scheme);
            let presented = signed.parse().unwrap().unwrap();
            assert_eq!((presented.scheme, presented.created, presented.nonce.as_str()), (scheme, NOW, NONCE));
            let key = if scheme == Scheme::Agent { Key::ApiKey(KEY.into()) } else { Key::Id(KEY.into()) };
            assert_eq!(presented.key, key);
            assert!(signed.is_accepted(SECRET));
            assert!(!signed.is_accepted(b""));
        }
    }
}

#[test]
fn a_request_without_signature_headers_is_unsigned() {
    assert!(Sample::full().parse().unwrap().is_none());
}

#[test]
fn two_schemes_at_once_are_refused() {
    let both = Sample::bare().signed(Scheme::Agent).signed(Scheme::Http);
    assert_eq!(refusal(&both), Malformed::TwoSchemes);
}

#[test]
fn debug_does_not_print_the_api_key() {
    let presented = Sample::bare().signed(Scheme::Agent).parse().unwrap().unwrap();
    let shown = format!("{presented:?}");
    assert!(
        !shown.contains(KEY) && !shown.contains(&format!("{:?}", KEY.as_bytes()).replace(['[', ']'], "")),
        "{shown}"
    );
}

#[test]
fn each_header_of_the_agent_scheme_is_required_once() {
    for name in ["x-agent-api-key", "x-agent-timestamp", "x-agent-nonce", "x-agent-signature"] {
        let signed = Sample::full().signed(Scheme::Agent);
        assert_eq!(refusal(&signed.clone().without(name)), Malformed::MissingHeader { name });
        assert_eq!(refusal(&repeated(signed, name)), Malformed::RepeatedHeader { name: name.into() });
    }
    let name = agent::CONTENT_SHA256;
    let signed = Sample::full().signed(Scheme::Agent);
    assert_eq!(refusal(&repeated(signed, name)), Malformed::RepeatedHeader { name: name.into() });
}

#[test]
fn invalid_values_of_the_agent_scheme_have_errors_of_their_own() {
    let with = |name: &str, value: &str| refusal(&Sample::full().signed(Scheme::Agent).set(name, value));
    assert_eq!(with("x-agent-api-key", "orf live"), Malformed::ApiKey);
    assert_eq!(with("x-agent-timestamp", "1750000000.5"), Malformed::Timestamp);
    assert_eq!(with("x-agent-nonce", "short"), Malformed::AgentNonce);
    assert_eq!(with("x-agent-nonce", &"n".repeat(65)), Malformed::AgentNonce);
    assert_eq!(with("x-agent-signature", &"A".repeat(64)), Malformed::AgentSignature);
    for text in [&"A".repeat(64), &"a".repeat(63), &"a".repeat(65), "e3b0c442", "sha-256=:AAAA:"] {
        assert_eq!(with("x-agent-content-sha256", text), Malformed::ContentSha256, "{text}");
    }
    assert_eq!(with("content-type", ""), Malformed::HeaderText { name: "content-type".into() });
    assert_eq!(with("content-type", "a\u{e9}"), Malformed::HeaderText { name: "content-type".into() });
    assert_eq!(
        with("idempotency-key", &"k".repeat(5000)),
        Malformed::HeaderTooLong { name: "idempotency-key".into(), max: 4096 }
    );
}

/// The head alone authenticates the sender; only the agent scheme without the body's hash in a header needs the body.
#[test]
fn a_head_that_states_the_bodys_digest_verifies_before_the_body() {
    for (scheme, digest) in [(Scheme::Agent, agent::CONTENT_SHA256), (Scheme::Http, http::CONTENT_DIGEST)] {
        let presented = Sample::full().signed(scheme).parse().unwrap().unwrap();
        assert!(presented.verifies_without_body());
        assert!(presented.verify_head(SECRET) && !presented.verify_head(b"another"));
        let (body, other) = (BodyDigest::of(&Sample::full().body), BodyDigest::of(b"another"));
        assert_eq!(presented.check_body(&body), Ok(()));
        for other in [other, BodyDigest::EMPTY] {
            assert_eq!(presented.check_body(&other), Err(Malformed::BodyMismatch { name: digest }));
            assert!(!presented.verify(SECRET, &other));
        }
    }
    let bare = Sample::bare().signed(Scheme::Http).parse().unwrap().unwrap();
    assert!(bare.verify_head(SECRET), "no body is covered");
    assert!(bare.check_body(&BodyDigest::of(b"a body")).is_err());

    let unstated = Sample::full().signed(Scheme::Agent).without(agent::CONTENT_SHA256);
    let presented = unstated.parse().unwrap().unwrap();
    assert!(!presented.verifies_without_body() && !presented.verify_head(SECRET));
    assert!(unstated.is_accepted(SECRET), "the header is optional");
}

/// A forged digest would let a stranger's body through after the head has been authenticated.
#[test]
fn the_stated_digest_is_part_of_the_signature() {
    let forged = b"another body";
    let digest = BodyDigest::of(forged).sha256.map(|byte| format!("{byte:02x}")).concat();
    let mut sample = Sample::full().signed(Scheme::Agent).set(agent::CONTENT_SHA256, &digest);
    sample.body = forged.to_vec();
    let presented = sample.parse().unwrap().unwrap();
    assert_eq!(presented.check_body(&BodyDigest::of(forged)), Ok(()));
    assert!(!presented.verify_head(SECRET) && !sample.is_accepted(SECRET));
}

/// One line with a comma and two lines would have the same signature base (RFC 9421 section 7.5.6).
#[test]
fn covered_headers_may_not_repeat() {
    for scheme in [Scheme::Agent, Scheme::Http] {
        for name in COVERED_HEADERS {
            let mut signed = Sample::full().set(name, "a, b").signed(scheme);
            assert!(signed.is_accepted(SECRET));
            signed.headers.retain(|(n, _)| n != name);
            signed.headers.extend([(name.into(), b"a".to_vec()), (name.into(), b"b".to_vec())]);
            assert_eq!(refusal(&signed), Malformed::RepeatedHeader { name: name.into() });
        }
    }
}

#[test]
fn only_visible_ascii_in_the_request_line() {
    for scheme in [Scheme::Agent, Scheme::Http] {
        for path in ["/a\nb", "/a b", "/é", "/\0"] {
            let sample = Sample { path: path.into(), ..Sample::bare().signed(scheme) };
            assert_eq!(refusal(&sample), Malformed::RequestLine);
        }
        let long = Sample { path: "/".repeat(9000), ..Sample::bare().signed(scheme) };
        assert!(matches!(refusal(&long), Malformed::TooLong { .. }));
    }
}

#[test]
fn every_meaningful_part_must_be_covered() {
    let signed = Sample::full().signed(Scheme::Http);
    let covered = ["@method", "@authority", "@path", "@query", "content-type", "idempotency-key", "x-test-scenario"];
    for name in covered {
        // Replaced by another header, so that the list stays valid.
        let open = edit(&signed, &format!("\"{name}\""), "\"accept\"");
        assert_eq!(refusal(&open), Malformed::NotCovered { name });
    }
    let open = edit(&signed, "\"content-digest\" ", "");
    let presented = open.parse().unwrap().unwrap();
    let body = BodyDigest::of(&open.body);
    assert_eq!(presented.check_body(&body), Err(Malformed::NotCovered { name: "content-digest" }));
    assert!(!presented.verify(SECRET, &body));
}

#[test]
fn signature_parameters_are_required_and_validated() {
    let signed = Sample::bare().signed(Scheme::Http);
    let parameter = |from: &str, to: &str| match refusal(&edit(&signed, from, to)) {
        Malformed::Parameter { name, .. } => name,
        other => panic!("{other:?}"),
    };
    for to in ["", ";created=-1", ";created=1.5", ";created=\"1750000000\""] {
        assert_eq!(parameter(";created=1750000000", to), "created");
    }
    assert_eq!(parameter(";created", ";expires=soon;created"), "expires");
    for to in ["", ";nonce=\"short\"", ";nonce=17", ";nonce=\"with a space in it\""] {
        assert_eq!(parameter(&format!(";nonce=\"{NONCE}\""), to), "nonce");
    }
    for to in ["", ";keyid=\"\"", ";keyid=a"] {
        assert_eq!(parameter(&format!(";keyid=\"{KEY}\""), to), "keyid");
    }
    for to in ["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "hmac-sha512", "none", "HMAC-SHA256", ""] {
        assert_eq!(refusal(&edit(&signed, "\"hmac-sha256\"", &format!("\"{to}\""))), Malformed::Algorithm);
    }
}

#[test]
fn components_are_plain_known_and_unique() {
    let signed = Sample::bare().signed(Scheme::Http);
    let with = |component: &str| refusal(&edit(&signed, "\"@path\"", &format!("\"@path\" {component}")));
    for parameter in ["sf", "key=\"a\"", "bs", "req", "tr", "name=\"a\""] {
        assert!(matches!(with(&format!("\"accept\";{parameter}")), Malformed::ComponentParameter { .. }));
    }
    assert_eq!(with("\"@path\""), Malformed::RepeatedComponent { name: "@path".into() });
    for name in ["@status", "@signature-params", "@query-param", "@nothing"] {
        assert_eq!(with(&format!("\"{name}\"")), Malformed::UnknownComponent { name: name.into() });
    }
    for name in ["\"Accept\"", "\"\"", "\"@\"", "\"a b\"", "accept", "17", "?1"] {
        assert_eq!(with(name), Malformed::ComponentName, "{name}");
    }
    assert_eq!(with("\"x-gone\""), Malformed::CoveredHeaderMissing { name: "x-gone".into() });
    let many: Vec<String> = (0..40).map(|n| format!("\"x-{n}\"")).collect();
    assert_eq!(with(&many.join(" ")), Malformed::TooManyComponents { max: 32 });
}

#[test]
fn malformed_fields_are_refused() {
    let signed = Sample::full().signed(Scheme::Http);
    let with = |name: &str, value: &str| refusal(&signed.clone().set(name, value));
    assert_eq!(with("signature", "sig=:AAAA:"), Malformed::SignatureLength);
    assert_eq!(with("signature", "sig=AAAA"), Malformed::Unpaired { label: "sig".into() });
    assert_eq!(with("signature", "other=:AAAA:"), Malformed::Unpaired { label: "sig".into() });
    assert_eq!(with("signature", ":AAAA:"), Malformed::NotADictionary { name: "signature" });
    assert_eq!(with("signature-input", "sig=("), Malformed::NotADictionary { name: "signature-input" });
    assert_eq!(with("signature-input", "sig=1"), Malformed::Unpaired { label: "sig".into() });
    for name in ["signature", "signature-input"] {
        assert_eq!(refusal(&signed.clone().without(name)), Malformed::MissingHeader { name });
    }
    for digest in ["md5=:AAAA:", "sha-256=:AAAA:", "sha-256=AAAA", "sha-256=(1)"] {
        assert_eq!(with("content-digest", digest), Malformed::ContentDigest, "{digest}");
    }
    let many: Vec<String> = (0..9).map(|n| format!("s{n}=()")).collect();
    assert_eq!(with("signature-input", &many.join(", ")), Malformed::TooManySignatures { max: 8 });
}

#[test]
fn the_tagged_signature_is_selected_else_the_first_untagged_one() {
    let signed = Sample::full().signed(Scheme::Http);
    let (input, signature) = (signed.header("signature-input").to_owned(), signed.header("signature").to_owned());
    let other = "proxy=(\"@method\");created=1;alg=\"ed25519\"";
    let others = "proxy=:AAAA:";

    let tagged = signed.clone().set("signature-input", &format!("{other}, {input}"));
    let tagged = tagged.set("signature", &format!("{others}, {signature}"));
    assert!(tagged.is_accepted(SECRET), "by its tag");

    let foreign = signed.clone().set("signature-input", &format!("{other};tag=\"bot\"")).set("signature", others);
    assert!(foreign.parse().unwrap().is_none(), "foreign tags only");

    let untagged = signed.set("signature-input", other).set("signature", others);
    assert_eq!(refusal(&untagged), Malformed::Algorithm);
}

#[test]
fn freshness_honours_the_signers_expiry() {
    let presented = edit(&Sample::bare().signed(Scheme::Http), ";keyid", ";expires=1750000010;keyid").parse();
    let presented = presented.unwrap().unwrap();
    let window = Freshness::default();
    assert_eq!(presented.check_fresh(window, NOW + 10), Ok(()));
    assert_eq!(presented.check_fresh(window, NOW + 11), Err(Stale::Expired));
    assert_eq!(presented.check_fresh(window, NOW - 301), Err(Stale::TooNew { by_s: 1 }));
}

#[test]
fn every_refusal_is_one_sentence() {
    let samples = [
        Malformed::TwoSchemes,
        Malformed::MissingHeader { name: "x-agent-nonce" },
        Malformed::Parameter { name: "nonce", must: "a string" },
        Malformed::UnknownComponent { name: "@status".into() },
        Malformed::BodyMismatch { name: "content-digest" },
    ];
    for refusal in samples {
        let text = refusal.to_string();
        assert!(text.ends_with('.') && !text.contains('\n') && text.len() < 200, "{text}");
    }
}

fn repeated(mut sample: Sample, name: &str) -> Sample {
    sample.headers.push((name.into(), sample.header(name).into()));
    sample
}

fn refusal(sample: &Sample) -> Malformed {
    sample.parse().expect_err("it is malformed")
}

/// The same request with a part of its `Signature-Input` replaced.
fn edit(sample: &Sample, from: &str, to: &str) -> Sample {
    let input = sample.header("signature-input").to_owned();
    sample.clone().set("signature-input", &input.replacen(from, to, 1))
}
