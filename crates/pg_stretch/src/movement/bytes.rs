//! All bytes of a segment, for whoever moves its rows elsewhere: asked for outside of the transaction that moves them.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::tables;
use crate::cold::reader::Reader;
use crate::cold::whole::{Asked, Content};
use crate::pg::error::{Error, Result};
use crate::pg::{names, txn};
use bytes::Bytes;
use stretch_core::errors;
use stretch_core::purpose::Purpose;

/// Asks for the bytes of a segment; `None` when all its rows are dead.
pub fn ask(table: &StretchedTable, segment: &Segment) -> Result<Option<Asked>> {
    txn::run(|| {
        let latest = Latest::take();
        if tables::dead_rows(&segment.segment_id, latest.get())?.len() == segment.row_count as u64 {
            return Ok(None);
        }
        // SAFETY: the snapshot lives as long as the reader.
        let reader = unsafe { Reader::open(table.clone(), Vec::new(), latest.get(), Purpose::Move)? };
        reader.ask(segment).map(Some)
    })
}

/// The name of a table, outside of any transaction.
pub fn name(table: &StretchedTable) -> Result<String> {
    txn::run(|| Ok(names::relation(table.relation)))
}

/// The bytes, or why there are none.
pub fn needed(content: Content, table: &StretchedTable, segment: &Segment) -> Result<Bytes> {
    let what = match content {
        Content::Bytes(bytes) => return Ok(bytes),
        Content::Missing | Content::Short => {
            let what = format!(
                "segment {} of table {} is neither staged nor whole on the endpoint",
                segment.segment_id,
                name(table)?
            );
            return Err(Error::new(&errors::SEGMENT_LOST, what));
        }
        Content::Unreadable { why, silent: true } => return Err(Error::new(&errors::ENDPOINT_UNREACHABLE, why)),
        Content::Unreadable { why, .. } => why,
    };
    let message = format!(
        "segment {} of table {} cannot be read: {what}",
        segment.segment_id,
        name(table)?
    );
    Err(Error::new(&errors::NOT_NOW, message))
}
