//! What is wrong with a signed request that can be said without knowing any secret.

/// A signed request that cannot be right, whoever sent it. The text is for the client: it tells what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Both schemes at once.
    #[error(
        "The request is signed in two ways; send the X-Agent-* headers or Signature-Input and Signature, not both."
    )]
    TwoSchemes,
    /// A header of the scheme is not there.
    #[error("The header {name} is missing; a signed request needs it.")]
    MissingHeader {
        /// Its lower-case name.
        name: &'static str,
    },
    /// A header that may come once came again.
    #[error("The header {name} occurs more than once; a signed request may have it once.")]
    RepeatedHeader {
        /// Its lower-case name.
        name: String,
    },
    /// A value that is empty, or not printable ASCII.
    #[error("The header {name} is empty or holds something other than printable ASCII.")]
    HeaderText {
        /// Its lower-case name.
        name: String,
    },
    /// A value beyond its bound.
    #[error("The header {name} is longer than {most} bytes.")]
    HeaderTooLong {
        /// Its lower-case name.
        name: String,
        /// The bound, in bytes.
        most: usize,
    },
    /// Something else beyond its bound.
    #[error("{what} is longer than {most} bytes.")]
    TooLong {
        /// What it is, as the beginning of a sentence.
        what: &'static str,
        /// The bound, in bytes.
        most: usize,
    },
    /// Method, authority, path or query hold spaces, control characters or more than ASCII.
    #[error("The request's method, host, path or query holds something other than visible ASCII; percent-encode it.")]
    RequestLine,
    /// `X-Agent-API-Key` is not a key's text.
    #[error("X-Agent-API-Key is not an API key: 1 to 128 letters, digits and underscores.")]
    ApiKey,
    /// `X-Agent-Timestamp` is not a time.
    #[error("X-Agent-Timestamp is not a time in whole seconds since 1970 (UTC), such as 1750000000.")]
    Timestamp,
    /// `X-Agent-Nonce` is not a nonce.
    #[error("X-Agent-Nonce must be 16 to 64 letters, digits, hyphens and underscores.")]
    AgentNonce,
    /// `X-Agent-Signature` is not a signature.
    #[error("X-Agent-Signature must be an HMAC-SHA256 in 64 lower-case hexadecimal digits.")]
    AgentSignature,
    /// A field is not the structured field it should be (RFC 9651).
    #[error("The header {name} is not a dictionary of structured fields (RFC 9651).")]
    NotADictionary {
        /// Its lower-case name.
        name: &'static str,
    },
    /// More signatures than are looked at.
    #[error("Signature-Input has more than {most} signatures.")]
    TooManySignatures {
        /// The bound.
        most: usize,
    },
    /// The label is in only one of the two fields, or its value has the wrong type.
    #[error("The signature {label} is not in both Signature-Input, as a list of components, and Signature, as bytes.")]
    Unpaired {
        /// The label.
        label: String,
    },
    /// Another algorithm than ours.
    #[error("The signature's algorithm must be hmac-sha256; leave alg away or set it to \"hmac-sha256\".")]
    Algorithm,
    /// The signature's bytes are not an HMAC-SHA256.
    #[error("The signature must be an HMAC-SHA256, which has 32 bytes.")]
    SignatureLength,
    /// A parameter that is not there, or not of its type or range.
    #[error("The signature's parameter {name} must be {must}.")]
    Parameter {
        /// Its name in RFC 9421.
        name: &'static str,
        /// What it has to be.
        must: &'static str,
    },
    /// More components than are looked at.
    #[error("The signature covers more than {most} components.")]
    TooManyComponents {
        /// The bound.
        most: usize,
    },
    /// Not a component's name.
    #[error("The signature covers something that is not the lower-case name of a header or of a derived component.")]
    ComponentName,
    /// A component with `sf`, `key`, `bs`, `req`, `tr` or `name`.
    #[error("The signature covers {name} with a parameter ({parameter}); cover it without one.")]
    ComponentParameter {
        /// The component.
        name: String,
        /// The parameter.
        parameter: String,
    },
    /// A derived component that requests do not have, or that is not supported.
    #[error(
        "The signature covers {name}, which is not supported; there are @method, @authority, @scheme, @target-uri, \
         @request-target, @path and @query."
    )]
    UnknownComponent {
        /// The component.
        name: String,
    },
    /// The same component twice.
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
    /// Something that must be covered is not.
    #[error("The signature must cover {name}.")]
    NotCovered {
        /// What must be covered.
        name: &'static str,
    },
    /// `Content-Digest` has no digest that is known, or one of the wrong length.
    #[error("Content-Digest must have sha-256 or sha-512, in base64 between colons (RFC 9530).")]
    ContentDigest,
    /// The body is not what the covered digest says.
    #[error("The body is not the one that Content-Digest tells of.")]
    BodyMismatch,
}
