//! The one writer of a table's manifest: how many segments and rows it has, and the digest of them, under a new random
//! id with every change, by which whoever remembers something of the table knows that it is out of date.

use super::snapshot::Latest;
use super::{changes, tables};
use crate::pg::error::{Error, Result};
use crate::pg::spi::{self, uuid_arg};
use stretch_core::ids::{ManifestId, TableId};
use stretch_core::manifest::{LiveSegment, ManifestError, Totals};

/// Adds a segment, and takes the next number for it: in one UPDATE of the row that every batch updates, so that no two
/// segments get the same, and none gets that of a segment that is gone.
pub fn add(table: &TableId, added: &LiveSegment) -> Result<i32> {
    let totals = change(table, |totals| totals.add(added))?;
    write(table, &totals, Change::Added)
}

/// Takes away a segment whose rows are elsewhere in the table.
pub fn remove(table: &TableId, gone: &LiveSegment) -> Result<()> {
    let totals = change(table, |totals| totals.remove(gone))?;
    write(table, &totals, Change::Moved).map(drop)
}

/// Takes away all segments, with their rows, from under every snapshot.
pub fn truncate(table: &TableId) -> Result<()> {
    write(table, &Totals::default(), Change::Truncated).map(drop)
}

fn change(table: &TableId, f: impl FnOnce(Totals) -> std::result::Result<Totals, ManifestError>) -> Result<Totals> {
    let before = tables::manifest(table, Latest::take().get())?.ok_or_else(no_manifest)?;
    before
        .totals()
        .and_then(f)
        .map_err(|error| Error::internal(error.to_string()))
}

/// Why the totals change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Moved,
    Truncated,
}

/// Writes the totals. The answer is the number that a segment got, or would have got.
fn write(table: &TableId, totals: &Totals, why: Change) -> Result<i32> {
    changes::begin(table);
    let id = ManifestId::from_bytes(crate::pg::random::random()?);
    let taken = i32::from(why == Change::Added);
    let number = spi::get::<i32>(
        "UPDATE stretch.manifest SET manifest_id = $2, segments = $3, row_total = $4, digest = $5,
            next_segment_number = next_segment_number + $6, truncations = truncations + $7
         WHERE table_id = $1 RETURNING next_segment_number - $6",
        &[
            uuid_arg(table.as_bytes()),
            uuid_arg(id.as_bytes()),
            (totals.segments as i64).into(),
            (totals.rows as i64).into(),
            totals.digest.to_vec().into(),
            taken.into(),
            i64::from(why == Change::Truncated).into(),
        ],
    )?;
    number.ok_or_else(no_manifest)
}

fn no_manifest() -> Error {
    Error::internal("the table has no manifest")
}
