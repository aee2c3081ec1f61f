//! What a reader of cold rows is for, and what follows from that: the one place where readers differ.

#[cfg(test)]
mod tests;

use crate::state::QueryMode;

/// Who reads cold rows. Rows are the same for all; who may be kept from them, who is in conflict with those that change
/// them, and whose bytes are worth keeping differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A statement of a user, which sees what the database's query mode shows.
    Query(QueryMode),
    /// The look for keys that new rows must not repeat: a key counts whether or not queries see its row.
    Keys,
    /// The newest version of a row that a statement locks or changes.
    RowLock,
    /// A rule about all rows is checked, as a new constraint is: its answer must not depend on the query mode.
    Rule,
    /// A sample for the planner's statistics.
    Sample,
    /// Rows on their way to another segment, or back into the heap: moving them changes none.
    Move,
    /// A comparison of every byte with the catalog.
    Verify,
}

impl Purpose {
    /// Which rows are seen. A query mode keeps rows from users, never from rules about all rows.
    pub fn query_mode(self) -> QueryMode {
        match self {
            Self::Query(mode) => mode,
            Self::Keys | Self::RowLock | Self::Rule | Self::Sample | Self::Move | Self::Verify => {
                QueryMode::LocalAndRemote
            }
        }
    }

    /// Whether the endpoint may be asked for bytes that are not staged.
    pub fn may_ask_endpoint(self) -> bool {
        self.query_mode() != QueryMode::LocalOnly
    }

    /// Whether PostgreSQL is told which segments were read, so that it finds conflicts between SERIALIZABLE
    /// transactions. Who only moves, compares or counts rows depends on none of them being alive.
    pub fn marks_reads(self) -> bool {
        match self {
            Self::Query(_) | Self::Keys | Self::RowLock | Self::Rule => true,
            Self::Sample | Self::Move | Self::Verify => false,
        }
    }

    /// Whether bytes may come from a cache, and be left there for others. A comparison must see what the endpoint has,
    /// and who moves rows reads each byte once and would drive out what queries need.
    pub fn may_use_cache(self) -> bool {
        match self {
            Self::Query(_) | Self::Keys | Self::RowLock | Self::Rule => true,
            Self::Sample | Self::Move | Self::Verify => false,
        }
    }
}
