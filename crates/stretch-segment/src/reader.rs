//! Decodes chosen columns of one row group from their chunks, after checking each chunk against the detail.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use crate::detail::{ChunkDetail, RowGroupDetail, SegmentDetail, checksum};
use crate::error::SegmentError;
use crate::schema::arrow_type;

/// Reads one segment. Cheap to clone and to share: immutable, and the footer is parsed once.
#[derive(Debug, Clone)]
pub struct SegmentReader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    detail: SegmentDetail,
    /// `None` for a segment without columns, which has nothing to decode.
    metadata: Option<ArrowReaderMetadata>,
}

impl SegmentReader {
    /// Parses the footer and checks that it and the detail describe the same chunks.
    /// Errors: [`SegmentError::CorruptDetail`], [`SegmentError::Mismatch`], [`SegmentError::Parquet`].
    pub fn new(detail: SegmentDetail) -> Result<Self, SegmentError> {
        detail.check()?;
        let metadata = if detail.columns.is_empty() {
            None
        } else {
            Some(parse_footer(&detail)?)
        };
        Ok(SegmentReader {
            inner: Arc::new(Inner { detail, metadata }),
        })
    }

    /// The detail this reader was made from.
    pub fn detail(&self) -> &SegmentDetail {
        &self.inner.detail
    }

    /// The row groups in the order of their rows.
    pub fn row_groups(&self) -> &[RowGroupDetail] {
        &self.inner.detail.row_groups
    }

    /// Where the chunk of a column of a row group lies.
    ///
    /// # Panics
    /// When there is no such row group or column, as indexing does.
    pub fn chunk(&self, row_group: usize, column: usize) -> &ChunkDetail {
        &self.inner.detail.row_groups[row_group].chunks[column]
    }

    /// Decodes the given columns of one row group, one array per entry of `columns` in its order (repetition is
    /// allowed). `chunk_bytes[i]` is the chunk of `columns[i]`. The type of each array is that of the column's
    /// [`crate::StoredType`]. Without columns the answer is empty; the caller knows the number of rows.
    ///
    /// Errors: [`SegmentError::Checksum`] for the first chunk that is not what the detail says, before anything
    /// is decoded; [`SegmentError::NoSuchRowGroup`], [`SegmentError::NoSuchColumn`].
    pub fn decode_row_group(
        &self,
        row_group: usize,
        columns: &[usize],
        chunk_bytes: &[Bytes],
    ) -> Result<Vec<ArrayRef>, SegmentError> {
        if columns.len() != chunk_bytes.len() {
            return Err(SegmentError::Mismatch("as many chunks as columns must be given"));
        }
        let checked = |(column, bytes): (&usize, &Bytes)| self.check(row_group, *column, bytes.clone());
        let chunks = columns
            .iter()
            .zip(chunk_bytes)
            .map(checked)
            .collect::<Result<Vec<_>, _>>()?;
        self.decode(row_group, &chunks, None)
    }

    /// Compares the bytes of a chunk with the detail.
    /// Errors: [`SegmentError::Checksum`], [`SegmentError::NoSuchRowGroup`], [`SegmentError::NoSuchColumn`].
    pub fn check(&self, row_group: usize, column: usize, bytes: Bytes) -> Result<Checked, SegmentError> {
        let chunk = self
            .group(row_group)?
            .chunks
            .get(column)
            .ok_or(SegmentError::NoSuchColumn(column))?;
        if bytes.len() as u64 != chunk.len || checksum(&bytes) != chunk.checksum {
            return Err(SegmentError::Checksum { row_group, column });
        }
        Ok(Checked { column, bytes })
    }

    /// Decodes chunks of one row group that this reader checked, all rows of it or those of a selection, which has a
    /// place for each row of the row group. One array per chunk, in their order.
    pub fn decode(
        &self,
        row_group: usize,
        chunks: &[Checked],
        selection: Option<&BooleanBuffer>,
    ) -> Result<Vec<ArrayRef>, SegmentError> {
        let group = self.group(row_group)?;
        let Some(metadata) = &self.inner.metadata else {
            return Ok(Vec::new());
        };
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        if selection.is_some_and(|selection| selection.len() != group.rows as usize) {
            return Err(SegmentError::Mismatch("a selection is of another number of rows"));
        }
        // Parquet gives the columns in the order of the schema, each once.
        let mut projected: Vec<&Checked> = chunks.iter().collect();
        projected.sort_by_key(|chunk| chunk.column);
        projected.dedup_by_key(|chunk| chunk.column);
        let offset = |chunk: &Checked| {
            let detail = group.chunks.get(chunk.column);
            detail
                .map(|detail| detail.offset)
                .ok_or(SegmentError::NoSuchColumn(chunk.column))
        };
        let bytes = projected
            .iter()
            .map(|chunk| Ok((offset(chunk)?, chunk.bytes.clone())))
            .collect::<Result<Vec<_>, SegmentError>>()?;
        let indices: Vec<usize> = projected.iter().map(|chunk| chunk.column).collect();
        let rows = selection.map_or(group.rows as usize, BooleanBuffer::count_set_bits);
        let decoded = decode(metadata, row_group, rows, &indices, Chunks(bytes), selection)?;

        chunks
            .iter()
            .map(|chunk| {
                let column = chunk.column;
                let place = indices
                    .binary_search(&column)
                    .map_err(|_| SegmentError::NoSuchColumn(column))?;
                let array = decoded
                    .get(place)
                    .ok_or(SegmentError::Mismatch("a column is missing"))?;
                let wanted = arrow_type(self.inner.detail.columns[column].stored);
                if array.len() != rows || *array.data_type() != wanted {
                    return Err(SegmentError::Mismatch("a column has another type or number of rows"));
                }
                Ok(Arc::clone(array))
            })
            .collect()
    }

