//! Rows of the catalog as Rust values.

use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use stretch_core::dead_rows::DeadRows;
use stretch_core::ids::{BranchId, DbId, ManifestId, Nonce, SegmentId, TableId};
use stretch_core::manifest::{ManifestError, Totals};
use stretch_core::state::{MigrationState, QueryMode};

/// `stretch.database`.
#[derive(Clone, Debug)]
pub struct Database {
    pub db_id: DbId,
    pub endpoint: String,
    pub lineage: Vec<BranchId>,
    pub rpo_seconds: i64,
    pub retention_seconds: i64,
    pub format: i32,
}

/// `stretch.binding`.
#[derive(Clone, Debug)]
pub struct Binding {
    pub branch_id: BranchId,
    pub generation: i64,
    pub nonce: Nonce,
    pub credential: String,
    pub system_identifier: u64,
    pub database_oid: pg_sys::Oid,
    pub timeline: u32,
    pub lsn: u64,
    pub query_mode: QueryMode,
}

impl Binding {
    /// Whether it is the binding of this incarnation, not one that came with a copy of the files. Without one a dump is
    /// being restored, or was (F47).
    pub fn is_of_here(&self) -> bool {
        // SAFETY: plain getters.
        unsafe { self.system_identifier == pg_sys::GetSystemIdentifier() && self.database_oid == pg_sys::MyDatabaseId }
    }
}

/// How a column's values travel to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A Parquet type of its own.
    Native,
    /// Bytes of the type's send function.
    Send,
    /// Text of the type's output function under pinned settings.
    Output,
}

/// One column in `stretched_table.columns`: by name, because attribute numbers do not survive a dump (F37).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub field_id: i32,
    pub form: Form,
    /// What rows show in it whose segment lacks the field, because the column was added later: its default of that
    /// time, as the output function of the type below all domains writes it. `None` for NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// A unique key in `stretched_table.unique_keys`: names of its columns in index order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UniqueKey {
    pub columns: Vec<String>,
    pub nulls_not_distinct: bool,
}

/// `stretch.stretched_table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StretchedTable {
    pub table_id: TableId,
    pub relation: pg_sys::Oid,
    pub filter: Option<String>,
    pub order_by: Option<String>,
    pub strict: bool,
    pub migration_state: MigrationState,
    pub is_reconciled: bool,
    pub columns: Vec<Column>,
    pub unique_keys: Vec<UniqueKey>,
}

/// `stretch.abandoned_table`: a table that was disabled without its cold rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbandonedTable {
    /// Its segments have this id still.
    pub table_id: TableId,
    pub relation: pg_sys::Oid,
    /// Microseconds since 2000; who comes later was disabled later.
    pub abandoned_at: i64,
    /// Holds for every cold row.
    pub filter: Option<String>,
    /// The filter as it was given, where it named the present.
    pub rule: Option<String>,
    pub order_by: Option<String>,
    /// The table's columns, as they are now where the rows fit, with the fields of its segments.
    pub columns: Vec<Column>,
    pub next_field_id: i32,
    /// Why the cold rows do not fit the table any more.
    pub unfit: Option<String>,
}

/// `stretch.partitioned_table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionedTable {
    pub relation: pg_sys::Oid,
    pub filter: Option<String>,
    pub order_by: Option<String>,
    pub strict: bool,
    pub migration_state: MigrationState,
}

/// `stretch.manifest`.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub manifest_id: ManifestId,
    pub segments: i64,
    pub row_total: i64,
    pub digest: Vec<u8>,
    /// How often all rows were taken from the table at once, from under every snapshot.
    pub truncations: i64,
    /// The transaction that changed it last; FrozenTransactionId for one that is long over.
    pub writer: pg_sys::TransactionId,
}

impl Manifest {
    /// Its totals; an error where it cannot have been written so.
    pub fn totals(&self) -> Result<Totals, ManifestError> {
        Totals::stored(self.segments, self.row_total, &self.digest)
    }
}

/// A row of `stretch.tombstone` that stands for one dead row.
#[derive(Clone, Copy, Debug)]
pub struct Tombstone {
    /// The transaction that wrote it; FrozenTransactionId for one that is long over.
    pub writer: pg_sys::TransactionId,
    /// The command of that transaction; only the transaction itself may ask.
    pub command: pg_sys::CommandId,
    /// Where the new version of an updated row went.
    pub home: Option<pg_sys::ItemPointerData>,
}

/// A row of `stretch.tombstone` that stands for many dead rows.
pub struct Bitmap {
    pub rows: DeadRows,
    /// The transaction that wrote this version of it.
    pub writer: pg_sys::TransactionId,
    /// Where this version lies.
    pub place: (u32, u16),
}

/// `stretch.segment`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its number in its table, for good: no other segment ever has it.
    pub number: u32,
    /// The last comparison with the endpoint found no object with the right bytes.
    pub lost: bool,
    pub segment_id: SegmentId,
    pub row_count: i64,
    pub byte_size: i64,
    pub sha256: [u8; 32],
    /// Name below `<prefix>/<db_id>/`, once uploaded.
    pub object_key: Option<String>,
    pub server_encoding: String,
    /// Microseconds since 2000.
    pub migrated_at: i64,
    pub retired: bool,
}
