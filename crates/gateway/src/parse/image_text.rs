//! Image files that are sent as text: base64 in any common spelling, data URIs (RFC 2397), and text in a file field.
//!
//! The bytes decide what the file is; a media type in a data URI is ignored. Text that is a URL or a path gets an error that says so.

use super::ImageSource;
use super::fields::{IMAGE, IMAGE_URL};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http_api::{Problem, codes};
use percent_encoding::percent_decode_str;

/// The head of a data URI, up to its comma, is at most this long.
const MAX_HEAD: usize = 256;
/// Text longer than this is not taken for a path.
const MAX_PATH: usize = 1024;
/// Base64 without padding, which is removed before. The unused bits of the last character may have any value.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Why a text is not an image.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Url,
    Path,
    Malformed(String),
}

/// The image that a text of a JSON body stands for; `None` when the text is empty.
pub(super) fn decode(text: String) -> Result<Option<ImageSource>, Problem> {
    if trimmed(&text).is_empty() {
        return Ok(None);
    }
    bytes(text).map(|bytes| Some(ImageSource::File(bytes))).map_err(problem)
}

/// The image in a file field of a form. Where the content is no image, it may be the text of one.
pub(super) fn file(bytes: Bytes) -> Result<Option<ImageSource>, Problem> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if !picture::is_supported(&bytes)
        && let Ok(text) = std::str::from_utf8(&bytes)
    {
        match self::bytes(text.to_owned()) {
            Ok(decoded) if picture::is_supported(&decoded) => return Ok(Some(ImageSource::File(decoded))),
            Err(fault @ (Fault::Url | Fault::Path)) => return Err(problem(fault)),
            _ => {}
        }
    }
    Ok(Some(ImageSource::File(bytes)))
}

fn problem(fault: Fault) -> Problem {
    let detail = match fault {
        Fault::Url => format!("`{IMAGE}` holds a URL. Send it in the field `{IMAGE_URL}`, or send the file itself."),
        Fault::Path => {
            format!("`{IMAGE}` holds a path or a file name. The server cannot read your files: send the content.")
        }
        Fault::Malformed(detail) => detail,
    };
    Problem::new(&codes::INVALID_BASE64, detail).with_parameter(IMAGE)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

fn bytes(text: String) -> Result<Bytes, Fault> {
    let whole = trimmed(&text);
    if is_url(whole) {
        return Err(Fault::Url);
    }
    let Some((head, data)) = split_head(whole) else {
        let is_data_uri = whole.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        if is_data_uri {
            return Err(Fault::Malformed("The data URI has no comma before its data.".to_owned()));
        }
        return base64(python_bytes(whole)).map_err(|fault| if is_path(whole) { Fault::Path } else { fault });
    };
    let is_base64 = head.rsplit([';', ':']).any(|word| word.trim().eq_ignore_ascii_case("base64"));
    match (is_base64, data.contains('%')) {
        (true, false) => base64(data.as_bytes().to_vec()),
        (true, true) => base64(percent_decode_str(data).collect()),
        (false, _) => Ok(percent_decode_str(data).collect::<Vec<u8>>().into()),
    }
}

/// Splits a data URI at its comma. `data:` or the media type may be missing.
fn split_head(text: &str) -> Option<(&str, &str)> {
    let comma = text.bytes().take(MAX_HEAD).position(|byte| byte == b',')?;
    let (head, data) = (text[..comma].trim_ascii(), &text[comma + 1..]);
    let lower = head.to_ascii_lowercase();
    (lower.starts_with("data:") || lower.ends_with("base64")).then_some((head, data))
}

/// The content of a Python bytes literal: `str(base64.b64encode(..))` is `b'...'`.
fn python_bytes(text: &str) -> Vec<u8> {
    for quote in ['\'', '"'] {
        let literal = text.strip_prefix('b').unwrap_or(text);
        if let Some(content) = literal.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return content.replace("\\n", "").into_bytes();
        }
    }
    text.as_bytes().to_vec()
}

