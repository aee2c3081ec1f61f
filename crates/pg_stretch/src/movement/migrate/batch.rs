//! One migration batch: Appendix 1 of the design, step by step, in one local transaction without network.

use super::careful::Failures;
use super::encode::{Encoder, Unfit};
use super::keys::Keys;
use super::progress::Progress;
use super::scan::{self, Scanned};
use super::{allowed, delete};
use crate::catalog::rows::StretchedTable;
use crate::catalog::scan::relation_oid;
use crate::catalog::stretched::not_stretched;
use crate::catalog::{self, record};
use crate::cold::moved;
use crate::cold::tombstone::write;
use crate::movement::lock::for_writing;
use crate::pg::error::{self, Error, Result};
use crate::pg::relation::OpenRelation;
use crate::pg::{gucs, names, spi, steps, thread};
use pgrx::prelude::*;
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use stretch_columns::identity::ItemPointer;
use stretch_core::batch::{self, Limits};
use stretch_core::dead_rows::DeadRows;
use stretch_core::staging::Staged;
use stretch_core::{errors, order_by};
use stretch_segment::{EncodeOptions, SortKey};

/// What a batch did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Rows that went cold.
    pub moved: u64,
    /// The scan reached the end of the table: nothing eligible is left behind it.
    pub reached_end: bool,
    /// Eligible rows that stay hot for now: held by others or not encodable.
    pub left: u64,
    /// Where the next scan may start.
    pub next_block: u32,
}

/// What the caller asks for.
pub struct Order {
    pub relation: pg_sys::Oid,
    pub limits: Limits,
    pub demand: batch::Demand,
    /// How long eligible rows are known to wait.
    pub waiting: Duration,
}

/// Locks the table before the transaction's first snapshot (step 0): without queueing, or, where the table is *strict*,
/// behind its writers, so that no READ COMMITTED session meets a row that moves (F38).
pub fn lock(relation: pg_sys::Oid, strict: bool) -> Result<()> {
    if strict {
        // SAFETY: waits for a lock on an OID as long as the worker waits for any; a vanished relation is noticed when
        // it is opened.
        unsafe { pg_sys::LockRelationOid(relation, pg_sys::ExclusiveLock as i32) };
        return Ok(());
    }
    for_writing(relation)
}

/// What a batch is to move, as the scan found it.
pub struct Found {
    table: StretchedTable,
    relation: OpenRelation,
    encoders: Vec<Encoder>,
    scanned: Scanned,
    /// What the scan saw: the active snapshot then. It stays until the commit, so that no line pointer gets another row
    /// (F48).
    snapshot: pg_sys::Snapshot,
    started: Instant,
}

/// Looks for rows to move, under the active snapshot. The transaction must hold `lock`. `at` tells after a failure
/// which value did not encode.
pub fn find(order: &Order, progress: &Progress, at: &Cell<Option<Unfit>>) -> Result<Found> {
    let started = Instant::now();
    // SAFETY: the caller has one.
    let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
    let table = stretched(order.relation, snapshot)?;
    allowed::check(&table)?;
    let relation = OpenRelation::locked(order.relation)?;
    let encoders = encoders(&table, &relation, progress)?;
    let keys = Keys::of(&table, relation.as_ptr())?;
    let request = scan::ScanRequest {
        table: &table,
        encoders: &encoders,
        limits: order.limits,
        from_block: progress.next_block,
        unfit: &progress.unfit,
        careful: progress.careful,
    };
    let scanned = scan::run(&request, keys, snapshot, at)?;
    Ok(Found {
        table,
        relation,
        encoders,
        scanned,
        snapshot,
        started,
    })
}

/// Moves what was found, in the same transaction, which must be SERIALIZABLE by now (F29). A row that changed since the
/// scan stays hot, as one that somebody holds.
///
/// With the outcome come the rows on which the filter failed.
pub fn run(order: &Order, progress: &Progress, mut found: Found) -> Result<(Outcome, Failures)> {
    let failures = std::mem::take(&mut found.scanned.failures);
    move_found(order, progress, found).map(|outcome| (outcome, failures))
}

