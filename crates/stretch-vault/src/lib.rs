//! Sealing and opening of keys and credentials (design §12). No input or output, no clock, no randomness of its own.
//!
//! Three kinds of sealed bytes exist. Numbers are big endian.
//!
//! ```text
//! master key under a password
//!   version 1 · kind 'P' · memory u32 (KiB) · passes u32 · lanes u32 · salt [16] · nonce [12] ·
//!   ciphertext [32] · tag [16]
//! master key under a service key
//!   version 1 · kind 'S' · nonce [12] · ciphertext [32] · tag [16]
//! credential under a master key
//!   version 1 · kind 'C' · nonce [12] · ciphertext [n] · tag [16]
//!   plaintext: length of identity u32 · identity (UTF-8) · secret (UTF-8)
//! ```
//!
//! The cipher is AES-256-GCM throughout; the key of kind P is Argon2id(password, salt). Associated data are all bytes
//! before the nonce, then the id of the master key; for a credential also its name and its version (F22). Every part
//! of it is preceded by its length, so that no two different inputs give the same bytes.

mod credential;
mod error;
mod keys;
mod seal;
#[cfg(test)]
mod tests;

pub use credential::{Credential, CredentialLabel, open_credential, seal_credential};
pub use error::VaultError;
pub use keys::{
    MasterKey, MasterKeyId, ServiceKey, open_with_password, open_with_service_key, seal_with_password,
    seal_with_service_key,
};
pub use zeroize::{Zeroize, Zeroizing};

/// Bytes of every key.
pub const KEY_LEN: usize = 32;
/// Random bytes that a password is salted with.
pub const SALT_LEN: usize = 16;
/// Random bytes of one sealing; never use the same twice with one key.
pub const NONCE_LEN: usize = 12;
