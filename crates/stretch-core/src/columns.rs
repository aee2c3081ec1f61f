//! Numbers of the columns of the catalog's tables, which queries read and write without SQL.
//!
//! The install script gives the columns their order. A test compares every number here with `pg_attribute` of a real
//! server.

#[cfg(test)]
mod tests;

/// A column of a table in schema `stretch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column's name.
    pub name: &'static str,
    /// Its number, from 1.
    pub number: i16,
}

impl Column {
    const fn new(table: &'static str, name: &'static str, number: i16) -> Self {
        Self { table, name, number }
    }

    /// Its place in an array of all values of a row, from 0.
    pub const fn index(self) -> usize {
        self.number as usize - 1
    }
}

/// `stretch.database`: what a backup must know of the remote side.
pub mod database {
    use super::Column;

    pub const DB_ID: Column = Column::new("database", "db_id", 2);
    pub const ENDPOINT: Column = Column::new("database", "endpoint", 3);
    pub const LINEAGE: Column = Column::new("database", "lineage", 4);
    pub const RPO: Column = Column::new("database", "rpo", 5);
    pub const RETENTION: Column = Column::new("database", "retention", 6);
    pub const FORMAT: Column = Column::new("database", "format", 7);
    pub const CREDENTIAL: Column = Column::new("database", "credential", 8);
}

/// `stretch.binding`: the claim of this incarnation of the database.
pub mod binding {
    use super::Column;

    pub const BRANCH_ID: Column = Column::new("binding", "branch_id", 2);
    pub const GENERATION: Column = Column::new("binding", "generation", 3);
    pub const NONCE: Column = Column::new("binding", "nonce", 4);
    pub const CREDENTIAL: Column = Column::new("binding", "credential", 5);
    pub const SYSTEM_IDENTIFIER: Column = Column::new("binding", "system_identifier", 6);
    pub const DATABASE_OID: Column = Column::new("binding", "database_oid", 7);
    pub const TIMELINE: Column = Column::new("binding", "timeline", 8);
    pub const LSN: Column = Column::new("binding", "lsn", 9);
    pub const QUERY_MODE: Column = Column::new("binding", "query_mode", 10);
}

/// `stretch.stretched_table`: one row per stretched table.
pub mod stretched_table {
    use super::Column;

    pub const TABLE_ID: Column = Column::new("stretched_table", "table_id", 1);
    pub const RELATION: Column = Column::new("stretched_table", "relation", 2);
    pub const FILTER: Column = Column::new("stretched_table", "filter", 3);
    pub const ORDER_BY: Column = Column::new("stretched_table", "order_by", 4);
    pub const STRICT: Column = Column::new("stretched_table", "strict", 5);
    pub const MIGRATION_STATE: Column = Column::new("stretched_table", "migration_state", 6);
    pub const IS_RECONCILED: Column = Column::new("stretched_table", "is_reconciled", 7);
    pub const COLUMNS: Column = Column::new("stretched_table", "columns", 8);
    pub const UNIQUE_KEYS: Column = Column::new("stretched_table", "unique_keys", 10);
}

/// `stretch.abandoned_table`: one row per table that was disabled without its cold rows.
pub mod abandoned_table {
    use super::Column;

    pub const TABLE_ID: Column = Column::new("abandoned_table", "table_id", 1);
    pub const RELATION: Column = Column::new("abandoned_table", "relation", 2);
    pub const ABANDONED_AT: Column = Column::new("abandoned_table", "abandoned_at", 3);
    pub const FILTER: Column = Column::new("abandoned_table", "filter", 4);
    pub const RULE: Column = Column::new("abandoned_table", "rule", 5);
    pub const ORDER_BY: Column = Column::new("abandoned_table", "order_by", 6);
    pub const COLUMNS: Column = Column::new("abandoned_table", "columns", 7);
    pub const NEXT_FIELD_ID: Column = Column::new("abandoned_table", "next_field_id", 8);
    pub const UNFIT: Column = Column::new("abandoned_table", "unfit", 14);
}

