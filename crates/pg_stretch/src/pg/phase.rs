//! What a worker may be doing to a table, and how far it is.

use pgrx::pg_sys;

/// What is done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Phase {
    #[default]
    Idle = 0,
    BringingBack = 1,
    Compacting = 2,
}

impl Phase {
    /// The words that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::BringingBack => "bringing back",
            Self::Compacting => "compacting",
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Progress {
    pub phase: Phase,
    pub relation: pg_sys::Oid,
    /// Rows.
    pub done: u64,
    /// Rows in all, as far as is known.
    pub total: u64,
    /// Microseconds since 2000 of the beginning, and what was done by then.
    pub began: i64,
    pub done_before: u64,
}
