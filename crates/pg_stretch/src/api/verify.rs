//! `stretch.verify`: reads every live segment in full and compares it with the catalog.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::staged::{self, Staged};
use crate::catalog::stretched::not_stretched;
use crate::catalog::tables;
use crate::cold::damage::damaged;
use crate::cold::segments;
use crate::endpoint::{identity, open};
use crate::pg::error::{OrRaise, Result};
use crate::pg::text::Text;
use crate::pg::{io, names, spi, user};
use bytes::Bytes;
use pgrx::prelude::*;
use sha2::{Digest, Sha256};
use stretch_endpoint::EndpointError;

/// What was found of one table.
#[derive(Default)]
struct Findings {
    segments: i64,
    bytes_read: i64,
    missing: i64,
    corrupt: i64,
    first_bad: Option<pgrx::Uuid>,
    detail: Option<String>,
    /// The store refuses them or does not answer: nothing is known of their content.
    unreadable: i64,
}

impl Findings {
    fn bad(&mut self, segment: &Segment, why: String) {
        if self.first_bad.is_none() {
            self.first_bad = Some(pgrx::Uuid::from_bytes(*segment.segment_id.as_bytes()));
            self.detail = Some(why);
        }
    }
}

/// The result as rows.
type Rows = TableIterator<
    'static,
    (
        name!(relation, pg_sys::Oid),
        name!(segments, i64),
        name!(bytes_read, i64),
        name!(missing, i64),
        name!(corrupt, i64),
        name!(first_bad, Option<pgrx::Uuid>),
        name!(detail, Option<Text>),
        name!(unreadable, i64),
    ),
>;

/// Reads each live segment from the endpoint, or from staging while it is not uploaded: whole SHA-256, every chunk's
/// checksum, every value decoded. A relation needs its owner, all tables need the owner of the database.
#[pg_extern]
fn stretch_verify(relation: Option<pg_sys::Oid>) -> Rows {
    let run = || {
        // SAFETY: a function runs with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let tables = match relation {
            Some(relation) => {
                if !is_granted()? {
                    user::require_table_owner(relation, "verify")?;
                }
                vec![tables::by_relation(relation, snapshot)?.ok_or_else(|| not_stretched(relation))?]
            }
            None => {
                if !is_granted()? {
                    user::require_database_owner("verify")?;
                }
                tables::stretched_tables(snapshot)?
            }
        };
        tables
            .iter()
            .map(|table| {
                let f = table_findings(table, snapshot)?;
                let row = (
                    table.relation,
                    f.segments,
                    f.bytes_read,
                    f.missing,
                    f.corrupt,
                    f.first_bad,
                    f.detail.map(Text::from),
                    f.unreadable,
                );
                Ok(row)
            })
            .collect::<Result<Vec<_>>>()
    };
    TableIterator::new(run().or_raise())
}

/// Segments in a row for which the endpoint does not answer, after which the others are not asked for: each would take
/// the whole timeout.
const SILENCE: u32 = 3;

/// Whether the right to execute it was granted to the caller, not only to everybody: owners of tables need no grant.
fn is_granted() -> Result<bool> {
    let granted = spi::get::<bool>(
        "SELECT EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a
          WHERE p.oid = 'stretch.verify(regclass)'::regprocedure AND a.privilege_type = 'EXECUTE'
            AND a.grantee <> 0 AND a.grantee <> p.proowner AND pg_has_role(a.grantee, 'USAGE'))",
        &[],
    )?;
    Ok(granted == Some(true))
}

fn table_findings(table: &StretchedTable, snapshot: pg_sys::Snapshot) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut silent = 0;
    for segment in segments::segments(&table.table_id, table.relation, snapshot)?.iter() {
        pgrx::check_for_interrupts!();
        findings.segments += 1;
        let content = match silent >= SILENCE {
            true => Content::Unreadable {
                why: "the endpoint did not answer for the segments before".into(),
                silent: true,
            },
            false => content(segment, snapshot)?,
        };
        silent = match content {
            Content::Unreadable { silent: true, .. } => silent + 1,
            _ => 0,
        };
        match content {
            Content::Bytes(bytes) => {
                findings.bytes_read += bytes.len() as i64;
                if let Some(why) = damage_of(table, segment, &bytes, snapshot)? {
                    findings.corrupt += 1;
                    findings.bad(segment, why);
                }
            }
            Content::Short => {
                findings.corrupt += 1;
                findings.bad(segment, "The object is shorter than in the catalog.".into());
            }
            Content::Unreadable { why, .. } => {
                findings.unreadable += 1;
                findings.bad(segment, format!("The object cannot be read: {why}."));
            }
            Content::Missing => {
                findings.missing += 1;
                findings.bad(segment, "The segment is neither staged nor on the endpoint.".into());
            }
        }
    }
    Ok(findings)
}

enum Content {
    Bytes(Bytes),
    Short,
    Missing,
    Unreadable {
        why: String,
        /// The endpoint does not answer.
        silent: bool,
    },
}

fn content(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<Content> {
    let Some(key) = segments::current(segment, snapshot)?.object_key else {
        return staged_content(segment, snapshot);
    };
    identity::require_read()?;
    let endpoint = open::bound(crate::catalog::snapshot::LATEST)?;
    match io::run(async move { endpoint.get(&key).await })? {
        Ok(bytes) => Ok(Content::Bytes(bytes)),
        Err(EndpointError::NotFound { .. }) => Ok(Content::Missing),
        Err(EndpointError::Corrupt { .. }) => Ok(Content::Short),
        Err(other) => {
            let silent = matches!(other, EndpointError::Unreachable { .. });
            let why = open::map_error(&other).message;
            Ok(Content::Unreadable { why, silent })
        }
    }
}

fn staged_content(segment: &Segment, snapshot: pg_sys::Snapshot) -> Result<Content> {
    let size = segment.byte_size as u64;
    Ok(match staged::bytes(&segment.segment_id, size, snapshot)? {
        Staged::Lacks(0) => Content::Missing,
        Staged::Lacks(_) => Content::Short,
        Staged::Whole(bytes) if (bytes.len() as u64) < size => Content::Short,
        Staged::Whole(bytes) => Content::Bytes(bytes.into()),
    })
}

/// What is wrong with the bytes of a segment; the part that fails is named where one can be.
fn damage_of(
    table: &StretchedTable,
    segment: &Segment,
    bytes: &Bytes,
    snapshot: pg_sys::Snapshot,
) -> Result<Option<String>> {
    let reader = segments::reader(segment, snapshot)?;
    let columns: Vec<usize> = (0..reader.detail().columns.len()).collect();
    for (row_group, group) in reader.row_groups().iter().enumerate() {
        pgrx::check_for_interrupts!();
        let chunks: Vec<Bytes> = group
            .chunks
            .iter()
            .map(|chunk| part(bytes, chunk.offset, chunk.len))
            .collect();
        if let Err(error) = reader.decode_row_group(row_group, &columns, &chunks) {
            let name = names::relation(table.relation);
            return Ok(damaged(&error, segment, &reader, row_group, &name).detail);
        }
    }
    let sha256: [u8; 32] = Sha256::digest(bytes).into();
    Ok((sha256 != segment.sha256 || bytes.len() as i64 != segment.byte_size)
        .then(|| "The object's SHA-256 or size differs from the catalog's, outside of the columns' chunks.".into()))
}

/// A range of the object, as far as there is one.
fn part(bytes: &Bytes, offset: u64, length: u64) -> Bytes {
    let start = (offset as usize).min(bytes.len());
    let end = (offset.saturating_add(length) as usize).min(bytes.len());
    bytes.slice(start..end)
}
