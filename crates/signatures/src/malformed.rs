//! Errors in a signed request that can be reported without knowing any secret.

/// A signed request that is invalid for any secret. The text is for the client and says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Both schemes at once.
    #[error("The request is signed twice; send either the X-Agent-* headers or Signature-Input and Signature.")]
    TwoSchemes,
    /// A required header is missing.
    #[error("The header {name} is missing; a signed request needs it.")]
    MissingHeader {
        /// Its lower-case name.
        name: &'static str,
    },
    /// A header that may occur once is repeated.
    #[error("The header {name} occurs more than once; a signed request may have it once.")]
    RepeatedHeader {
        /// Its lower-case name.
        name: String,
    },
    /// A header's value is empty or not printable ASCII.
    #[error("The header {name} is empty or contains characters other than printable ASCII.")]
    HeaderText {
        /// Its lower-case name.
        name: String,
    },
    /// A header's value is too long.
    #[error("The header {name} is longer than {max} bytes.")]
    HeaderTooLong {
        /// Its lower-case name.
        name: String,
        /// The limit, in bytes.
        max: usize,
    },
    /// Another part is too long.
    #[error("{what} is longer than {max} bytes.")]
    TooLong {
        /// The part, as the beginning of a sentence.
        what: &'static str,
        /// The limit, in bytes.
        max: usize,
    },
    /// Method, authority, path or query contain spaces, control characters or non-ASCII characters.
    #[error(
        "The request's method, host, path or query contains characters other than visible ASCII; percent-encode them."
    )]
    RequestLine,
    /// `X-Agent-API-Key` is not an API key.
    #[error("X-Agent-API-Key is not an API key: 1 to 128 letters, digits and underscores.")]
    ApiKey,
    /// `X-Agent-Timestamp` is not a time in seconds.
    #[error("X-Agent-Timestamp is not a time in whole seconds since 1970 (UTC), such as 1750000000.")]
    Timestamp,
    /// `X-Agent-Nonce` has a wrong length or alphabet.
    #[error("X-Agent-Nonce must be 16 to 64 letters, digits, hyphens and underscores.")]
    AgentNonce,
    /// `X-Agent-Signature` is not an HMAC-SHA256 in hexadecimal.
    #[error("X-Agent-Signature must be an HMAC-SHA256 in 64 lower-case hexadecimal digits.")]
    AgentSignature,
    /// `X-Agent-Content-SHA256` is not a SHA-256 in hexadecimal.
    #[error("X-Agent-Content-SHA256 must be the SHA-256 of the body in 64 lower-case hexadecimal digits.")]
    ContentSha256,
    /// A header is not a structured dictionary (RFC 9651).
    #[error("The header {name} is not a structured dictionary (RFC 9651).")]
    NotADictionary {
        /// Its lower-case name.
        name: &'static str,
    },
    /// Too many signatures.
    #[error("Signature-Input has more than {max} signatures.")]
    TooManySignatures {
        /// The limit.
        max: usize,
    },
    /// The label is in only one of the two headers, or its value has the wrong type.
    #[error("The signature {label} must be in Signature-Input, as a list of components, and in Signature, as bytes.")]
    Unpaired {
        /// The label.
        label: String,
    },
    /// Unsupported algorithm.
    #[error("The signature's algorithm must be hmac-sha256; omit alg or set it to \"hmac-sha256\".")]
    Algorithm,
    /// The signature does not have the length of an HMAC-SHA256.
    #[error("The signature must be an HMAC-SHA256, which has 32 bytes.")]
    SignatureLength,
    /// A signature parameter is missing, or has a wrong type or range.
    #[error("The signature's parameter {name} must be {must}.")]
    Parameter {
        /// Its name in RFC 9421.
        name: &'static str,
        /// The expected value.
        must: &'static str,
    },
    /// Too many components.
    #[error("The signature covers more than {max} components.")]
    TooManyComponents {
        /// The limit.
        max: usize,
    },
    /// Invalid component name.
    #[error(
        "The signature covers a component that is neither the lower-case name of a header nor a derived component."
    )]
    ComponentName,
    /// A component with `sf`, `key`, `bs`, `req`, `tr` or `name`.
    #[error("The signature covers {name} with a parameter ({parameter}); cover it without one.")]
    ComponentParameter {
        /// The component.
        name: String,
        /// The parameter.
        parameter: String,
    },
    /// Unsupported derived component.
    #[error(
        "The signature covers {name}, which is not supported; supported are @method, @authority, @scheme, \
         @target-uri, @request-target, @path and @query."
    )]
    UnknownComponent {
        /// The component.
        name: String,
    },
    /// A component is listed twice.
    #[error("The signature covers {name} twice.")]
    RepeatedComponent {
        /// The component.
        name: String,
    },
    /// A covered header that the request does not have.
    #[error("The signature covers the header {name}, which the request does not have.")]
    CoveredHeaderMissing {
        /// The header.
        name: String,
    },
    /// A required component is not covered.
    #[error("The signature must cover {name}.")]
    NotCovered {
        /// The component.
        name: &'static str,
    },
    /// `Content-Digest` has no supported digest, or one of the wrong length.
    #[error("Content-Digest must contain sha-256 or sha-512, in base64 between colons (RFC 9530).")]
    ContentDigest,
    /// The body does not have the digest that the signed head states.
    #[error("The body does not match the digest in the header {name}.")]
    BodyMismatch {
        /// The header with the digest, in lower case.
        name: &'static str,
    },
}
