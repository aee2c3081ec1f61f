//! Locks on cold rows: which heavyweight lock stands for which row lock, and when one of a whole segment takes the
//! place of many of its rows.
//!
//! A cold row has no tuple header to be marked in, so its lock is one in the server's lock table, which is small. Every
//! locker first takes his segment with a weak mode, as a sign that he has rows of it; whoever locks very many rows
//! takes the segment as a whole.

#[cfg(test)]
mod tests;

/// How strong a row lock is, as in `FOR KEY SHARE` to `FOR UPDATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    KeyShare,
    Share,
    NoKeyUpdate,
    Update,
}

/// Modes of heavyweight locks by their numbers (lockdefs.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Mode {
    AccessShare = 1,
    RowShare = 2,
    RowExclusive = 3,
    Share = 5,
    Exclusive = 7,
    AccessExclusive = 8,
}

/// Rows that a transaction locks in one segment before it tries to lock the segment.
pub const MANY_ROWS: u32 = 64;
/// Rows from which on it waits for that lock, where it may wait and no other transaction waits so: two that do are a
/// deadlock, though their rows may be different ones.
pub const TOO_MANY_ROWS: u32 = 4096;
/// Rows from which on it waits for that lock all the same: a deadlock ends one transaction, and a full lock table would
/// end the statements of all. One of a server with default settings holds about 12,000 locks.
pub const FAR_TOO_MANY_ROWS: u32 = 6144;

/// How a transaction asks for a segment as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escalation {
    /// It goes on row by row when others have rows of the segment.
    Try,
    /// It waits for them, if the statement waits for locks at all and no other transaction waits so.
    Wait,
    /// It waits for them, if the statement waits for locks at all.
    Insist,
}

impl Strength {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::KeyShare, Self::Share, Self::NoKeyUpdate, Self::Update];

    /// The lock on the row: the modes that heap uses for rows, whose conflicts are those of row locks.
    pub fn row(self) -> Mode {
        match self {
            Self::KeyShare => Mode::AccessShare,
            Self::Share => Mode::RowShare,
            Self::NoKeyUpdate => Mode::Exclusive,
            Self::Update => Mode::AccessExclusive,
        }
    }

    /// The lock on the segment of whoever locks single rows of it: in conflict with those that have the whole segment,
    /// where their rows would be in conflict, and with nobody else.
    pub fn intent(self) -> Mode {
        match self {
            Self::KeyShare => Mode::AccessShare,
            Self::Share => Mode::RowShare,
            Self::NoKeyUpdate | Self::Update => Mode::RowExclusive,
        }
    }

    /// The lock on the segment that stands for locks on all its rows.
    pub fn whole(self) -> Mode {
        match self {
            Self::KeyShare | Self::Share => Mode::Share,
            Self::NoKeyUpdate => Mode::Exclusive,
            Self::Update => Mode::AccessExclusive,
        }
    }

    /// The locks on the segment of which each makes one of this strength on a row needless.
    pub fn covered_by(self) -> impl Iterator<Item = Mode> {
        Self::ALL
            .into_iter()
            .filter(move |other| *other >= self)
            .map(Self::whole)
    }
}

/// Whether a transaction that has locked so many rows of a segment asks for all of it before it locks one more.
pub fn escalation(rows: u32) -> Option<Escalation> {
    match rows {
        FAR_TOO_MANY_ROWS.. => Some(Escalation::Insist),
        0 => None,
        _ if !rows.is_multiple_of(MANY_ROWS) => None,
        TOO_MANY_ROWS.. => Some(Escalation::Wait),
        _ => Some(Escalation::Try),
    }
}
