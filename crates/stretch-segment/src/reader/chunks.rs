//! The bytes that a decoder is given: it reads those that were checked, and nothing else.

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Runs of bytes at their places in the object, ascending. A read of any other place is an error.
pub(super) struct Chunks(pub Vec<(u64, Bytes)>);

impl Chunks {
    /// What follows `start` within its run.
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

    /// So many bytes from `start` on.
    pub fn part(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF("read past the end of the given bytes".to_string()));
        }
        Ok(bytes.slice(..length))
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
        self.part(start, length)
    }
}