/// Decodes base64 of either alphabet, with or without padding, with white space anywhere.
fn base64(mut text: Vec<u8>) -> Result<Bytes, Fault> {
    text.retain(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b);
    while text.pop_if(|last| *last == b'=').is_some() {}
    for byte in &mut text {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if let Some(at) = text.iter().position(|byte| !is_base64(byte)) {
        let detail = format!("Character {} of the image (white space not counted) is not base64.", at + 1);
        return Err(Fault::Malformed(detail));
    }
    if text.len() % 4 == 1 {
        let detail =
            format!("The base64 of the image is cut: {} characters cannot be a whole number of bytes.", text.len());
        return Err(Fault::Malformed(detail));
    }
    BASE64.decode(text).map(Bytes::from).map_err(|_| Fault::Malformed("The image is not base64.".to_owned()))
}

fn is_url(text: &str) -> bool {
    let scheme = text.bytes().take(20).position(|byte| byte == b':').map(|colon| &text[..colon]);
    scheme.is_some_and(|scheme| {
        let is_name =
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        is_name && text[scheme.len()..].starts_with("://")
    })
}

/// Whether a text that is no base64 looks like the path of a file.
fn is_path(text: &str) -> bool {
    let end = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let has_extension = end.rsplit_once('.').is_some_and(|(name, extension)| {
        !name.is_empty() && (2..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let has_root = ["./", "../", "~/", "\\\\"].iter().any(|root| text.starts_with(root))
        || matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    text.len() <= MAX_PATH && !text.contains(['\n', '\r']) && (has_extension || has_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;

    /// Bytes whose base64 uses both special characters and padding.
    const FILE: [u8; 70] = {
        let mut file = [0xfb; 70];
        let mut at = 0;
        while at < 60 {
            file[at] = (at as u8).wrapping_mul(37);
            at += 1;
        }
        file
    };

    fn decoded(text: &str) -> Result<Bytes, Fault> {
        bytes(text.to_owned())
    }

    #[test]
    fn every_spelling_of_base64_is_read() {
        let (standard, url_safe) = (general_purpose::STANDARD.encode(FILE), general_purpose::URL_SAFE.encode(FILE));
        assert!(standard.contains('+') && standard.ends_with("=="));
        let lines = |width: usize, end: &str| {
            let lines: Vec<&str> =
                standard.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            lines.join(end) + end
        };
        let percent = standard.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let mut cases = vec![
            standard.clone(),
            url_safe.clone(),
            standard.trim_end_matches('=').to_owned(),
            url_safe.trim_end_matches('=').to_owned(),
            format!("{standard}="),
            standard[..standard.len() - 1].to_owned(),
            format!("{}{}", &standard[..40], &url_safe[40..]),
            format!("b'{standard}'"),
            format!("b\"{url_safe}\""),
            format!("b'{}'", lines(76, "\\n")),
            format!("\"{standard}\""),
            format!("\u{feff}{standard}"),
            lines(64, "\n"),
            lines(76, "\r\n"),
        ];
        for space in [" ", "\t", "\n", "\r\n", "\x0b", "\x0c"] {
            cases.push(format!("{space}{standard}"));
            cases.push(format!("{standard}{space}"));
            cases.push(format!("{}{space}{}", &standard[..33], &standard[33..]));
            cases.push(format!("{}{space}=", &standard[..standard.len() - 1]));
        }
        for head in [
            "data:image/jpg;base64,",
            "data:image/pjpeg;base64,",
            "data:image/PNG;base64,",
            "data:image/*;base64,",
            "data:application/octet-stream;base64,",
            "data:;base64,",
            "data:image/png;charset=utf-8;base64,",
            "data:image/png;name=a.jpg;base64,",
            "DATA:image/png;base64,",
            " data:image/png;base64,",
            "data:base64,",
            "data:image/png;BASE64,",
            "data:image/png; base64,",
            "data:image/png;base64, ",
            "base64,",
            "image/png;base64,",
            "data:text/plain;base64,",
            "data:image/png;base64 ,",
            "data: image/png ; base64 ,",
        ] {
            for data in [&standard, &url_safe, &percent, &lines(76, "\n")] {
                cases.push(format!("{head}{data}"));
            }
        }
        for case in cases {
            assert_eq!(decoded(&case).as_deref(), Ok(&FILE[..]), "{case}");
        }
        let raw: String = FILE.iter().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(decoded(&format!("data:image/png,{raw}")).as_deref(), Ok(&FILE[..]));
        assert_eq!(decoded("data:image/svg+xml;utf8,<svg>%20</svg>").as_deref(), Ok(&b"<svg> </svg>"[..]));
    }

    #[test]
    fn what_is_no_base64_is_told_with_its_reason() {
        for url in
            ["https://example.org/cat.png", "HTTP://x/y", " ftp://host/a.jpg ", "file:///tmp/a.png", "s3://bucket/key"]
        {
            assert_eq!(decoded(url), Err(Fault::Url), "{url}");
        }
        for path in ["cat.png", "./cat", "../a/cat.jpeg", "C:\\Users\\me\\cat.png", "/home/me/cat.png", "~/cat.webp"] {
            assert_eq!(decoded(path), Err(Fault::Path), "{path}");
        }
        for (text, part) in [
            ("AAAA=BBB", "Character 5"),
            ("AAAAA", "cut"),
            ("AAAA§", "Character 5"),
            ("AA AA\nA*", "Character 6"),
            ("data:image/png;base64", "no comma"),
            ("data:image/png;base64,AAAAA", "cut"),
            ("[1, 2]", "Character 1"),
        ] {
            match decoded(text) {
                Err(Fault::Malformed(detail)) => {
                    assert!(detail.contains(part) && detail.len() < 120, "{text}: {detail}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
