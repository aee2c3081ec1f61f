//! Opening of the master key and of credentials with this server's service key; nothing opened is kept.

mod failed;
pub mod key_file;

pub use failed::vault_error;

use crate::catalog::scan::{Key, KeyValue, scan};
use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use stretch_core::columns::{credential, master_key};
use stretch_core::errors;
use stretch_vault::{Credential, CredentialLabel, MasterKey, VaultError};
use uuid::Uuid;

/// `stretch.master_key`.
pub struct SealedMasterKey {
    pub id: Uuid,
    pub by_password: Vec<u8>,
    pub by_service_key: Vec<u8>,
}

/// `stretch.credential`.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCredential {
    pub name: String,
    pub key_id: Uuid,
    pub version: i32,
    pub sealed: Vec<u8>,
}

/// The sealed master key, if there is one.
pub fn sealed_master_key(snapshot: pg_sys::Snapshot) -> Result<Option<SealedMasterKey>> {
    let mut found = None;
    scan(c"master_key", c"master_key_pkey", &[], snapshot, |row| {
        found = row
            .uuid(master_key::KEY_ID)
            .zip(row.bytes(master_key::SEALED_PASSWORD))
            .zip(row.bytes(master_key::SEALED_SERVICE));
        false
    })?;
    Ok(found.map(|((id, by_password), by_service_key)| SealedMasterKey {
        id: Uuid::from_bytes(id),
        by_password,
        by_service_key,
    }))
}

/// The sealed credential of this name, if there is one.
pub fn sealed_credential(name: &str, snapshot: pg_sys::Snapshot) -> Result<Option<SealedCredential>> {
    let key = Key {
        column: credential::NAME,
        value: KeyValue::Text(name.into()),
    };
    let mut found = None;
    scan(c"credential", c"credential_pkey", &[key], snapshot, |row| {
        found = row
            .uuid(credential::KEY_ID)
            .zip(row.get::<i32>(credential::VERSION))
            .zip(row.bytes(credential::SEALED));
        false
    })?;
    Ok(found.map(|((key_id, version), sealed)| SealedCredential {
        name: name.into(),
        key_id: Uuid::from_bytes(key_id),
        version,
        sealed,
    }))
}

/// The master key, opened with the service key of this server; ST016 when that cannot be.
pub fn master_key(snapshot: pg_sys::Snapshot) -> Result<(Uuid, MasterKey)> {
    let Some(sealed) = sealed_master_key(snapshot)? else {
        return Err(
            Error::new(&errors::MASTER_KEY_NOT_OPEN, "this database has no master key")
                .hint("Run stretch.create_master_key('password')."),
        );
    };
    let service = key_file::read()?;
    match stretch_vault::open_with_service_key(&sealed.by_service_key, sealed.id, &service) {
        Ok(key) => Ok((sealed.id, key)),
        Err(error) => Err(not_open(error)),
    }
}

fn not_open(error: VaultError) -> Error {
    match error {
        VaultError::WrongKey => Error::new(
            &errors::MASTER_KEY_NOT_OPEN,
            "the service key of this server does not open the master key",
        )
        .hint("Run stretch.open_master_key('password'); after a restore, stretch.create_master_key makes a new one."),
        other => vault_error(other),
    }
}

/// Opens a credential; 42704 when there is none of this name.
pub fn credential(name: &str, snapshot: pg_sys::Snapshot) -> Result<(SealedCredential, Credential)> {
    let Some(sealed) = sealed_credential(name, snapshot)? else {
        return Err(no_credential(name));
    };
    let opened = open(&sealed, snapshot)?;
    Ok((sealed, opened))
}

/// Opens a sealed credential.
pub fn open(sealed: &SealedCredential, snapshot: pg_sys::Snapshot) -> Result<Credential> {
    let (id, master) = master_key(snapshot)?;
    let label = CredentialLabel {
        master_key: sealed.key_id,
        name: &sealed.name,
        version: sealed.version as u64,
    };
    let opened = if sealed.key_id == id {
        stretch_vault::open_credential(&master, label, &sealed.sealed)
    } else {
        Err(VaultError::WrongKey)
    };
    opened.map_err(|error| match error {
        VaultError::WrongKey => Error::new(
            &errors::MASTER_KEY_NOT_OPEN,
            format!("credential \"{}\" was sealed under another master key", sealed.name),
        )
        .hint("Run stretch.create_credential for it again."),
        other => vault_error(other),
    })
}

/// 42704 for a credential.
pub fn no_credential(name: &str) -> Error {
    Error::new(&errors::NOT_FOUND, format!("credential \"{name}\" does not exist"))
        .hint("Run stretch.create_credential first.")
}
