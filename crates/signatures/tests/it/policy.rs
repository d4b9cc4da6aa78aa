//! What is refused before any secret is asked for, and with which words.

use crate::sample::{KEY, NONCE, NOW, SECRET, Sample};
use signatures::{BodyDigest, Freshness, Key, MEANINGFUL_HEADERS, Malformed, Scheme, Stale};

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
fn a_request_without_a_signature_has_none() {
    assert!(Sample::full().parse().unwrap().is_none());
}

#[test]
fn one_request_is_signed_in_one_way() {
    let both = Sample::bare().signed(Scheme::Agent).signed(Scheme::Http);
    assert_eq!(refusal(&both), Malformed::TwoSchemes);
}

#[test]
fn an_api_key_is_not_shown() {
    let presented = Sample::bare().signed(Scheme::Agent).parse().unwrap().unwrap();
    let shown = format!("{presented:?}");
    assert!(
        !shown.contains(KEY) && !shown.contains(&format!("{:?}", KEY.as_bytes()).replace(['[', ']'], "")),
        "{shown}"
    );
}

#[test]
fn each_header_of_the_agent_scheme_is_needed_once() {
    for name in ["x-agent-api-key", "x-agent-timestamp", "x-agent-nonce", "x-agent-signature"] {
        let signed = Sample::full().signed(Scheme::Agent);
        assert_eq!(refusal(&signed.clone().without(name)), Malformed::MissingHeader { name });
        let mut twice = signed;
        twice.headers.push((name.into(), twice.header(name).into()));
        assert_eq!(refusal(&twice), Malformed::RepeatedHeader { name: name.into() });
    }
}

#[test]
fn values_of_the_agent_scheme_are_told_apart() {
    let with = |name: &str, value: &str| refusal(&Sample::full().signed(Scheme::Agent).set(name, value));
    assert_eq!(with("x-agent-api-key", "orf live"), Malformed::ApiKey);
    assert_eq!(with("x-agent-timestamp", "1750000000.5"), Malformed::Timestamp);
    assert_eq!(with("x-agent-nonce", "short"), Malformed::AgentNonce);
    assert_eq!(with("x-agent-nonce", &"n".repeat(65)), Malformed::AgentNonce);
    assert_eq!(with("x-agent-signature", &"A".repeat(64)), Malformed::AgentSignature);
    assert_eq!(with("content-type", ""), Malformed::HeaderText { name: "content-type".into() });
    assert_eq!(with("content-type", "a\u{e9}"), Malformed::HeaderText { name: "content-type".into() });
    assert_eq!(
        with("idempotency-key", &"k".repeat(5000)),
        Malformed::HeaderTooLong { name: "idempotency-key".into(), most: 4096 }
    );
}

/// One line with a comma and two lines would have the same signature base (RFC 9421 section 7.5.6).
#[test]
fn headers_with_a_meaning_come_once() {
    for scheme in [Scheme::Agent, Scheme::Http] {
        for name in MEANINGFUL_HEADERS {
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
fn a_signature_leaves_nothing_open() {
    let signed = Sample::full().signed(Scheme::Http);
    let covered = ["@method", "@authority", "@path", "@query", "content-type", "idempotency-key", "x-test-scenario"];
    for name in covered {
        // Another header in its place, so that the list stays one.
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
fn parameters_have_to_be_there_and_right() {
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
fn components_are_plain_known_and_named_once() {
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
    assert_eq!(with(&many.join(" ")), Malformed::TooManyComponents { most: 32 });
}

#[test]
fn fields_have_to_be_what_they_are() {
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
    assert_eq!(with("signature-input", &many.join(", ")), Malformed::TooManySignatures { most: 8 });
}

#[test]
fn of_several_signatures_ours_is_chosen_by_its_tag_else_the_first_without_one() {
    let signed = Sample::full().signed(Scheme::Http);
    let (input, signature) = (signed.header("signature-input").to_owned(), signed.header("signature").to_owned());
    let other = "proxy=(\"@method\");created=1;alg=\"ed25519\"";
    let others = "proxy=:AAAA:";

    let tagged = signed.clone().set("signature-input", &format!("{other}, {input}"));
    let tagged = tagged.set("signature", &format!("{others}, {signature}"));
    assert!(tagged.is_accepted(SECRET), "by its tag");

    let foreign = signed.clone().set("signature-input", &format!("{other};tag=\"bot\"")).set("signature", others);
    assert!(foreign.parse().unwrap().is_none(), "another's tag only");

    let untagged = signed.set("signature-input", other).set("signature", others);
    assert_eq!(refusal(&untagged), Malformed::Algorithm);
}

#[test]
fn freshness_counts_what_the_signer_said_too() {
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
        Malformed::BodyMismatch,
    ];
    for refusal in samples {
        let text = refusal.to_string();
        assert!(text.ends_with('.') && !text.contains('\n') && text.len() < 200, "{text}");
    }
}

fn refusal(sample: &Sample) -> Malformed {
    sample.parse().expect_err("it is malformed")
}

/// The same request with a piece of its `Signature-Input` replaced.
fn edit(sample: &Sample, from: &str, to: &str) -> Sample {
    let input = sample.header("signature-input").to_owned();
    sample.clone().set("signature-input", &input.replacen(from, to, 1))
}
