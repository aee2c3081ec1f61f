//! Errors of the vault as errors of SQL.

use crate::pg::error::Error;
use stretch_core::errors;
use stretch_vault::VaultError;

/// An error of the vault, without any secret.
pub fn vault_error(error: VaultError) -> Error {
    match error {
        VaultError::WrongPassword => Error::new(&errors::WRONG_PASSWORD, error.to_string()),
        VaultError::TooLong => Error::argument(error.to_string()),
        VaultError::UnknownVersion => Error::new(&errors::NEWER_FORMAT, error.to_string()),
        VaultError::WrongKey | VaultError::Damaged | VaultError::BadServiceKey => {
            Error::new(&errors::MASTER_KEY_NOT_OPEN, error.to_string())
        }
    }
}
