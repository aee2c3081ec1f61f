//! Segments as a whole, for whoever compares every byte with the catalog. Nothing of it goes through a cache.

use super::damage::damaged;
use super::fetch::part;
use super::reader::Reader;
use super::segments::{self, List};
use crate::catalog::rows::Segment;
use crate::catalog::snapshot::LATEST;
use crate::catalog::staged::{self, Staged};
use crate::endpoint::{identity, open};
use crate::pg::error::Result;
use crate::pg::{io, names};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::rc::Rc;
use stretch_endpoint::EndpointError;

/// What became of the bytes of a segment.
pub enum Content {
    Bytes(Bytes),
    Short,
    Missing,
    Unreadable {
        why: String,
        /// The endpoint does not answer.
        silent: bool,
    },
}

/// Bytes of a segment that were asked for.
pub enum Asked {
    Here(Content),
    /// On their way from the endpoint.
    Coming(io::Ticket<std::result::Result<Bytes, EndpointError>>),
}

impl Asked {
    /// What came of it.
    pub fn wait(self) -> Result<Content> {
        let answer = match self {
            Self::Here(content) => return Ok(content),
            Self::Coming(ticket) => ticket.wait()?,
        };
        Ok(match answer {
            Ok(bytes) => Content::Bytes(bytes),
            Err(EndpointError::NotFound { .. }) => Content::Missing,
            Err(EndpointError::Corrupt { .. }) => Content::Short,
            Err(other) => {
                let silent = matches!(other, EndpointError::Unreachable { .. });
                let why = open::map_error(&other).message;
                Content::Unreadable { why, silent }
            }
        })
    }
}

impl Reader {
    /// The live segments, proven complete by the manifest.
    pub fn segments(&self) -> Result<Rc<List>> {
        segments::segments(&self.table.table_id, self.table.relation, self.snapshot)
    }

    /// All bytes of a segment: its object's, or what is staged while it has none.
    pub fn whole(&self, segment: &Segment) -> Result<Content> {
        self.ask(segment)?.wait()
    }

    /// The same, without waiting for the endpoint.
    pub fn ask(&self, segment: &Segment) -> Result<Asked> {
        let Some(key) = segments::current(segment, self.snapshot)?.object_key else {
            return self.staged(segment).map(Asked::Here);
        };
        identity::require_read()?;
        let endpoint = open::bound(LATEST)?;
        io::spawn(async move { endpoint.get(&key).await }).map(Asked::Coming)
    }

    fn staged(&self, segment: &Segment) -> Result<Content> {
        let size = segment.byte_size as u64;
        Ok(match staged::bytes(&segment.segment_id, size, self.snapshot)? {
            Staged::Lacks(0) => Content::Missing,
            Staged::Lacks(_) => Content::Short,
            Staged::Whole(bytes) if (bytes.len() as u64) < size => Content::Short,
            Staged::Whole(bytes) => Content::Bytes(bytes.into()),
        })
    }

    /// What is wrong with the bytes of a segment: each chunk's checksum, each value, the SHA-256 of all. The part that
    /// fails is named where one can be.
    pub fn damage_in(&self, segment: &Segment, bytes: &Bytes) -> Result<Option<String>> {
        let reader = segments::reader(segment, self.snapshot)?;
        let columns: Vec<usize> = (0..reader.detail().columns.len()).collect();
        for (row_group, group) in reader.row_groups().iter().enumerate() {
            pgrx::check_for_interrupts!();
            let chunks: Vec<Bytes> = group
                .chunks
                .iter()
                .map(|chunk| part(bytes, &(chunk.offset..chunk.offset.saturating_add(chunk.len))))
                .collect();
            if let Err(error) = reader.decode_row_group(row_group, &columns, &chunks) {
                let name = names::relation(self.table.relation);
                return Ok(damaged(&error, segment, &reader, row_group, &name).detail);
            }
        }
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        Ok((sha256 != segment.sha256 || bytes.len() as i64 != segment.byte_size)
            .then(|| "The object's SHA-256 or size differs from the catalog's, outside of the columns' chunks.".into()))
    }
}
