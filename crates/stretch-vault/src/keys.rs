//! Master key and service key: holding them, and sealing the one under the other or under a password.

use crate::seal::{VERSION, associated_data, open, seal, split};
use crate::{KEY_LEN, NONCE_LEN, SALT_LEN, VaultError};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::fmt;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

/// The random id of a master key; everything sealed under the key or holding it is bound to it (F22).
pub type MasterKeyId = Uuid;

const KIND_PASSWORD: u8 = b'P';
const KIND_SERVICE: u8 = b'S';
/// Version, kind, three parameters, salt.
const PASSWORD_HEADER: usize = 2 + 12 + SALT_LEN;

/// Argon2id as new keys use it: 19 MiB, two passes, one lane.
const COSTS: [u32; 3] = [19 * 1024, 2, 1];
/// What sealed bytes may ask for at most: they may be forged, and memory is taken before anything is proven.
const MAX_COSTS: [u32; 3] = [256 * 1024, 16, 4];

/// The key that credentials are sealed under. Wiped when dropped, never shown.
pub struct MasterKey(Zeroizing<[u8; KEY_LEN]>);

impl MasterKey {
    /// Makes a key of 32 random bytes.
    pub fn new(random: Zeroizing<[u8; KEY_LEN]>) -> Self {
        Self(random)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    fn from_plaintext(plaintext: &[u8]) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if plaintext.len() != KEY_LEN {
            return Err(VaultError::Damaged);
        }
        key.copy_from_slice(plaintext);
        Ok(Self(key))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The key of this server, kept in a file outside the data directory. Wiped when dropped, never shown.
pub struct ServiceKey(Zeroizing<[u8; KEY_LEN]>);

impl ServiceKey {
    /// Takes the content of the key file: exactly 32 bytes, and not all the same (a file that was never filled).
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if bytes.len() != KEY_LEN || bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(VaultError::BadServiceKey);
        }
        key.copy_from_slice(bytes);
        Ok(Self(key))
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey(…)")
    }
}

/// Seals a master key under a password. `salt` and `nonce` are fresh random bytes.
pub fn seal_with_password(
    master: &MasterKey,
    id: MasterKeyId,
    password: &[u8],
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
) -> Result<Vec<u8>, VaultError> {
    let mut header = vec![VERSION, KIND_PASSWORD];
    for cost in COSTS {
        header.extend_from_slice(&cost.to_be_bytes());
    }
    header.extend_from_slice(&salt);
    let key = derive(password, &salt, COSTS)?;
    let associated = associated_data(&[&header, id.as_bytes()]);
    seal(&key, nonce, &associated, master.bytes(), &header)
}

/// Opens what [`seal_with_password`] made. Takes about 20 ms and 19 MiB.
pub fn open_with_password(sealed: &[u8], id: MasterKeyId, password: &[u8]) -> Result<MasterKey, VaultError> {
    let (header, body) = split(sealed, KIND_PASSWORD, PASSWORD_HEADER)?;
    let mut costs = [0; 3];
    for (cost, bytes) in costs.iter_mut().zip(header[2..14].chunks_exact(4)) {
        *cost = u32::from_be_bytes(bytes.try_into().map_err(|_| VaultError::Damaged)?);
    }
    if costs.iter().zip(MAX_COSTS).any(|(cost, max)| *cost > max) {
        return Err(VaultError::Damaged);
    }
    let key = derive(password, &header[14..], costs)?;
    let associated = associated_data(&[header, id.as_bytes()]);
    let plaintext = open(&key, &associated, body).map_err(|error| match error {
        VaultError::WrongKey => VaultError::WrongPassword,
        other => other,
    })?;
    MasterKey::from_plaintext(&plaintext)
}

/// Seals a master key under this server's service key. `nonce` is fresh random bytes.
pub fn seal_with_service_key(
    master: &MasterKey,
    id: MasterKeyId,
    service: &ServiceKey,
    nonce: [u8; NONCE_LEN],
) -> Result<Vec<u8>, VaultError> {
    let header = [VERSION, KIND_SERVICE];
    let associated = associated_data(&[&header, id.as_bytes()]);
    seal(&service.0, nonce, &associated, master.bytes(), &header)
}

/// Opens what [`seal_with_service_key`] made.
pub fn open_with_service_key(sealed: &[u8], id: MasterKeyId, service: &ServiceKey) -> Result<MasterKey, VaultError> {
    let (header, body) = split(sealed, KIND_SERVICE, 2)?;
    let associated = associated_data(&[header, id.as_bytes()]);
    MasterKey::from_plaintext(&open(&service.0, &associated, body)?)
}

/// Argon2id; the working memory is wiped. Costs that the algorithm does not accept mean damaged bytes.
fn derive(
    password: &[u8],
    salt: &[u8],
    [memory, passes, lanes]: [u32; 3],
) -> Result<Zeroizing<[u8; KEY_LEN]>, VaultError> {
    let params = Params::new(memory, passes, lanes, Some(KEY_LEN)).map_err(|_| VaultError::Damaged)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; KEY_LEN]);
    let outcome = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password,
        salt,
        &mut *key,
        &mut memory,
    );
    memory.zeroize();
    outcome.map_err(|_| VaultError::TooLong)?;
    Ok(key)
}
