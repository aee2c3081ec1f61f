//! Where a segment's bytes are: staging is looked at first. Chunks that are gone were purged, so a verified object
//! exists, whose name is then read from the newest version of the segment's row (F51).

use super::failed::{lost, other_bytes};
use crate::catalog::rows::Segment;
use crate::catalog::snapshot::LATEST;
use crate::catalog::tables;
use crate::cold::reader::Reader;
use crate::cold::segments;
use crate::endpoint::{identity, open};
use crate::pg::error::{Error, Result};
use crate::pg::{io, names};
use bytes::Bytes;
use stretch_core::errors;

/// Where a segment's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// With the reader.
    AtHand(Bytes),
    Staged,
    /// The object's key.
    Remote(String),
}

/// Where a segment is for this reader; an error when it is nowhere or may not be read.
pub fn of(reader: &Reader, segment: &Segment) -> Result<Place> {
    if let Some(bytes) = reader.held(&segment.segment_id) {
        return Ok(Place::AtHand(bytes.clone()));
    }
    match tables::is_staged(&segment.segment_id, reader.snapshot)? {
        true => Ok(Place::Staged),
        false => remote(reader, segment),
    }
}

/// The object of a segment that is not staged (any more).
pub fn remote(reader: &Reader, segment: &Segment) -> Result<Place> {
    if !reader.purpose.may_ask_endpoint() {
        return Err(Error::new(
            &errors::NOT_NOW,
            format!("segment {} left staging while it was read", segment.segment_id),
        )
        .hint("Run the query again."));
    }
    let table = reader.table();
    let now = segments::current(segment, reader.snapshot)?;
    match now.object_key {
        Some(key) if now.lost => Err(why_lost(reader, segment, key)),
        Some(key) => {
            identity::require_read()?;
            Ok(Place::Remote(key))
        }
        None if !table.is_reconciled => Err(Error::new(
            &errors::NOT_RECONCILED,
            format!(
                "table {} is not reconciled: segment {} is not on the endpoint yet",
                names::relation(table.relation),
                segment.segment_id
            ),
        )),
        None => Err(lost(table, segment)),
    }
}

/// Why a segment cannot be read whose object was not the right one at the last comparison: other bytes of the same size
/// are damage.
fn why_lost(reader: &Reader, segment: &Segment, key: String) -> Error {
    let size = || -> Result<Option<u64>> {
        identity::require_read()?;
        let endpoint = open::bound(LATEST)?;
        Ok(io::run(async move { endpoint.head(&key).await })?
            .ok()
            .map(|info| info.size))
    };
    match size() {
        Ok(Some(size)) if size == segment.byte_size as u64 => other_bytes(reader.table(), segment),
        _ => lost(reader.table(), segment),
    }
}
