//! The marker: what this server remembers about its claim outside the data directory, so that copies of the data do not
//! have it (F6, F20). One file per data directory and database, locked by the worker while it lives.

use crate::endpoint::secrets::key_file::{make_private_dir, sync_dir, trouble};
use crate::pg::error::Result;
use crate::pg::gucs;
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use stretch_core::verdict::Reason;
use uuid::Uuid;

/// A claim that is about to be made; kept until its binding has committed, so that a repeated call resumes (F20, F21).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    nonce: String,
    /// Set when a new branch is to be made: its id.
    branch: Option<String>,
    /// What the branch is made for, so that only the same call resumes it.
    purpose: Option<String>,
}

impl Intent {
    /// A claim of the next generation on the branch that the catalog names.
    pub fn next_generation(nonce: Uuid) -> Self {
        Self {
            nonce: nonce.to_string(),
            branch: None,
            purpose: None,
        }
    }

    /// A first claim on a new branch.
    pub fn new_branch(nonce: Uuid, branch: Uuid, purpose: &str) -> Self {
        Self {
            nonce: nonce.to_string(),
            branch: Some(branch.to_string()),
            purpose: Some(purpose.into()),
        }
    }

    /// The nonce.
    pub fn nonce(&self) -> Option<Uuid> {
        self.nonce.parse().ok()
    }

    /// Nonce and branch, if this intent was made for `purpose`.
    pub fn resumes(&self, purpose: &str) -> Option<(Uuid, Uuid)> {
        let branch = self.branch.as_ref()?.parse().ok()?;
        (self.purpose.as_deref() == Some(purpose)).then_some(())?;
        Some((self.nonce()?, branch))
    }

    /// True for an intent on the bound branch itself.
    pub fn is_next_generation(&self) -> bool {
        self.branch.is_none()
    }
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    nonce: Option<String>,
    pub intent: Option<Intent>,
    /// Number of the last heartbeat, written before the heartbeat itself.
    pub sequence: u64,
    pub timeline: u32,
    /// A flushed position.
    pub lsn: u64,
    pub system_identifier: u64,
    /// Start of the postmaster under which enable_database or reauthorize bound this database: its start facts no
    /// longer count then, also after a crash of one backend has reset the shared memory.
    pub bound_in_start: Option<i64>,
    /// `deauthorize` ended the claim; until the next one is bound.
    #[serde(default)]
    pub deauthorized: bool,
    /// A verdict that only an administrator may change; until the next claim is bound.
    #[serde(default)]
    sentence: Option<Sentence>,
}

/// What was found once and cannot be seen any more at the next start: the files that say so are gone, or the log has
/// grown past the position by which it was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sentence {
    /// Nonce of the claim that was bound.
    nonce: String,
    /// `stretch_core::verdict::Reason` as a number.
    reason: u8,
}

impl Content {
    /// Nonce of the claim that was bound last.
    pub fn nonce(&self) -> Option<Uuid> {
        self.nonce.as_ref()?.parse().ok()
    }

    /// A claim was bound: its nonce, no intent any more, heartbeats from the start.
    pub fn bind(&mut self, nonce: Uuid) {
        self.nonce = Some(nonce.to_string());
        self.intent = None;
        self.sequence = 0;
        self.deauthorized = false;
        self.sentence = None;
    }

    /// Keeps a verdict about the claim with this nonce.
    pub fn sentence(&mut self, nonce: Uuid, reason: Reason) {
        self.sentence = Some(Sentence {
            nonce: nonce.to_string(),
            reason: reason as u8,
        });
    }

    /// The verdict that was kept about the claim with this nonce. A newer claim, made elsewhere, is another story.
    pub fn sentenced(&self, nonce: Uuid) -> Option<Reason> {
        let sentence = self.sentence.as_ref()?;
        let reason = Reason::from_code(sentence.reason);
        (sentence.nonce.parse() == Ok(nonce) && reason != Reason::NotJudged).then_some(reason)
    }
}

/// The marker, locked by this process.
pub struct MarkerFile {
    path: PathBuf,
    _lock: File,
    /// `None` when there was no readable file.
    pub content: Option<Content>,
}

/// Outcome of trying to lock it.
pub enum Locked {
    Ours(Box<MarkerFile>),
    /// A living process other than ours holds it.
    Other,
    /// The state directory is missing.
    NoPlace,
}

/// `marker-<hash of the data directory's real path>-<database oid>` in `stretch.state_dir`.
fn stem() -> PathBuf {
    let data = gucs::data_directory();
    let real = fs::canonicalize(&data).unwrap_or(data);
    let digest = Sha256::digest(real.as_os_str().as_encoded_bytes());
    let hash: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    // SAFETY: plain global.
    let database = unsafe { pg_sys::MyDatabaseId };
    gucs::state_dir().join(format!("marker-{hash}-{}", database.to_u32()))
}

/// Reads the marker without its lock, for backends that judge by themselves.
pub fn peek() -> Option<Content> {
    let bytes = fs::read(stem().with_extension("json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Locks and reads the marker. `create` makes the state directory if it is missing.
pub fn lock(create: bool) -> Result<Locked> {
    let stem = stem();
    if create {
        make_private_dir(&gucs::state_dir())?;
    } else if !gucs::state_dir().is_dir() {
        return Ok(Locked::NoPlace);
    }
    // A file of its own: the marker itself is replaced at each write, and a lock belongs to a file, not to its name.
    let lock_path = stem.with_extension("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|error| trouble("open the lock file", &lock_path, &error))?;
    // SAFETY: a live descriptor; the lock goes with it.
    if unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
        let error = std::io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::EWOULDBLOCK) {
            return Ok(Locked::Other);
        }
        return Err(trouble("lock the file", &lock_path, &error));
    }
    Ok(Locked::Ours(Box::new(MarkerFile {
        path: stem.with_extension("json"),
        _lock: lock,
        content: peek(),
    })))
}

impl MarkerFile {
    /// Changes the content and makes it durable before returning. It says from now on that this server, under the claim
    /// of the marker, has come as far as it is now.
    pub fn update(&mut self, change: impl FnOnce(&mut Content)) -> Result<()> {
        self.note(|content| {
            change(content);
            (content.timeline, content.lsn) = super::history::flushed();
            content.system_identifier = super::history::system_identifier();
        })
    }

    /// The same, but for how far this server has come: whoever is not connected proves nothing by its log.
    pub fn note(&mut self, change: impl FnOnce(&mut Content)) -> Result<()> {
        let mut content = self.content.clone().unwrap_or_default();
        change(&mut content);
        self.write(&content)
            .map_err(|error| trouble("write the marker", &self.path, &error))?;
        self.content = Some(content);
        Ok(())
    }

    fn write(&self, content: &Content) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(content).map_err(std::io::Error::other)?;
        let temporary = self.path.with_extension("json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_dir)
    }
}