/// `stretch.partitioned_table`: how new partitions are stretched.
pub mod partitioned_table {
    use super::Column;

    pub const RELATION: Column = Column::new("partitioned_table", "relation", 1);
    pub const FILTER: Column = Column::new("partitioned_table", "filter", 2);
    pub const ORDER_BY: Column = Column::new("partitioned_table", "order_by", 3);
    pub const STRICT: Column = Column::new("partitioned_table", "strict", 4);
    pub const MIGRATION_STATE: Column = Column::new("partitioned_table", "migration_state", 5);
}

/// `stretch.awaited`: tables whose catalog a dump has not brought yet.
pub mod awaited {
    use super::Column;

    pub const RELATION: Column = Column::new("awaited", "relation", 1);
}

/// `stretch.moved`: where the rows of recent batches lay.
pub mod moved {
    use super::Column;

    pub const MOVER: Column = Column::new("moved", "mover", 1);
    pub const RELATION: Column = Column::new("moved", "relation", 2);
    pub const NUMBER: Column = Column::new("moved", "number", 3);
    pub const PLACES: Column = Column::new("moved", "places", 4);
    pub const EMPTIED: Column = Column::new("moved", "emptied", 5);
}

/// `stretch.manifest`: number, rows and digest of a table's live segments.
pub mod manifest {
    use super::Column;

    pub const TABLE_ID: Column = Column::new("manifest", "table_id", 1);
    pub const MANIFEST_ID: Column = Column::new("manifest", "manifest_id", 2);
    pub const SEGMENTS: Column = Column::new("manifest", "segments", 3);
    pub const ROW_TOTAL: Column = Column::new("manifest", "row_total", 4);
    pub const DIGEST: Column = Column::new("manifest", "digest", 5);
    pub const TRUNCATIONS: Column = Column::new("manifest", "truncations", 8);
}

/// `stretch.segment`: one row per live or retired segment.
pub mod segment {
    use super::Column;

    pub const SEGMENT_ID: Column = Column::new("segment", "segment_id", 1);
    pub const TABLE_ID: Column = Column::new("segment", "table_id", 2);
    pub const ROW_COUNT: Column = Column::new("segment", "row_count", 3);
    pub const BYTE_SIZE: Column = Column::new("segment", "byte_size", 4);
    pub const SHA256: Column = Column::new("segment", "sha256", 5);
    pub const OBJECT_KEY: Column = Column::new("segment", "object_key", 6);
    pub const LOST: Column = Column::new("segment", "lost", 9);
    pub const SERVER_ENCODING: Column = Column::new("segment", "server_encoding", 10);
    pub const MIGRATED_AT: Column = Column::new("segment", "migrated_at", 12);
    pub const RETIRED: Column = Column::new("segment", "retired", 18);
    pub const NUMBER: Column = Column::new("segment", "number", 19);
}

/// `stretch.segment_detail`: what a segment holds and where in it.
pub mod segment_detail {
    use super::Column;

    pub const SEGMENT_ID: Column = Column::new("segment_detail", "segment_id", 1);
    pub const DETAIL: Column = Column::new("segment_detail", "detail", 2);
    pub const KEY_FILTERS: Column = Column::new("segment_detail", "key_filters", 3);
}

/// `stretch.staged_chunk`: pieces of segments that are in staging.
pub mod staged_chunk {
    use super::Column;

    pub const SEGMENT_ID: Column = Column::new("staged_chunk", "segment_id", 1);
    pub const CHUNK_NO: Column = Column::new("staged_chunk", "chunk_no", 2);
    pub const BYTES: Column = Column::new("staged_chunk", "bytes", 3);
}

/// `stretch.tombstone`: dead rows of segments.
pub mod tombstone {
    use super::Column;

