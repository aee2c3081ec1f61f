//! `stretch.create_master_key` and the other functions about keys and credentials (design §12).

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::identity;
use crate::endpoint::secrets::{self, key_file};
use crate::pg::error::{Error, OrRaise, Result, notice};
use crate::pg::text::Text;
use crate::pg::{request, spi, user};
use pgrx::prelude::*;
use std::io::Read;
use stretch_core::errors;
use stretch_vault::{CredentialLabel, MasterKey, ServiceKey, Zeroizing};
use uuid::Uuid;

/// Bytes of a secret that comes from a file.
const SECRET_FILE_BYTES: u64 = 64 * 1024;

/// Characters that a new password has at least. Whoever holds a backup can try passwords as fast as he likes.
const PASSWORD_CHARACTERS: usize = 8;

fn check_password(password: &str) -> Result<()> {
    if password.chars().count() >= PASSWORD_CHARACTERS {
        return Ok(());
    }
    Err(Error::argument(format!(
        "the password must have at least {PASSWORD_CHARACTERS} characters"
    )))
}

/// `stretch.create_master_key(password)`.
#[pg_extern]
fn stretch_create_master_key(password: Text) {
    create_master_key(&password).or_raise();
}

fn create_master_key(password: &str) -> Result<()> {
    user::require_database_owner("create_master_key")?;
    check_password(password)?;
    require_primary()?;
    let latest = Latest::take();
    if secrets::sealed_master_key(latest.get())?.is_some() && !secrets_are_void(latest.get())? {
        return Err(Error::new(&errors::NOT_NOW, "this database has a master key already")
            .hint("Change its password with stretch.rotate_master_key, or open it with stretch.open_master_key."));
    }
    let service = key_file::read_or_create()?;
    let master = MasterKey::new(Zeroizing::new(crate::pg::random::random()?));
    store_master_key(crate::pg::random::random_uuid()?, &master, &service, password)
}

/// A standby has the catalog of its primary. A key made here would open nothing in it, and be in the way of the right
/// one.
fn require_primary() -> Result<()> {
    // SAFETY: plain getter on shared memory.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return Err(Error::new(&errors::NOT_NOW, "a standby has the secrets of its primary")
            .hint("Copy the service key file of the primary to this server."));
    }
    Ok(())
}

/// Whether the secrets of this database came with a backup: the database is stretched and disconnected.
fn secrets_are_void(snapshot: pg_sys::Snapshot) -> Result<bool> {
    Ok(catalog::tables::database(snapshot)?.is_some() && identity::is_disconnected()?)
}

fn store_master_key(id: Uuid, master: &MasterKey, service: &ServiceKey, password: &str) -> Result<()> {
    let by_password = stretch_vault::seal_with_password(
        master,
        id,
        password.as_bytes(),
        crate::pg::random::random()?,
        crate::pg::random::random()?,
    )
    .map_err(secrets::vault_error)?;
    let by_service = stretch_vault::seal_with_service_key(master, id, service, crate::pg::random::random()?)
        .map_err(secrets::vault_error)?;
    let _owner = user::ActAs::extension_owner();
    spi::execute(
        "INSERT INTO stretch.master_key (key_id, sealed_password, sealed_service) VALUES ($1, $2, $3)
         ON CONFLICT (one) DO UPDATE SET key_id = excluded.key_id, sealed_password = excluded.sealed_password,
             sealed_service = excluded.sealed_service",
        &[
            pgrx::Uuid::from_bytes(*id.as_bytes()).into(),
            by_password.into(),
            by_service.into(),
        ],
    )?;
    Ok(())
}

/// `stretch.open_master_key(password)`.
#[pg_extern]
fn stretch_open_master_key(password: Text) {
    open_master_key(&password).or_raise();
}

fn open_master_key(password: &str) -> Result<()> {
    user::require_database_owner("open_master_key")?;
    require_primary()?;
    let latest = Latest::take();
    let Some(sealed) = secrets::sealed_master_key(latest.get())? else {
        return Err(Error::new(&errors::NOT_FOUND, "this database has no master key")
            .hint("Run stretch.create_master_key('password')."));
    };
    let master = stretch_vault::open_with_password(&sealed.by_password, sealed.id, password.as_bytes())
        .map_err(secrets::vault_error)?;
    // The password is proven: only now may a lost key file be made anew.
    let service = key_file::read_or_create()?;
    let by_service = stretch_vault::seal_with_service_key(&master, sealed.id, &service, crate::pg::random::random()?)
        .map_err(secrets::vault_error)?;
    {
        let _owner = user::ActAs::extension_owner();
        spi::execute(
            "UPDATE stretch.master_key SET sealed_service = $1",
            &[by_service.into()],
        )?;
    }
    identity::judge_again();
    Ok(())
}

