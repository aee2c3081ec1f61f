//! A batch to a Parquet object with its detail: sort, cut into row groups, write, measure, checksum.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, OffsetBuffer};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use sha2::{Digest, Sha256};

use crate::buffer::{ByteValues, ColumnBuffer, Values};
use crate::detail::{ChunkDetail, ColumnDetail, RowGroupDetail, SegmentDetail, checksum};
use crate::epoch::{date_to_parquet, timestamp_to_parquet};
use crate::error::SegmentError;
use crate::limits::{
    DEFAULT_ROW_GROUP_BYTES, DEFAULT_ROW_GROUP_ROWS, DEFAULT_ZSTD_LEVEL, MAX_COLUMNS, MAX_NAME_BYTES,
    MAX_ROW_GROUP_BYTES, MAX_ROW_GROUP_ROWS, MAX_ROWS,
};
use crate::order::{SortKey, compare_values, permutation};
use crate::schema::{arrow_schema, parquet_schema, stored_type};
use crate::stats::{Bound, ColumnStats};
use crate::types::{ColumnSpec, ColumnType, StoredType};

/// How to encode. The defaults are those of [`crate::limits`].
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// A row group ends after this many rows, 1 to [`MAX_ROW_GROUP_ROWS`].
    pub row_group_rows: u32,
    /// A row group ends before the row that would bring its uncompressed values above this many bytes,
    /// 1 to [`MAX_ROW_GROUP_BYTES`]. A larger row has a group of its own.
    pub row_group_bytes: usize,
    /// zstd's compression level, 1 to 22.
    pub zstd_level: i32,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        EncodeOptions {
            row_group_rows: DEFAULT_ROW_GROUP_ROWS,
            row_group_bytes: DEFAULT_ROW_GROUP_BYTES,
            zstd_level: DEFAULT_ZSTD_LEVEL,
        }
    }
}

/// An object ready to be stored.
#[derive(Debug, Clone)]
pub struct EncodedSegment {
    /// The whole Parquet file.
    pub bytes: Bytes,
    /// SHA-256 of `bytes`.
    pub sha256: [u8; 32],
    pub row_count: u32,
    pub detail: SegmentDetail,
    /// For every row of the segment the row of the batch that went there.
    pub permutation: Vec<u32>,
}

