//! A batch to a Parquet object with its detail: sort, cut into row groups, write, measure, checksum.

mod gather;
mod options;
mod pages;
mod parallel;
mod properties;
mod statistics;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowWriterOptions, compute_leaves};
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};

use crate::buffer::{ByteValues, ColumnBuffer};
use crate::detail::{ChunkDetail, ColumnDetail, RowGroupDetail, SegmentDetail, checksum};
use crate::error::SegmentError;
use crate::limits::{MAX_COLUMNS, MAX_NAME_BYTES, MAX_ROWS};
use crate::order::{SortKey, permutation};
use crate::schema::{arrow_schema, parquet_schema, stored_type};
use crate::types::{ColumnSpec, StoredType};
use gather::gather;
pub use options::EncodeOptions;
use pages::pages;
use statistics::merge_row_groups;

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
    let (sha256, row_groups) = parallel::both(
        opts.threads,
        || Sha256::digest(&bytes).into(),
        || {
            let groups = groups.iter().enumerate();
            let describe = |(i, group)| describe_row_group((i, group), columns, &stored, &order, &metadata, &bytes);
            groups.map(describe).collect::<Result<Vec<_>, _>>()
        },
    );
    let row_groups = row_groups?;
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
    opts.check()
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
    let properties = properties::properties(specs, columns, stored, opts)?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true)
        .with_parquet_schema(parquet_schema(specs, stored)?);
    let writer = ArrowWriter::try_new_with_options(object, Arc::clone(&schema), options)?;
    let (mut writer, columns_of) = writer.into_serialized_writer()?;
    // A table without columns has no chunks; its detail alone knows the number of rows.
    if !columns.is_empty() {
        for (number, group) in groups.iter().enumerate() {
            let rows = &order[group.clone()];
            let writers = columns_of.create_column_writers(number)?;
            let chunks = parallel::map(opts.threads, writers, |i, mut writer| {
                let array = gather(&columns[i], stored[i], rows)?;
                for leaf in compute_leaves(schema.field(i), &array)? {
                    writer.write(&leaf)?;
                }
                Ok(writer.close()?)
            })?;
            let mut row_group = writer.next_row_group()?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close()?;
        }
    }
    Ok(writer.close()?)
}

fn describe_row_group(
    (index, group): (usize, &Range<usize>),
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
        if offset + len > object.len() as u64 {
            return Err(SegmentError::Mismatch("a chunk lies outside of the object"));
        }
        let bytes = object.slice(offset as usize..(offset + len) as usize);
        let locations = metadata.page_index().and_then(|pages| pages.page_locations(index, i));
        let locations = locations.ok_or(SegmentError::Mismatch("the object has no page index"))?;
        let (pages, stats) = pages((offset, &bytes), locations, column, stored[i], rows)?;
        chunks.push(ChunkDetail {
            offset,
            len,
            checksum: checksum(&bytes),
            stats,
            pages,
        });
    }
    Ok(RowGroupDetail {
        rows: rows.len() as u32,
        first_row: group.start as u32,
        chunks,
    })
}

/// The Thrift footer of a Parquet file, which ends with the footer, its length (4 bytes) and a magic number (4).
fn footer_of(object: &Bytes) -> Result<Bytes, SegmentError> {
    let wrong = SegmentError::Mismatch("the object has no footer");
    let end = object.len().checked_sub(8).ok_or(wrong.clone())?;
    let (length, _) = object[end..].split_first_chunk::<4>().ok_or(wrong.clone())?;
    let start = end.checked_sub(u32::from_le_bytes(*length) as usize).ok_or(wrong)?;
    Ok(object.slice(start..end))
}
