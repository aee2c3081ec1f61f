//! An endpoint in a folder: `file://…`, with what a test wants to know about its objects.

use crate::{os, run_dir, timing};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder that every cluster allows by `stretch.file_roots`.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| run_dir::fresh("endpoints"))
}

/// A folder that belongs to the server's user.
pub struct Endpoint {
    path: PathBuf,
}

impl Endpoint {
    /// A new, empty one under [`root`].
    pub fn new() -> Endpoint {
        timing::start();
        let name = uuid::Uuid::from_bytes(rand::random()).simple().to_string();
        // In a folder of its own, which `take_away` can close.
        let path = root().join(&name[..12]).join("e");
        os::make_dir(path.parent().expect("just joined"));
        os::make_dir(&path);
        Endpoint { path }
    }

    /// `file:///…`, as `enable_database` takes it.
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all objects relative to the endpoint, sorted.
    pub fn objects(&self) -> Vec<String> {
        let mut names: Vec<String> = files(&self.path)
            .into_iter()
            .filter_map(|file| Some(file.strip_prefix(&self.path).ok()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    /// Names of the segments' objects.
    pub fn segments(&self) -> Vec<String> {
        let mut names = self.objects();
        names.retain(|name| name.contains("/segment/"));
        names
    }

    /// The bytes of an object.
    pub fn read(&self, object: &str) -> Vec<u8> {
        fs::read(self.path.join(object)).expect("the object is there")
    }

    /// Replaces the bytes of an object, as damage would.
    pub fn overwrite(&self, object: &str, bytes: &[u8]) {
        let path = self.path.join(object);
        fs::write(&path, bytes).expect("the object can be written");
        os::give(&path);
    }

    /// Removes an object, as an accident would.
    pub fn remove(&self, object: &str) {
        fs::remove_file(self.path.join(object)).expect("the object is there");
    }

    /// Removes every object, also while a worker goes on with its heartbeats: what it took away itself is gone already.
    pub fn remove_all(&self) {
        for object in self.objects() {
            match fs::remove_file(self.path.join(&object)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("cannot remove {object}: {error}"),
                _ => {}
            }
        }
    }

    /// Bytes of all objects.
    pub fn size(&self) -> u64 {
        dir_size(&self.path)
    }

    /// Moves the folder out of reach, as an unmounted disk would; [`Endpoint::put_back`] undoes it. The folder around
    /// it is closed to the server meanwhile: a request that is under way would make the missing one anew, and find it
    /// empty.
    pub fn take_away(&self) {
        self.close(true);
        fs::rename(&self.path, self.away()).expect("the folder can be renamed");
        self.close(false);
    }

    /// Undoes [`Endpoint::take_away`].
    pub fn put_back(&self) {
        self.close(true);
        fs::rename(self.away(), &self.path).expect("the folder can be renamed");
        os::make_dir(self.around());
    }

    /// Closes the folder around ours to the server. Where that is run by ourselves, the folder must be open for
    /// renaming, and is closed only afterwards.
    fn close(&self, before_renaming: bool) {
        let mode = match (os::server_user(), before_renaming) {
            (Some(_), _) => {
                chown(self.around(), Some(0), Some(0)).expect("root may give it to itself");
                0o755
            }
            (None, true) => 0o755,
            (None, false) => 0o555,
        };
        fs::set_permissions(self.around(), fs::Permissions::from_mode(mode)).expect("mode can be set");
    }

    fn around(&self) -> &Path {
        self.path.parent().expect("made inside another")
    }

    fn away(&self) -> PathBuf {
        self.path.with_extension("away")
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Endpoint::new()
    }
}

/// All regular files below a folder.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        // Files come and go in a living server's folder.
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

/// Bytes of all regular files below a folder, as their lengths say.
pub fn dir_size(dir: &Path) -> u64 {
    files(dir)
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|meta| meta.len())
        .sum()
}
