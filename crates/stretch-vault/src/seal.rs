//! The one use of the cipher: AES-256-GCM over a buffer, with length-prefixed associated data.

use crate::{KEY_LEN, NONCE_LEN, VaultError};
use aes_gcm::{AeadInPlace, Aes256Gcm, Key, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

/// The version of the layouts described at the top of this crate.
pub(crate) const VERSION: u8 = 1;
/// Bytes of the authentication tag.
pub(crate) const TAG_LEN: usize = 16;

/// Joins the parts of associated data, each after its length.
pub(crate) fn associated_data(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// Appends nonce, ciphertext and tag to `header`.
pub(crate) fn seal(
    key: &[u8; KEY_LEN],
    nonce: [u8; NONCE_LEN],
    associated: &[u8],
    plaintext: &[u8],
    header: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let mut buffer = Zeroizing::new(plaintext.to_vec());
    let tag = cipher
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), associated, &mut buffer)
        .map_err(|_| VaultError::TooLong)?;
    Ok([header, &nonce, &buffer, &tag].concat())
}

/// Opens what [`seal`] appended. `body` starts at the nonce.
pub(crate) fn open(key: &[u8; KEY_LEN], associated: &[u8], body: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (nonce, rest) = body.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Damaged)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(VaultError::Damaged)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    cipher
        .decrypt_in_place_detached(Nonce::from_slice(nonce), associated, &mut buffer, Tag::from_slice(tag))
        .map_err(|_| VaultError::WrongKey)?;
    Ok(buffer)
}

/// Checks version and kind, and splits the header of `header_len` bytes from the body.
pub(crate) fn split(sealed: &[u8], kind: u8, header_len: usize) -> Result<(&[u8], &[u8]), VaultError> {
    match sealed {
        [version, ..] if *version != VERSION => Err(VaultError::UnknownVersion),
        [_, found, ..] if *found == kind => sealed.split_at_checked(header_len).ok_or(VaultError::Damaged),
        _ => Err(VaultError::Damaged),
    }
}
