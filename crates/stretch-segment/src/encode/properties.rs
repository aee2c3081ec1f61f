//! How the columns of an object are written: dictionaries where values repeat, the encoding elsewhere, pages small
//! enough that one of them can be read alone.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::options::EncodeOptions;
use crate::buffer::ColumnBuffer;
use crate::error::SegmentError;
use crate::limits::{MAX_DICTIONARY_BYTES, MAX_PAGE_BYTES};
use crate::order::compare_values;
use crate::types::{ColumnSpec, StoredType};

/// Rows that are looked at to see whether the values of a column repeat.
const SAMPLE: usize = 4096;
/// The writer looks at the size of a page after so many rows.
const STEP: usize = 256;

/// The properties of an object of these columns.
pub(super) fn properties(
    specs: &[ColumnSpec],
    columns: &[ColumnBuffer],
    stored: &[StoredType],
    opts: &EncodeOptions,
) -> Result<WriterProperties, SegmentError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("pg_stretch ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(opts.zstd_level)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(opts.page_rows as usize)
        .set_data_page_size_limit(MAX_PAGE_BYTES)
        .set_dictionary_page_size_limit(MAX_DICTIONARY_BYTES)
        .set_write_batch_size(STEP.min(opts.page_rows as usize))
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None);
    for ((spec, column), stored) in specs.iter().zip(columns).zip(stored) {
        let path = ColumnPath::new(vec![spec.name.clone()]);
        builder = builder.set_column_dictionary_enabled(path.clone(), repeats(column));
        if let Some(encoding) = encoding(*stored) {
            builder = builder.set_column_encoding(path, encoding);
        }
    }
    Ok(builder.build())
}

/// How values are written that are in no dictionary; `None` for one after the other.
fn encoding(stored: StoredType) -> Option<Encoding> {
    match stored {
        StoredType::Int16 | StoredType::Int32 | StoredType::Int64 | StoredType::Date32 => {
            Some(Encoding::DELTA_BINARY_PACKED)
        }
        StoredType::Timestamp | StoredType::TimestampTz => Some(Encoding::DELTA_BINARY_PACKED),
        // Up to 18 digits are integers in the file.
        StoredType::Decimal128 { precision: ..=18, .. } => Some(Encoding::DELTA_BINARY_PACKED),
        StoredType::Utf8 | StoredType::Binary | StoredType::NumericWire => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        StoredType::Decimal128 { .. } | StoredType::Uuid => None,
        StoredType::Bool | StoredType::Float32 | StoredType::Float64 => None,
    }
}

/// Whether a dictionary pays: of a sample from all over the batch, at least two of five values were there before. A
/// dictionary of values that hardly repeat would only be read before them.
fn repeats(column: &ColumnBuffer) -> bool {
    let values = column.values();
    let step = (column.len() / SAMPLE).max(1);
    let mut sample: Vec<usize> = (0..column.len())
        .step_by(step)
        .filter(|row| column.is_valid(*row))
        .collect();
    let all = sample.len();
    sample.sort_unstable_by(|a, b| compare_values(values, *a, *b));
    sample.dedup_by(|a, b| compare_values(values, *a, *b).is_eq());
    sample.len() * 5 <= all * 3
}
