//! `stretch.verify`: reads every live segment in full and compares it with the catalog.

use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::stretched::not_stretched;
use crate::catalog::{partitions, tables};
use crate::cold::reader::Reader;
use crate::cold::whole::Content;
use crate::pg::error::{OrRaise, Result};
use crate::pg::text::Text;
use crate::pg::user;
use pgrx::prelude::*;
use stretch_core::purpose::Purpose;

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
                let mut found = Vec::new();
                for table in std::iter::once(relation).chain(partitions::stretched(relation)?) {
                    if !is_granted()? {
                        user::require_table_owner(table, "verify")?;
                    }
                    found.extend(tables::by_relation(table, snapshot)?);
                }
                found.dedup();
                if found.is_empty() {
                    return Err(not_stretched(relation));
                }
                found
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

/// Owners of tables need no grant.
fn is_granted() -> Result<bool> {
    user::is_granted("stretch.verify(regclass)")
}

fn table_findings(table: &StretchedTable, snapshot: pg_sys::Snapshot) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut silent = 0;
    // SAFETY: the caller holds the snapshot.
    let reader = unsafe { Reader::open(table.clone(), Vec::new(), snapshot, Purpose::Verify)? };
    for segment in reader.segments()?.iter() {
        pgrx::check_for_interrupts!();
        findings.segments += 1;
        let content = match silent >= SILENCE {
            true => Content::Unreadable {
                why: "the endpoint did not answer for the segments before".into(),
                silent: true,
            },
            false => reader.whole(segment)?,
        };
        silent = match content {
            Content::Unreadable { silent: true, .. } => silent + 1,
            _ => 0,
        };
        match content {
            Content::Bytes(bytes) => {
                findings.bytes_read += bytes.len() as i64;
                if let Some(why) = reader.damage_in(segment, &bytes)? {
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