pub(crate) fn encode(
    specs: &[ColumnSpec],
    columns: &[ColumnBuffer],
    rows: u32,
    order_by: &[SortKey],
    opts: &EncodeOptions,
) -> Result<EncodedSegment, SegmentError> {
    check_limits(specs, rows, opts)?;
    let stored: Vec<StoredType> = columns.iter().map(stored_type).collect();
    let order = permutation(columns, rows, order_by)?;
    let groups = cut_row_groups(columns, &order, opts);

    let mut object = Vec::new();
    let metadata = write_object(&mut object, specs, columns, &stored, &order, &groups, opts)?;
    let bytes = Bytes::from(object);
    let row_groups = groups
        .iter()
        .enumerate()
        .map(|(i, group)| describe_row_group(i, group, columns, &stored, &order, &metadata, &bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let detail = SegmentDetail {
        columns: specs
            .iter()
            .zip(&stored)
            .map(|(spec, stored)| ColumnDetail {
                field_id: spec.field_id,
                name: spec.name.clone(),
                stored: *stored,
                form: spec.form,
            })
            .collect(),
        stats: merge_row_groups(columns.len(), &row_groups),
        row_groups,
        footer: footer_of(&bytes)?,
    };
    let sha256 = Sha256::digest(&bytes).into();
    Ok(EncodedSegment {
        bytes,
        sha256,
        row_count: rows,
        detail,
        permutation: order,
    })
}

fn check_limits(specs: &[ColumnSpec], rows: u32, opts: &EncodeOptions) -> Result<(), SegmentError> {
    let too_large = |what, got: usize, limit: usize| {
        if got > limit {
            Err(SegmentError::TooLarge {
                what,
                got: got as u64,
                limit: limit as u64,
            })
        } else {
            Ok(())
        }
    };
    too_large("the number of columns", specs.len(), MAX_COLUMNS)?;
    too_large("the number of rows", rows as usize, MAX_ROWS as usize)?;
    for spec in specs {
        too_large("a column name in bytes", spec.name.len(), MAX_NAME_BYTES)?;
    }
    if !(1..=MAX_ROW_GROUP_ROWS).contains(&opts.row_group_rows) {
        return Err(SegmentError::BadOption("row_group_rows"));
    }
    if !(1..=MAX_ROW_GROUP_BYTES).contains(&opts.row_group_bytes) {
        return Err(SegmentError::BadOption("row_group_bytes"));
    }
    if ZstdLevel::try_new(opts.zstd_level).is_err() {
        return Err(SegmentError::BadOption("zstd_level"));
    }
    Ok(())
}

/// Ranges of output rows, none empty, each within both limits (or of a single row).
fn cut_row_groups(columns: &[ColumnBuffer], order: &[u32], opts: &EncodeOptions) -> Vec<Range<usize>> {
    let fixed: usize = columns.iter().map(ColumnBuffer::fixed_width).sum();
    let varying: Vec<&ByteValues> = columns.iter().filter_map(ColumnBuffer::byte_values).collect();
    let total = fixed * order.len() + columns.iter().map(ColumnBuffer::var_bytes).sum::<usize>();
    // Most batches are smaller than a row group: no need to measure every row.
    let measure = total > opts.row_group_bytes;
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, &row) in order.iter().enumerate() {
        let row_bytes = if measure {
            fixed + varying.iter().map(|v| v.len_of(row as usize)).sum::<usize>()
        } else {
            0
        };
        let full = i - start == opts.row_group_rows as usize || bytes + row_bytes > opts.row_group_bytes;
        if i > start && full {
            groups.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += row_bytes;
    }
    if start < order.len() {
        groups.push(start..order.len());
    }
    groups
}

fn write_object(
    object: &mut Vec<u8>,
    specs: &[ColumnSpec],
    columns: &[ColumnBuffer],
    stored: &[StoredType],
    order: &[u32],
    groups: &[Range<usize>],
    opts: &EncodeOptions,
) -> Result<ParquetMetaData, SegmentError> {
    let schema = arrow_schema(specs, stored);
    let properties = WriterProperties::builder()
        .set_created_by(concat!("pg_stretch ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(opts.zstd_level)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true)
        .with_parquet_schema(parquet_schema(specs, stored)?);
    let mut writer = ArrowWriter::try_new_with_options(object, Arc::clone(&schema), options)?;
    // A table without columns has no chunks; its detail alone knows the number of rows.
    if !columns.is_empty() {
        for group in groups {
            let rows = &order[group.clone()];
            let arrays = columns
                .iter()
                .zip(stored)
                .map(|(column, stored)| gather(column, *stored, rows))
                .collect::<Result<Vec<_>, _>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            writer.write(&RecordBatch::try_new_with_options(
                Arc::clone(&schema),
                arrays,
                &options,
            )?)?;
            writer.flush()?;
        }
    }
    Ok(writer.close()?)
}

/// The Arrow array of these input rows.
fn gather(column: &ColumnBuffer, stored: StoredType, rows: &[u32]) -> Result<ArrayRef, SegmentError> {
    let nulls = (column.null_count() > 0).then(|| rows.iter().map(|&r| column.is_valid(r as usize)).collect());
    let array: ArrayRef = match column.values() {
        Values::Bool(v) => Arc::new(BooleanArray::new(
            rows.iter().map(|&r| v[r as usize]).collect::<Vec<bool>>().into(),
            nulls,
        )),
        Values::Int2(v) => Arc::new(PrimitiveArray::<Int16Type>::new(pick(v, rows).into(), nulls)),
        Values::Int4(v) if stored == StoredType::Date32 => Arc::new(PrimitiveArray::<Date32Type>::new(
            pick_map(v, rows, date_to_parquet).into(),
            nulls,
        )),
        Values::Int4(v) => Arc::new(PrimitiveArray::<Int32Type>::new(pick(v, rows).into(), nulls)),
        Values::Int8(v) if stored == StoredType::Int64 => {
            Arc::new(PrimitiveArray::<Int64Type>::new(pick(v, rows).into(), nulls))
        }
        Values::Int8(v) => {
            let array =
                PrimitiveArray::<TimestampMicrosecondType>::new(pick_map(v, rows, timestamp_to_parquet).into(), nulls);
            Arc::new(if stored == StoredType::TimestampTz {
                array.with_timezone("UTC")
            } else {
                array
            })
        }
        Values::Float4(v) => Arc::new(PrimitiveArray::<Float32Type>::new(pick(v, rows).into(), nulls)),
        Values::Float8(v) => Arc::new(PrimitiveArray::<Float64Type>::new(pick(v, rows).into(), nulls)),
        Values::Decimal(v) => {
            let array = PrimitiveArray::<Decimal128Type>::new(pick(v, rows).into(), nulls);
            match stored {
                StoredType::Decimal128 { precision, scale } => {
                    Arc::new(array.with_precision_and_scale(precision, scale as i8)?)
                }
                _ => Arc::new(array),
            }
        }
        Values::NumericWire(v) | Values::Bytes(v) => gather_bytes(v, column, stored, rows, nulls)?,
    };
    Ok(array)
}

fn pick<T: ArrowNativeType>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&r| values[r as usize]).collect()
}

fn pick_map<T: ArrowNativeType>(values: &[T], rows: &[u32], f: fn(T) -> T) -> Vec<T> {
    rows.iter().map(|&r| f(values[r as usize])).collect()
}

fn gather_bytes(
    values: &ByteValues,
    column: &ColumnBuffer,
    stored: StoredType,
    rows: &[u32],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, SegmentError> {
    if stored == StoredType::Uuid {
        let mut data = Vec::with_capacity(rows.len() * 16);
        for &row in rows {
            let row = row as usize;
            data.extend_from_slice(if column.is_valid(row) {
                values.get(row)
            } else {
                &[0; 16]
            });
        }
        return Ok(Arc::new(FixedSizeBinaryArray::try_new(16, data.into(), nulls)?));
    }
    let length: usize = rows.iter().map(|&r| values.len_of(r as usize)).sum();
    // The cut of row groups guarantees this; an i32 offset past its end would panic.
    if length > i32::MAX as usize {
        return Err(SegmentError::TooLarge {
            what: "a column of a row group in bytes",
            got: length as u64,
            limit: i32::MAX as u64,
        });
    }
    let mut data = Vec::with_capacity(length);
    for &row in rows {
        data.extend_from_slice(values.get(row as usize));
    }
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|&r| values.len_of(r as usize)));
    let data = Buffer::from_vec(data);
    Ok(match stored {
        StoredType::Utf8 => Arc::new(StringArray::try_new(offsets, data, nulls)?),
        _ => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
    })
}

fn describe_row_group(
    index: usize,
    group: &Range<usize>,
    columns: &[ColumnBuffer],
    stored: &[StoredType],
    order: &[u32],
    metadata: &ParquetMetaData,
    object: &Bytes,
) -> Result<RowGroupDetail, SegmentError> {
    let rows = &order[group.clone()];
    let mut chunks = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        let (offset, len) = metadata.row_group(index).column(i).byte_range();
        let bytes = object
            .get(offset as usize..(offset + len) as usize)
            .ok_or(SegmentError::Mismatch("a chunk lies outside of the object"))?;
        let stats = column_stats(column, stored[i], rows);
        chunks.push(ChunkDetail {
            offset,
            len,
            checksum: checksum(bytes),
            stats,
        });
    }
    Ok(RowGroupDetail {
        rows: rows.len() as u32,
        first_row: group.start as u32,
        chunks,
    })
}