    fn group(&self, row_group: usize) -> Result<&RowGroupDetail, SegmentError> {
        self.row_groups()
            .get(row_group)
            .ok_or(SegmentError::NoSuchRowGroup(row_group))
    }
}

/// The bytes of a column's chunk, as the detail describes them.
#[derive(Debug, Clone)]
pub struct Checked {
    column: usize,
    bytes: Bytes,
}

fn decode(
    metadata: &ArrowReaderMetadata,
    row_group: usize,
    rows: usize,
    columns: &[usize],
    chunks: Chunks,
    selection: Option<&BooleanBuffer>,
) -> Result<Vec<ArrayRef>, SegmentError> {
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), columns.iter().copied());
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata.clone())
        .with_projection(mask)
        .with_row_groups(vec![row_group])
        .with_batch_size(rows.max(1));
    if let Some(selection) = selection {
        let rows = BooleanArray::new(selection.clone(), None);
        builder = builder.with_row_selection(RowSelection::from_filters(&[rows]));
    }
    let batches = builder.build()?.collect::<Result<Vec<_>, _>>()?;
    match batches.as_slice() {
        [one] => Ok(one.columns().to_vec()),
        many => (0..columns.len())
            .map(|i| {
                let parts: Vec<&dyn Array> = many.iter().map(|batch| batch.column(i).as_ref()).collect();
                Ok(arrow_select::concat::concat(&parts)?)
            })
            .collect(),
    }
}

fn parse_footer(detail: &SegmentDetail) -> Result<ArrowReaderMetadata, SegmentError> {
    let footer = ParquetMetaDataReader::decode_metadata(&detail.footer)?;
    check_footer(detail, &footer)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    Ok(ArrowReaderMetadata::try_new(Arc::new(footer), options)?)
}

fn check_footer(detail: &SegmentDetail, footer: &ParquetMetaData) -> Result<(), SegmentError> {
    let schema = footer.file_metadata().schema_descr();
    let flat = schema
        .root_schema()
        .get_fields()
        .iter()
        .all(|field| field.is_primitive());
    if !flat || schema.num_columns() != detail.columns.len() {
        return Err(SegmentError::Mismatch("the footer has other columns"));
    }
    if footer.num_row_groups() != detail.row_groups.len() {
        return Err(SegmentError::Mismatch("the footer has other row groups"));
    }
    for (group, described) in detail.row_groups.iter().zip(footer.row_groups()) {
        if described.num_rows() != i64::from(group.rows) || described.num_columns() != group.chunks.len() {
            return Err(SegmentError::Mismatch("the footer has other rows"));
        }
        for (chunk, described) in group.chunks.iter().zip(described.columns()) {
            if byte_range(described) != Some((chunk.offset, chunk.len)) {
                return Err(SegmentError::Mismatch("the footer has other chunk ranges"));
            }
        }
    }
    Ok(())
}

/// As the library's own function of this name, but negative numbers are no panic.
fn byte_range(chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    Some((u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?))
}

/// The given chunks at their places in the object, ascending. A read of any other place is an error.
struct Chunks(Vec<(u64, Bytes)>);

impl Chunks {
    /// What follows `start` within its chunk.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let after = self.0.partition_point(|(offset, _)| *offset <= start);
        let found = after.checked_sub(1).and_then(|i| self.0.get(i));
        found
            .and_then(|(offset, bytes)| {
                let skip = usize::try_from(start - offset).ok()?;
                (skip <= bytes.len()).then(|| bytes.slice(skip..))
            })
            .ok_or_else(|| ParquetError::EOF("read outside of the given chunks".to_string()))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.last().map_or(0, |(offset, bytes)| offset + bytes.len() as u64)
    }
}

impl ChunkReader for Chunks {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF("read past the end of the given chunk".to_string()));
        }
        Ok(bytes.slice(..length))
    }
}
