//! The service key file: 32 random bytes outside the data directory, which only this server's OS user can read (F40).

use crate::pg::error::{Error, Result};
use crate::pg::gucs;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use stretch_core::errors;
use stretch_vault::{KEY_LEN, ServiceKey, Zeroizing};

/// True when the file is there and holds a usable key.
pub fn present() -> bool {
    read().is_ok()
}

/// The service key; ST016 naming `open_master_key` when its file is gone.
pub fn read() -> Result<ServiceKey> {
    let path = gucs::service_key_file();
    match read_from(&path) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(Error::new(
            &errors::MASTER_KEY_NOT_OPEN,
            format!("the service key file \"{}\" is missing", path.display()),
        )
        .hint("Put the file back, or run stretch.open_master_key('password'); a new key is never made by itself.")),
        Err(error) => Err(error),
    }
}

/// The service key, made now if there is none. Only `create_master_key` and a proven password may come here.
pub fn read_or_create() -> Result<ServiceKey> {
    let path = gucs::service_key_file();
    refuse_inside_data(&path)?;
    if let Some(key) = read_from(&path)? {
        return Ok(key);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_private_dir(folder)?;
    let bytes = Zeroizing::new(crate::pg::random::random::<KEY_LEN>()?);
    create(&path, &*bytes).map_err(|error| trouble("write the service key file", &path, &error))?;
    // Whatever stands there now is the key: another session may have been first.
    read()
}

fn read_from(path: &Path) -> Result<Option<ServiceKey>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble("read the service key file", path, &error)),
    };
    let meta = file
        .metadata()
        .map_err(|error| trouble("read the service key file", path, &error))?;
    // As PostgreSQL does for ssl_key_file: ours and private, or root's and readable for our group at most.
    // SAFETY: plain getter.
    let me = unsafe { libc::geteuid() };
    let allowed = match meta.uid() {
        owner if owner == me => 0o600,
        0 => 0o640,
        _ => 0,
    };
    if !meta.is_file() || meta.mode() & 0o777 & !allowed != 0 {
        return Err(Error::new(
            &errors::FILE_TROUBLE,
            format!("the service key file \"{}\" is not private", path.display()),
        )
        .hint("It must belong to the server's OS user with mode 0600, or to root with mode 0640."));
    }
    refuse_inside_data(path)?;
    // One byte more than allowed, so that a longer file is noticed.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
    file.take(KEY_LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| trouble("read the service key file", path, &error))?;
    ServiceKey::from_file_bytes(&bytes)
        .map(Some)
        .map_err(super::failed::vault_error)
}

/// Writes a temporary file and links it into place: never a half key, never over another one.
fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&temporary);
    linked.and(removed)?;
    sync_dir(path.parent().unwrap_or(Path::new("/")))
}

/// Makes a folder with mode 0700, or checks that the existing one is not writable by others.
pub fn make_private_dir(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| trouble("create the folder", folder, &error))?;
    let meta = fs::metadata(folder).map_err(|error| trouble("look at the folder", folder, &error))?;
    // SAFETY: plain getter.
    let me = unsafe { libc::geteuid() };
    if (meta.uid() != me && meta.uid() != 0) || meta.mode() & 0o022 != 0 {
        return Err(Error::new(
            &errors::FILE_TROUBLE,
            format!("the folder \"{}\" can be written by others", folder.display()),
        )
        .hint("It must belong to the server's OS user, with mode 0700."));
    }
    Ok(())
}

/// Makes a change of a folder's entries durable.
pub fn sync_dir(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Data directory and tablespaces with links resolved.
pub fn data_places() -> Vec<PathBuf> {
    let data = gucs::data_directory();
    let mut places: Vec<PathBuf> = fs::read_dir(data.join("pg_tblspc"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::canonicalize(entry.path()).ok())
        .collect();
    places.push(fs::canonicalize(&data).unwrap_or(data));
    places
}

/// A key that travels with base backups is no protection.
fn refuse_inside_data(path: &Path) -> Result<()> {
    let mut real = path.to_path_buf();
    let mut rest = PathBuf::new();
    let real = loop {
        match fs::canonicalize(&real) {
            Ok(found) => break found.join(&rest),
            Err(_) => match (real.parent(), real.file_name()) {
                (Some(parent), Some(name)) => {
                    rest = Path::new(name).join(&rest);
                    real = parent.to_path_buf();
                }
                _ => break path.to_path_buf(),
            },
        }
    };
    if !path.is_absolute() || data_places().iter().any(|place| real.starts_with(place)) {
        return Err(Error::new(
            &errors::FILE_TROUBLE,
            format!(
                "the service key file \"{}\" must lie outside the data directory and tablespaces",
                path.display()
            ),
        )
        .hint("Set stretch.state_dir or stretch.service_key_file to another absolute path."));
    }
    Ok(())
}

/// An error about a file of the server, without its content.
pub fn trouble(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        &errors::FILE_TROUBLE,
        format!("could not {what} \"{}\": {}", path.display(), error.kind()),
    )
}