fn column_stats(column: &ColumnBuffer, stored: StoredType, rows: &[u32]) -> ColumnStats {
    let values = column.values();
    let bounded = stored != StoredType::NumericWire && column.ty() != ColumnType::Opaque;
    let mut null_count = 0;
    let mut ends: Option<(usize, usize)> = None;
    for row in rows.iter().map(|&r| r as usize) {
        if !column.is_valid(row) {
            null_count += 1;
        } else if bounded {
            ends = Some(match ends {
                None => (row, row),
                Some((min, max)) if compare_values(values, row, min).is_lt() => (row, max),
                Some((min, max)) if compare_values(values, row, max).is_gt() => (min, row),
                Some(ends) => ends,
            });
        }
    }
    ColumnStats {
        null_count,
        min: ends.and_then(|(min, _)| bound(values, stored, min, false)),
        max: ends.and_then(|(_, max)| bound(values, stored, max, true)),
    }
}

fn bound(values: &Values, stored: StoredType, row: usize, upper: bool) -> Option<Bound> {
    Some(match values {
        Values::Bool(v) => Bound::Int(v[row].into()),
        Values::Int2(v) => Bound::Int(v[row].into()),
        Values::Int4(v) => Bound::Int(v[row].into()),
        Values::Int8(v) => Bound::Int(v[row]),
        Values::Float4(v) => Bound::Float(v[row].into()),
        Values::Float8(v) => Bound::Float(v[row]),
        Values::Decimal(v) => match stored {
            StoredType::Decimal128 { scale, .. } => Bound::Decimal(v[row], scale),
            _ => return None,
        },
        Values::NumericWire(_) => return None,
        Values::Bytes(v) if upper => return Bound::upper(v.get(row)),
        Values::Bytes(v) => Bound::lower(v.get(row)),
    })
}

fn merge_row_groups(columns: usize, row_groups: &[RowGroupDetail]) -> Vec<ColumnStats> {
    (0..columns)
        .map(|column| {
            let mut rows = 0u64;
            let mut stats = ColumnStats::default();
            for group in row_groups {
                stats = stats.merge(rows, &group.chunks[column].stats, group.rows.into());
                rows += u64::from(group.rows);
            }
            stats
        })
        .collect()
}

/// The Thrift footer of a Parquet file, which ends with the footer, its length (4 bytes) and a magic number (4).
fn footer_of(object: &Bytes) -> Result<Bytes, SegmentError> {
    let wrong = SegmentError::Mismatch("the object has no footer");
    let end = object.len().checked_sub(8).ok_or(wrong.clone())?;
    let (length, _) = object[end..].split_first_chunk::<4>().ok_or(wrong.clone())?;
    let start = end.checked_sub(u32::from_le_bytes(*length) as usize).ok_or(wrong)?;
    Ok(object.slice(start..end))
}