/// `stretch.rotate_master_key(password)`: a new master key under a new password; every credential is sealed again.
#[pg_extern]
fn stretch_rotate_master_key(password: Text) {
    rotate_master_key(&password).or_raise();
}

fn rotate_master_key(password: &str) -> Result<()> {
    user::require_database_owner("rotate_master_key")?;
    check_password(password)?;
    {
        let _owner = user::ActAs::extension_owner();
        spi::execute(
            "LOCK TABLE stretch.master_key, stretch.credential IN SHARE ROW EXCLUSIVE MODE",
            &[],
        )?;
    }
    let latest = Latest::take();
    let service = key_file::read()?;
    secrets::master_key(latest.get())?;
    let names = {
        let _owner = user::ActAs::extension_owner();
        spi::rows("SELECT name FROM stretch.credential ORDER BY name", &[], |row| {
            row.get::<Text>(1)
        })?
    };
    let mut opened = Vec::new();
    for name in names.into_iter().flatten() {
        opened.push(secrets::credential(&name, latest.get())?);
    }
    let id = crate::pg::random::random_uuid()?;
    let master = MasterKey::new(Zeroizing::new(crate::pg::random::random()?));
    store_master_key(id, &master, &service, password)?;
    for (sealed, credential) in &opened {
        store_credential(
            id,
            &master,
            &sealed.name,
            sealed.version + 1,
            &credential.identity,
            &credential.secret,
        )?;
    }
    Ok(())
}

/// `stretch.drop_master_key()`.
#[pg_extern]
fn stretch_drop_master_key() {
    drop_master_key().or_raise();
}

fn drop_master_key() -> Result<()> {
    user::require_database_owner("drop_master_key")?;
    let _owner = user::ActAs::extension_owner();
    spi::execute(
        "LOCK TABLE stretch.master_key, stretch.credential IN SHARE ROW EXCLUSIVE MODE",
        &[],
    )?;
    let used: i64 = spi::get("SELECT count(*) FROM stretch.credential", &[])?.unwrap_or(0);
    if used > 0 {
        return Err(Error::new(
            &errors::KEY_IN_USE,
            format!("the master key still seals {used} credential(s)"),
        )
        .hint("Drop them with stretch.drop_credential first."));
    }
    if spi::execute("DELETE FROM stretch.master_key RETURNING 1", &[])? == 0 {
        return Err(Error::new(&errors::NOT_FOUND, "this database has no master key").without_hint());
    }
    Ok(())
}

/// `stretch.create_credential(name, identity, secret, or_replace)`.
#[pg_extern]
fn stretch_create_credential(name: Text, identity: Text, secret: Text, or_replace: bool) {
    create_credential("create_credential", &name, &identity, &secret, or_replace).or_raise();
}

fn create_credential(function: &str, name: &str, identity: &str, secret: &str, or_replace: bool) -> Result<()> {
    user::require_database_owner(function)?;
    check_name(name)?;
    let latest = Latest::take();
    let (id, master) = secrets::master_key(latest.get())?;
    let version = match secrets::sealed_credential(name, latest.get())? {
        None => 1,
        Some(old) if or_replace || secrets_are_void(latest.get())? => old.version + 1,
        Some(_) => {
            return Err(
                Error::new(&errors::EXISTS, format!("credential \"{name}\" exists already"))
                    .hint("Use or_replace => true, or stretch.alter_credential."),
            );
        }
    };
    store_credential(id, &master, name, version, identity, secret)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::argument("the name of a credential must not be empty"));
    }
    super::database::check_credential_name(name)
}

