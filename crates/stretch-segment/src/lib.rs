//! Rows to Parquet and back: one immutable segment object, its statistics and a checksum of each column chunk and page.
//!
//! Values come in column-wise in PostgreSQL's own representation ([`BatchBuilder`]), an object goes out
//! together with a [`SegmentDetail`] that the caller keeps in its catalog. A reader ([`SegmentReader`]) works
//! from that detail and from the column chunks or pages it wants; it never needs the object's own footer, and it looks
//! at none whose checksum differs from the catalog's (I-5, F24).
//!
//! Nothing here does I/O, reads a clock or knows PostgreSQL's headers. The object is an ordinary Parquet file
//! that any reader opens and sees right dates, decimals and text in.

mod batch;
mod buffer;
pub mod detail;
mod encode;
mod epoch;
mod error;
pub mod key_filter;
pub mod key_run;
pub mod limits;
pub mod merge;
pub mod numeric;
mod order;
pub mod prune;
mod reader;
mod row_ranges;
mod schema;
mod stats;
mod summary;
mod types;

pub use batch::BatchBuilder;
pub use buffer::ColumnBuffer;
pub use detail::{ChunkDetail, ColumnDetail, Page, Pages, RowGroupDetail, SegmentDetail};
pub use encode::{EncodeOptions, EncodedSegment};
pub use epoch::{date_from_parquet, date_to_parquet, timestamp_from_parquet, timestamp_to_parquet};
pub use error::SegmentError;
pub use order::SortKey;
pub use prune::{CompareOp, Predicate, may_match};
pub use reader::{Checked, SegmentReader};
pub use row_ranges::RowRanges;
pub use stats::{Bound, ColumnStats};
pub use summary::Summary;
pub use types::{ColumnSpec, ColumnType, StoredType, ValueForm};

#[cfg(test)]
mod seeded;
#[cfg(test)]
mod tests;
