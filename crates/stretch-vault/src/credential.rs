//! Credentials: identity and secret for an endpoint, sealed under a master key and bound to their place.

use crate::seal::{VERSION, associated_data, open, seal, split};
use crate::{MasterKey, MasterKeyId, NONCE_LEN, VaultError};
use std::fmt;
use zeroize::Zeroizing;

const KIND: u8 = b'C';

/// What a sealed credential is bound to: moved to another row, it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialLabel<'a> {
    /// The id of the master key it is sealed under.
    pub master_key: MasterKeyId,
    /// The name in `stretch.credential`.
    pub name: &'a str,
    /// Counts the changes of this credential, so that an old secret cannot be put back.
    pub version: u64,
}

impl CredentialLabel<'_> {
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        associated_data(&[
            header,
            self.master_key.as_bytes(),
            self.name.as_bytes(),
            &self.version.to_be_bytes(),
        ])
    }
}

/// An opened credential. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Access key id, storage account or whatever the store calls it.
    pub identity: Zeroizing<String>,
    /// The secret key.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Seals a credential. `nonce` is fresh random bytes.
pub fn seal_credential(
    master: &MasterKey,
    label: CredentialLabel<'_>,
    identity: &str,
    secret: &str,
    nonce: [u8; NONCE_LEN],
) -> Result<Vec<u8>, VaultError> {
    let header = [VERSION, KIND];
    let length = u32::try_from(identity.len()).map_err(|_| VaultError::TooLong)?;
    // Reserved at once: a vector that grows leaves copies behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(4 + identity.len() + secret.len()));
    plaintext.extend_from_slice(&length.to_be_bytes());
    plaintext.extend_from_slice(identity.as_bytes());
    plaintext.extend_from_slice(secret.as_bytes());
    seal(
        master.bytes(),
        nonce,
        &label.associated_data(&header),
        &plaintext,
        &header,
    )
}

/// Opens what [`seal_credential`] made, under the same label.
pub fn open_credential(
    master: &MasterKey,
    label: CredentialLabel<'_>,
    sealed: &[u8],
) -> Result<Credential, VaultError> {
    let (header, body) = split(sealed, KIND, 2)?;
    let plaintext = open(master.bytes(), &label.associated_data(header), body)?;
    let (length, rest) = plaintext.split_first_chunk::<4>().ok_or(VaultError::Damaged)?;
    let (identity, secret) = usize::try_from(u32::from_be_bytes(*length))
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(VaultError::Damaged)?;
    Ok(Credential {
        identity: text(identity)?,
        secret: text(secret)?,
    })
}

fn text(bytes: &[u8]) -> Result<Zeroizing<String>, VaultError> {
    let text = std::str::from_utf8(bytes).map_err(|_| VaultError::Damaged)?;
    Ok(Zeroizing::new(text.to_owned()))
}