fn move_found(order: &Order, progress: &Progress, found: Found) -> Result<Outcome> {
    let Found {
        table,
        relation,
        encoders,
        scanned,
        snapshot,
        started,
    } = found;
    claim_row(&table)?;
    allowed::check_copiers(&table)?;
    let rows = scanned.tids.len() as u64;
    let (reached_end, next_block) = (scanned.resume.is_none(), scanned.resume.unwrap_or(0));
    let fill = batch::Fill {
        rows,
        bytes: scanned.batch.bytes() as u64,
        elapsed: started.elapsed(),
    };
    let rest = Outcome {
        reached_end,
        left: scanned.skipped + rows,
        next_block: progress.next_block,
        ..Outcome::default()
    };
    if rows == 0 {
        return Ok(Outcome {
            left: scanned.skipped,
            next_block,
            ..rest
        });
    }
    if !batch::is_due(&fill, &order.limits, order.waiting, order.demand) {
        return Ok(rest);
    }
    let keys = sort_keys(&table, |name| {
        encoders.iter().position(|encoder| encoder.column.name == name)
    })?;
    let options = EncodeOptions {
        page_rows: gucs::PAGE_ROWS.get() as u32,
        threads: NonZeroUsize::new(gucs::ENCODE_THREADS.get() as usize).unwrap_or(NonZeroUsize::MIN),
        ..EncodeOptions::default()
    };
    let encoding = thread::spawn("pg_stretch encoder", move || scanned.batch.finish(&keys, &options))?;
    steps::reached(steps::BatchClaimed);
    let stayed = delete::delete(relation.as_ptr(), &scanned.tids, snapshot);
    let moved = rows - stayed.len() as u64;
    if !batch::is_worth_keeping(rows, moved) {
        return Err(Error::new(
            &errors::LOCKED,
            format!(
                "{} of {rows} eligible rows of {} are held by other sessions",
                stayed.len(),
                names::relation(order.relation)
            ),
        ));
    }
    steps::reached(steps::BatchDeleted);
    let segment = encoding.join()?.map_err(|error| Error::internal(error.to_string()))?;
    let (segment_id, number) = record::segment(&table, &segment, scanned.keys.filters()?)?;
    record::attempt(
        &table.table_id,
        record::Direction::Outbound,
        moved,
        segment.bytes.len() as u64,
        started.elapsed().as_secs_f64(),
        None,
    )?;
    write::born_dead(&segment_id, &born_dead(&segment.permutation, &stayed), rows)?;
    let places = segment.permutation.iter().map(|input| scanned.tids[*input as usize]);
    let places = places.map(|(block, offset)| ItemPointer { block, offset });
    moved::record(order.relation, number, moved::Way::Into, places)?;
    steps::reached(steps::BatchRecorded);
    Ok(Outcome {
        moved,
        reached_end,
        left: scanned.skipped + stayed.len() as u64,
        next_block,
    })
}

