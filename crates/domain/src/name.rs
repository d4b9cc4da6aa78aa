//! Names of kinds and models, as they are announced, requested and stored.

/// The longest name, in bytes.
pub const MAX_NAME: usize = 128;

/// A text that cannot be the name of a kind or model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name of 1 to 128 letters, digits, '.', '_' and '-'")]
pub struct InvalidName(String);

/// Checks a name. The queue puts names beside each other with separators between them, so these must not be part of one.
///
/// # Errors
/// [`InvalidName`], with the beginning of the text.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_plain && (1..=MAX_NAME).contains(&name.len()) {
        return Ok(());
    }
    Err(InvalidName(name.chars().take(MAX_NAME).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for name in ["a", "image_to_mesh", "Hunyuan3D-2.1", &"x".repeat(MAX_NAME)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a/b", "a\nb", "a\tb", "a@b", "a:b", "é", &"x".repeat(MAX_NAME + 1)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        let message = check_name("a\nb").unwrap_err().to_string();
        assert!(message.starts_with(r#""a\nb" is not a name"#), "{message}");
    }
}
