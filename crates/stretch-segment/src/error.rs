//! The errors of encoding, decoding and of a segment detail.

/// What can go wrong with a segment. Texts are shown to users: no value of a row is ever in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A chunk's bytes (or their number) differ from the catalog's checksum; nothing of it was decoded (I-5).
    #[error("checksum of row group {row_group}, column {column} differs from the catalog's")]
    Checksum { row_group: usize, column: usize },
    /// The detail was written by a newer version of the extension.
    #[error("segment detail has format version {0}, which this version of pg_stretch does not know")]
    UnknownVersion(u16),
    /// The detail is damaged or contradicts itself.
    #[error("segment detail is damaged: {0}")]
    CorruptDetail(&'static str),
    /// The object does not hold what its detail says, although the checksums agree.
    #[error("segment does not agree with its detail: {0}")]
    Mismatch(&'static str),
    /// A value was pushed that the column's type cannot take.
    #[error("column {column} cannot take {pushed}")]
    WrongType { column: usize, pushed: &'static str },
    /// A numeric datum that is none.
    #[error("column {column} was given a malformed numeric")]
    MalformedNumeric { column: usize },
    /// Not every column has a value for every row.
    #[error("column {column} has {values} values for {rows} rows")]
    RowCount { column: usize, rows: usize, values: usize },
    /// One of [`crate::limits`] is exceeded.
    #[error("too large: {what} is {got}, the limit is {limit}")]
    TooLarge { what: &'static str, got: u64, limit: u64 },
    /// An option has no sensible meaning.
    #[error("option {0} is out of range")]
    BadOption(&'static str),
    /// The caller asked for a row group that the segment has not.
    #[error("segment has no row group {0}")]
    NoSuchRowGroup(usize),
    /// The caller named a column that the segment has not.
    #[error("segment has no column {0}")]
    NoSuchColumn(usize),
    /// The Parquet or Arrow library refused.
    #[error("parquet: {0}")]
    Parquet(String),
}

impl From<parquet::errors::ParquetError> for SegmentError {
    fn from(e: parquet::errors::ParquetError) -> Self {
        SegmentError::Parquet(e.to_string())
    }
}

impl From<arrow_schema::ArrowError> for SegmentError {
    fn from(e: arrow_schema::ArrowError) -> Self {
        SegmentError::Parquet(e.to_string())
    }
}
