//! Randomness of the operating system.

use super::error::{Error, Result};
use uuid::Uuid;

/// Fresh random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::internal("the operating system gives no random bytes"))?;
    Ok(bytes)
}

/// A fresh random uuid.
pub fn random_uuid() -> Result<Uuid> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid())
}