fn store_credential(
    key_id: Uuid,
    master: &MasterKey,
    name: &str,
    version: i32,
    identity: &str,
    secret: &str,
) -> Result<()> {
    let label = CredentialLabel {
        master_key: key_id,
        name,
        version: version as u64,
    };
    let sealed = stretch_vault::seal_credential(master, label, identity, secret, crate::pg::random::random()?)
        .map_err(secrets::vault_error)?;
    let _owner = user::ActAs::extension_owner();
    spi::execute(
        "INSERT INTO stretch.credential (name, key_id, version, sealed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, version = excluded.version,
             sealed = excluded.sealed",
        &[
            name.into(),
            pgrx::Uuid::from_bytes(*key_id.as_bytes()).into(),
            version.into(),
            sealed.into(),
        ],
    )?;
    request::want_worker();
    Ok(())
}

/// `stretch.create_credential_from_file(name, identity, path)`: keeps the secret out of statements (C-4).
#[pg_extern]
fn stretch_create_credential_from_file(name: Text, identity: Text, path: Text) {
    create_credential_from_file(&name, &identity, &path).or_raise();
}

fn create_credential_from_file(name: &str, identity: &str, path: &str) -> Result<()> {
    const FUNCTION: &str = "create_credential_from_file";
    user::require_database_owner(FUNCTION)?;
    if !user::has_privs_of(user::current(), pg_sys::ROLE_PG_READ_SERVER_FILES.into()) {
        return Err(Error::new(
            &errors::NOT_OWNER,
            format!("stretch.{FUNCTION} needs membership in pg_read_server_files"),
        )
        .without_hint());
    }
    let secret = read_secret(path).ok_or_else(|| {
        Error::new(&errors::FILE_TROUBLE, "the file cannot be read as a secret").hint(
            "It must be a regular file of at most 64 kB of UTF-8 text that the server's OS user can read, named by \
            an absolute path.",
        )
    })?;
    create_credential(FUNCTION, name, identity, secret.trim_end_matches(['\r', '\n']), false)
}

/// The file's text; why it cannot be had is not told, since that would tell about files.
fn read_secret(path: &str) -> Option<Zeroizing<String>> {
    use std::os::unix::fs::OpenOptionsExt;
    if !std::path::Path::new(path).is_absolute() {
        return None;
    }
    // Not blocking, or a FIFO would hold the session for ever.
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    let meta = file.metadata().ok()?;
    if !meta.is_file() || meta.len() > SECRET_FILE_BYTES {
        return None;
    }
    let mut text = Zeroizing::new(String::with_capacity(SECRET_FILE_BYTES as usize));
    file.take(SECRET_FILE_BYTES).read_to_string(&mut text).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// `stretch.alter_credential(name, identity, secret)`.
#[pg_extern]
fn stretch_alter_credential(name: Text, identity: Text, secret: Text) {
    alter_credential(&name, &identity, &secret).or_raise();
}

fn alter_credential(name: &str, identity: &str, secret: &str) -> Result<()> {
    user::require_database_owner("alter_credential")?;
    check_name(name)?;
    let latest = Latest::take();
    let old = secrets::sealed_credential(name, latest.get())?.ok_or_else(|| secrets::no_credential(name))?;
    let (id, master) = secrets::master_key(latest.get())?;
    store_credential(id, &master, name, old.version + 1, identity, secret)
}

/// `stretch.drop_credential(name, if_exists)`.
#[pg_extern]
fn stretch_drop_credential(name: Text, if_exists: bool) {
    drop_credential(&name, if_exists).or_raise();
}

fn drop_credential(name: &str, if_exists: bool) -> Result<()> {
    user::require_database_owner("drop_credential")?;
    check_name(name)?;
    let latest = Latest::take();
    if secrets::sealed_credential(name, latest.get())?.is_none() {
        if if_exists {
            notice(&format!("credential \"{name}\" does not exist, skipping"));
            return Ok(());
        }
        return Err(secrets::no_credential(name));
    }
    let used = catalog::tables::binding(latest.get())?.is_some_and(|binding| binding.credential == name);
    if used && !secrets_are_void(latest.get())? {
        return Err(Error::new(
            &errors::KEY_IN_USE,
            format!("credential \"{name}\" connects this database to its endpoint"),
        )
        .hint("Run stretch.deauthorize first, or change it with stretch.alter_credential."));
    }
    let _owner = user::ActAs::extension_owner();
    spi::execute("DELETE FROM stretch.credential WHERE name = $1", &[name.into()])?;
    Ok(())
}
