//! What can go wrong when something is sealed or opened. No message holds any secret.

/// Why sealed bytes could not be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The password does not open the key, or its sealed bytes were changed: the cipher cannot tell these apart.
    #[error("the password does not open the master key")]
    WrongPassword,
    /// The key does not open the bytes, or they belong elsewhere or were changed.
    #[error("the key does not open the sealed bytes")]
    WrongKey,
    /// The bytes are not of the shape that their kind has.
    #[error("the sealed bytes are damaged")]
    Damaged,
    /// The bytes were written by a later version.
    #[error("the sealed bytes have an unknown version")]
    UnknownVersion,
    /// A service key file is not exactly 32 bytes that look random.
    #[error("the service key must be exactly 32 random bytes")]
    BadServiceKey,
    /// An identity, secret, name or password is longer than can be sealed.
    #[error("the value is too long to be sealed")]
    TooLong,
}
