//! The words for states and modes: parsed in any case, shown as SQL Server shows them (design §13).

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

/// A word that names no mode or state; the message lists those that exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not one of {accepted}")]
pub struct UnknownWord {
    /// What was given.
    pub given: String,
    /// The accepted words.
    pub accepted: &'static str,
}

/// Finds a word in a table, whatever its case.
fn lookup<T: Copy>(given: &str, words: &[(&str, T)], accepted: &'static str) -> Result<T, UnknownWord> {
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(given))
        .map(|&(_, value)| value)
        .ok_or_else(|| UnknownWord {
            given: given.to_owned(),
            accepted,
        })
}

/// Which rows a query of a stretched table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum QueryMode {
    /// Hot and cold rows: the normal mode.
    #[default]
    LocalAndRemote = 0,
    /// Hot and staged rows; a warning says how many are left out (F36).
    LocalOnly = 1,
    /// Cold rows only.
    RemoteOnly = 2,
    /// Every query of a stretched table fails with ST020.
    Disabled = 3,
}

impl QueryMode {
    /// The word shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalAndRemote => "LOCAL_AND_REMOTE",
            Self::LocalOnly => "LOCAL_ONLY",
            Self::RemoteOnly => "REMOTE_ONLY",
            Self::Disabled => "DISABLED",
        }
    }
}

impl FromStr for QueryMode {
    type Err = UnknownWord;
    /// Surrounding blanks do not count.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        lookup(
            text.trim(),
            &[
                ("LOCAL_AND_REMOTE", Self::LocalAndRemote),
                ("LOCAL_ONLY", Self::LocalOnly),
                ("REMOTE_ONLY", Self::RemoteOnly),
                ("DISABLED", Self::Disabled),
            ],
            "LOCAL_AND_REMOTE, LOCAL_ONLY, REMOTE_ONLY, DISABLED",
        )
        .map_err(|unknown| UnknownWord {
            given: text.to_owned(),
            ..unknown
        })
    }
}

impl fmt::Display for QueryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the worker does with a stretched table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum MigrationState {
    /// Eligible rows go to the cold side.
    #[default]
    Outbound = 0,
    /// Cold rows come back.
    Inbound = 1,
    /// Nothing moves.
    Paused = 2,
}

impl MigrationState {
    /// The word shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Paused => "paused",
        }
    }
}

impl FromStr for MigrationState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        lookup(
            text,
            &[
                ("outbound", Self::Outbound),
                ("inbound", Self::Inbound),
                ("paused", Self::Paused),
            ],
            "outbound, inbound, paused",
        )
    }
}

impl fmt::Display for MigrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The relation of this incarnation of a database to its endpoint (design §9). The reason is
/// [`crate::verdict::Reason`].
///
/// It lies in shared memory as it is, and fresh memory is all zeros: so it is one byte, and zero is the safe
/// *undecided* (F8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum DatabaseState {
    /// No verdict yet, or the endpoint does not answer: nothing that writes remotely.
    #[default]
    Undecided = 0,
    /// Somebody else still writes heartbeats; judged again until the wait is over.
    Waiting = 1,
    /// This incarnation owns its branch.
    Connected = 2,
    /// Nothing remote until reauthorized.
    Disconnected = 3,
}

impl DatabaseState {
    /// The word shown in `stretch.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Waiting => "waiting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
