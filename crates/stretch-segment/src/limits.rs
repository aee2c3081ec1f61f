//! Every limit of this crate, with the compile-time proofs that they fit together.

/// Columns of one segment: PostgreSQL's own limit for a table.
pub const MAX_COLUMNS: usize = 1600;
/// Rows of one segment. A reader numbers the rows of all segments of a table in 48 bits (block and offset of a tuple),
/// so that fewer rows leave room for more segments: 16 million of either.
pub const MAX_ROWS: u32 = 1 << 24;
/// Bytes of one value: PostgreSQL's own limit for a datum (1 GB less the header).
pub const MAX_VALUE_BYTES: usize = 0x3FFF_FFFF;
/// Rows of a row group when the caller says nothing.
pub const DEFAULT_ROW_GROUP_ROWS: u32 = 65_536;
/// Most rows of a row group.
pub const MAX_ROW_GROUP_ROWS: u32 = 1 << 20;
/// Uncompressed bytes after which a row group is cut when the caller says nothing.
pub const DEFAULT_ROW_GROUP_BYTES: usize = 64 << 20;
/// Most bytes after which a row group is cut. The row that crosses it begins the next group.
pub const MAX_ROW_GROUP_BYTES: usize = 1 << 30;
/// Rows of a page when the caller says nothing: one page of each column is what reading a single row costs.
pub const DEFAULT_PAGE_ROWS: u32 = 4096;
/// Bytes of a page, before compression, after which it is cut though it has fewer rows.
pub const MAX_PAGE_BYTES: usize = 256 << 10;
/// Bytes of a dictionary, which is read before any page of its chunk. What does not fit is written without.
pub const MAX_DICTIONARY_BYTES: usize = 64 << 10;
/// Compression level of zstd when the caller says nothing.
pub const DEFAULT_ZSTD_LEVEL: i32 = 3;
/// Bytes of a text, bytea or uuid bound; longer ones are cut (minimum) or cut and rounded up (maximum).
pub const MAX_BOUND_BYTES: usize = 64;
/// Bytes of a column name as the detail stores it (NAMEDATALEN is 64, a UTF-8 conversion may grow it).
pub const MAX_NAME_BYTES: usize = 1024;
/// Bytes of the checksum of a chunk and of a detail: the first half of a SHA-256.
pub const CHECKSUM_BYTES: usize = 16;
/// Digits of the widest decimal that Parquet and an `i128` can hold.
pub const MAX_DECIMAL_PRECISION: u8 = 38;

// A column of a row group is at most the cut plus one value, and Arrow's 32-bit offsets must hold it.
const _: () = assert!(MAX_ROW_GROUP_BYTES + MAX_VALUE_BYTES <= i32::MAX as usize);
const _: () = assert!(DEFAULT_ROW_GROUP_BYTES <= MAX_ROW_GROUP_BYTES);
const _: () = assert!(DEFAULT_ROW_GROUP_ROWS <= MAX_ROW_GROUP_ROWS);
// The detail counts columns in a u16.
const _: () = assert!(MAX_COLUMNS <= u16::MAX as usize);