    pub const SEGMENT_ID: Column = Column::new("tombstone", "segment_id", 1);
    pub const ROW_NO: Column = Column::new("tombstone", "row_no", 2);
    pub const DEAD_ROWS: Column = Column::new("tombstone", "dead_rows", 3);
    pub const BITMAP: Column = Column::new("tombstone", "bitmap", 4);
    pub const HOME: Column = Column::new("tombstone", "home", 5);
    /// All its columns: whoever writes a row gives each a value.
    pub const ALL: [Column; 5] = [SEGMENT_ID, ROW_NO, DEAD_ROWS, BITMAP, HOME];
}

/// `stretch.master_key`: the sealed master key.
pub mod master_key {
    use super::Column;

    pub const KEY_ID: Column = Column::new("master_key", "key_id", 2);
    pub const SEALED_PASSWORD: Column = Column::new("master_key", "sealed_password", 3);
    pub const SEALED_SERVICE: Column = Column::new("master_key", "sealed_service", 4);
}

/// `stretch.credential`: sealed credentials.
pub mod credential {
    use super::Column;

    pub const NAME: Column = Column::new("credential", "name", 1);
    pub const KEY_ID: Column = Column::new("credential", "key_id", 2);
    pub const VERSION: Column = Column::new("credential", "version", 3);
    pub const SEALED: Column = Column::new("credential", "sealed", 4);
}

/// Every column above, for the comparison with a server.
pub static ALL: &[Column] = &[
    database::DB_ID,
    database::ENDPOINT,
    database::LINEAGE,
    database::RPO,
    database::RETENTION,
    database::FORMAT,
    database::CREDENTIAL,
    binding::BRANCH_ID,
    binding::GENERATION,
    binding::NONCE,
    binding::CREDENTIAL,
    binding::SYSTEM_IDENTIFIER,
    binding::DATABASE_OID,
    binding::TIMELINE,
    binding::LSN,
    binding::QUERY_MODE,
    stretched_table::TABLE_ID,
    stretched_table::RELATION,
    stretched_table::FILTER,
    stretched_table::ORDER_BY,
    stretched_table::STRICT,
    stretched_table::MIGRATION_STATE,
    stretched_table::IS_RECONCILED,
    stretched_table::COLUMNS,
    stretched_table::UNIQUE_KEYS,
    abandoned_table::TABLE_ID,
    abandoned_table::RELATION,
    abandoned_table::ABANDONED_AT,
    abandoned_table::FILTER,
    abandoned_table::RULE,
    abandoned_table::ORDER_BY,
    abandoned_table::COLUMNS,
    abandoned_table::NEXT_FIELD_ID,
    abandoned_table::UNFIT,
    partitioned_table::RELATION,
    partitioned_table::FILTER,
    partitioned_table::ORDER_BY,
    partitioned_table::STRICT,
    partitioned_table::MIGRATION_STATE,
    awaited::RELATION,
    moved::MOVER,
    moved::RELATION,
    moved::NUMBER,
    moved::PLACES,
    moved::EMPTIED,
    manifest::TABLE_ID,
    manifest::MANIFEST_ID,
    manifest::SEGMENTS,
    manifest::ROW_TOTAL,
    manifest::DIGEST,
    manifest::TRUNCATIONS,
    segment::SEGMENT_ID,
    segment::TABLE_ID,
    segment::ROW_COUNT,
    segment::BYTE_SIZE,
    segment::SHA256,
    segment::OBJECT_KEY,
    segment::LOST,
    segment::SERVER_ENCODING,
    segment::MIGRATED_AT,
    segment::RETIRED,
    segment::NUMBER,
    segment_detail::SEGMENT_ID,
    segment_detail::DETAIL,
    segment_detail::KEY_FILTERS,
    staged_chunk::SEGMENT_ID,
    staged_chunk::CHUNK_NO,
    staged_chunk::BYTES,
    tombstone::SEGMENT_ID,
    tombstone::ROW_NO,
    tombstone::DEAD_ROWS,
    tombstone::BITMAP,
    tombstone::HOME,
    master_key::KEY_ID,
    master_key::SEALED_PASSWORD,
    master_key::SEALED_SERVICE,
    credential::NAME,
    credential::KEY_ID,
    credential::VERSION,
    credential::SEALED,
];