fn stretched(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> Result<StretchedTable> {
    catalog::tables::by_relation(relation, snapshot)?.ok_or_else(|| not_stretched(relation))
}

/// Locks the row of `stretched_table` against a second migrator and against commands that change it (step 0), and that
/// of the manifest, which is written when the rows are deleted: who has rows that others wait for must not wait. What
/// the scan knew of the table must still hold.
fn claim_row(scanned: &StretchedTable) -> Result<()> {
    for sql in [
        "SELECT 1 FROM stretch.stretched_table WHERE table_id = $1 FOR NO KEY UPDATE NOWAIT",
        "SELECT 1 FROM stretch.manifest WHERE table_id = $1 FOR NO KEY UPDATE NOWAIT",
    ] {
        spi::execute(sql, &[spi::uuid_arg(scanned.table_id.as_bytes())])?;
    }
    // SAFETY: the transaction's snapshot, under which the row was just locked.
    let now = stretched(scanned.relation, unsafe { pg_sys::GetTransactionSnapshot() })?;
    if now == *scanned {
        return Ok(());
    }
    Err(Error::new(
        &errors::MOVED,
        format!("table {} was changed meanwhile", names::relation(scanned.relation)),
    ))
}

/// One encoder per live column, in the table's order; a column without field id stops the batch.
fn encoders(table: &StretchedTable, relation: &OpenRelation, progress: &Progress) -> Result<Vec<Encoder>> {
    let mut list = Vec::new();
    // SAFETY: the relation is open; its descriptor has `natts` attributes.
    unsafe {
        let desc = (*relation.as_ptr()).rd_att;
        for attribute in (*desc).attrs.as_slice((*desc).natts as usize) {
            if attribute.attisdropped {
                continue;
            }
            let name = names::text(attribute.attname.data.as_ptr());
            let column = table.columns.iter().find(|column| column.name == name).cloned();
            let column =
                column.ok_or_else(|| Error::internal(format!("column {name} has no field id in the catalog")))?;
            let force_output = progress.through_output.contains(&column.field_id);
            list.push(Encoder::new(
                column,
                attribute.atttypid,
                attribute.atttypmod,
                force_output,
            ));
        }
    }
    Ok(list)
}

/// Field id of the encoder at `index`, and whether its column could still travel through the output function.
pub fn encoder_at(table: &StretchedTable, progress: &Progress, index: usize) -> Result<(i32, bool)> {
    // SAFETY: a plain lock and look; released with the transaction.
    unsafe { pg_sys::LockRelationOid(table.relation, pg_sys::AccessShareLock as i32) };
    let relation = OpenRelation::locked(table.relation)?;
    let encoders = encoders(table, &relation, progress)?;
    let encoder = encoders
        .get(index)
        .ok_or_else(|| Error::internal("a column vanished"))?;
    Ok((encoder.column.field_id, encoder.has_other_form()))
}

/// The order of rows in a table's segments; `place` gives the place of a column in the batch.
pub fn sort_keys(table: &StretchedTable, place: impl Fn(&str) -> Option<usize>) -> Result<Vec<SortKey>> {
    let Some(text) = &table.order_by else {
        return Ok(Vec::new());
    };
    let items = order_by::parse(text).map_err(error::unreadable)?;
    let key = |item: &order_by::OrderItem| {
        Some(SortKey {
            column: place(&item.column)?,
            descending: item.descending,
            nulls_first: item.nulls_first,
        })
    };
    items
        .iter()
        .map(|item| {
            key(item).ok_or_else(|| {
                Error::argument(format!("order_by names the column {} that does not exist", item.column))
            })
        })
        .collect()
}

/// Row numbers of the segment for indexes of the batch.
fn born_dead(permutation: &[u32], stayed: &[usize]) -> DeadRows {
    let mut dead = DeadRows::default();
    if stayed.is_empty() {
        return dead;
    }
    let stayed: std::collections::HashSet<usize> = stayed.iter().copied().collect();
    for (row, input) in permutation.iter().enumerate() {
        if stayed.contains(&(*input as usize)) {
            dead.insert(row as u32);
        }
    }
    dead
}

/// What staging holds now.
pub fn staged() -> Result<Staged> {
    relation_oid(c"segment")?;
    let of = |condition: &str| {
        spi::get::<i64>(
            &format!("SELECT coalesce(sum(byte_size), 0)::bigint FROM stretch.segment WHERE staged AND {condition}"),
            &[],
        )
        .map(|sum| sum.unwrap_or(0) as u64)
    };
    Ok(Staged {
        waiting: of("object_key IS NULL")?,
        kept: of("object_key IS NOT NULL")?,
    })
}
