//! `stretch.purge_remote`: what left some tables is given up at once, and goes by the collector's own steps: mark,
//! grace, second look. A copy that is being made at this moment is told by the mark, as ever.

use super::adopted;
use super::round::{Line, Mode, Round, answer, facts, no_plan};
use super::rows::{Local, server_time};
use super::stamps;
use super::target::target;
use crate::cold::cache;
use crate::endpoint::identity::Claim;
use crate::pg::error::{Error, Result};
use crate::pg::random::random_uuid;
use crate::pg::{io, names, spi, txn};
use pgrx::pg_sys;
use std::collections::BTreeSet;
use std::time::Duration;
use stretch_core::collect::facts::{Cover, Scope, SegmentOf, Standing};
use stretch_core::collect::purge::{Asked, Lists, Purge, purge};
use stretch_core::collect::times::Stamp;
use stretch_core::errors;
use stretch_core::ids::TableId;
use stretch_endpoint::collect::Target;

/// What is asked for.
pub struct Order {
    /// As the caller named it: a table, or one whose partitions are meant.
    pub relation: pg_sys::Oid,
    pub tables: BTreeSet<TableId>,
    /// Also if backups break.
    pub force: bool,
}

/// What the caller is told.
#[derive(Default)]
pub struct Told {
    /// Of the objects that go.
    pub bytes: u64,
    pub warnings: Vec<String>,
    pub notices: Vec<String>,
}

/// Gives up what left the tables and marks it, if nobody needs it or he may be passed over. `wait` lets other things go
/// on; it says whether somebody still waits for the result.
pub fn purge_remote(own: Claim, order: &Order, grace: Duration, mut wait: impl FnMut() -> bool) -> Result<Told> {
    let adopted = txn::run(|| adopted::read(own.db))?;
    let target = target(own, own, Standing::Owned, adopted::standings(&adopted))?;
    let Some(found) = look(&target, order, grace, &mut wait)? else {
        return Ok(Told::default());
    };
    let name = txn::run(|| Ok(names::relation(order.relation)))?;
    if found.is_needed() && !order.force {
        return Err(refused(&name, &found));
    }
    txn::run(|| waive(&found.segments, order.force))?;
    cache::forget_segments(found.segments.iter().map(|of| of.segment).collect());
    let mut round = Round::begin(target, Mode::Purge, grace)?;
    while !round.advance()? {
        if !wait() {
            return Ok(Told::default());
        }
    }
    txn::run(|| tell(&name, order, &found, &round.into_lines(), grace))
}

/// Whether something that was given up is still there.
pub fn is_pending() -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM stretch.segment WHERE retired AND retention_waived)";
    Ok(spi::get::<bool>(sql, &[])?.unwrap_or(false))
}

/// What the branch and the catalog say of it. `None` when nobody waits any more.
fn look(target: &Target, order: &Order, grace: Duration, wait: &mut impl FnMut() -> bool) -> Result<Option<Purge>> {
    let unstamped = txn::run(stamps::missing)?;
    let listing_began = server_time();
    let ticket = io::spawn(target.clone().look([random_uuid()?, random_uuid()?]))?;
    let look = loop {
        match answer(&ticket)? {
            Some(look) => break look,
            None if wait() => {}
            None => return Ok(None),
        }
    };
    let local = txn::run(|| {
        let connected = stamps::connected()?;
        let store = look.after;
        stamps::write(&unstamped, Stamp { store, connected })?;
        Local::read(target.claim.branch)
    })?;
    let cover = Cover::Whole {
        live: local.live,
        listing_began,
    };
    let survey = &look.survey;
    let lists = Lists {
        objects: &survey.objects,
        rows: &local.rows,
        pinned: &survey.pins.pinned,
        marks: &survey.marks,
        sightings: &local.sightings,
    };
    let asked = Asked {
        tables: &order.tables,
        force: order.force,
    };
    let facts = facts(target, &local, look.now, &survey.pins.pins, grace, Scope::Purged);
    purge(&facts, cover, lists, asked)
        .map(Some)
        .map_err(|error| no_plan(&error))
}

/// Who needs it, in words.
fn refused(name: &str, found: &Purge) -> Error {
    let segments = |count: &u64| match count {
        1 => "1 segment".to_owned(),
        more => format!("{more} segments"),
    };
    let backups = found.backups.iter();
    let backups = backups.map(|(label, count)| format!("backup \"{label}\" needs {}", segments(count)));
    let branches = found.branches.iter();
    let branches = branches.map(|(branch, count)| format!("branch {branch} needs {}", segments(count)));
    let quarantined = Some(found.quarantined).filter(|count| *count > 0);
    let quarantined = quarantined.map(|count| format!("{} are in quarantine", segments(&count)));
    // An answer has an end.
    let who: Vec<String> = backups.chain(branches).chain(quarantined).take(20).collect();
    Error::new(
        &errors::NOT_NOW,
        format!("objects of what left table {name} are still needed"),
    )
    .detail(format!("{}.", who.join(", ")))
    .hint(
        "Give the backups up with stretch.unpin_backup, or break them with force => true; what a branch needs stays \
         in any case.",
    )
}

/// Writes down that nobody is promised these segments any more.
fn waive(segments: &BTreeSet<SegmentOf>, force: bool) -> Result<()> {
    let ids: Vec<Option<String>> = segments.iter().map(|of| Some(of.segment.to_string())).collect();
    spi::execute(
        "UPDATE stretch.segment SET retention_waived = true, backups_waived = backups_waived OR $2
          WHERE segment_id = ANY ($1::text[]::uuid[]) AND retired AND NOT abandoned",
        &[ids.into(), force.into()],
    )
    .map(drop)
}

/// What became of it, and what is left to do.
fn tell(name: &str, order: &Order, found: &Purge, lines: &[Line], grace: Duration) -> Result<Told> {
    let mut told = Told {
        bytes: found.goes.bytes,
        ..Told::default()
    };
    for (label, count) in found.backups.iter().take(20) {
        told.warnings.push(format!(
            "backup \"{label}\" is broken: a restore of it loses {count} segments of table {name}"
        ));
    }
    for (branch, count) in found.branches.iter().take(20) {
        told.warnings.push(format!(
            "branch {branch} needs {count} segments of table {name}, which stay until it needs them no more"
        ));
    }
    if found.quarantined > 0 {
        let count = found.quarantined;
        told.warnings.push(format!(
            "{count} segments of table {name} are in quarantine, and stay there"
        ));
    }
    let (segments, rows) = erased_but_there(&order.tables)?;
    if segments > 0 {
        told.warnings.push(format!(
            "{segments} segments of table {name} still hold {rows} deleted rows: run stretch.compact first, then purge \
             again"
        ));
    }
    let is_meant = |line: &&Line| {
        found
            .segments
            .iter()
            .any(|of| line.key.contains(&of.segment.to_string()))
    };
    let gone = lines.iter().filter(|line| line.deleted).filter(is_meant);
    let (objects, bytes) = gone.fold((0, 0), |(objects, bytes), line| (objects + 1, bytes + line.bytes));
    if objects > 0 {
        told.notices
            .push(format!("{objects} objects of {bytes} bytes were deleted"));
    }
    if found.goes.objects > objects {
        let (objects, bytes) = (found.goes.objects - objects, found.goes.bytes.saturating_sub(bytes));
        let from = end_of_grace(grace)?;
        told.notices.push(format!(
            "{objects} objects of {bytes} bytes are marked and are deleted by the worker soon after {from}"
        ));
    }
    for (why, sum) in &found.waits {
        told.bytes += sum.bytes;
        told.notices.push(format!(
            "{} objects of {} bytes are marked by the worker later: {why}",
            sum.objects, sum.bytes
        ));
    }
    for (branch, count) in found.elsewhere.iter().take(20) {
        told.notices.push(format!(
            "{count} segments are objects of branch {branch}, from which this database descends: it gives them up, and \
             that branch decides"
        ));
    }
    Ok(told)
}

/// Live segments of the tables with deleted rows, and how many of these there are.
fn erased_but_there(tables: &BTreeSet<TableId>) -> Result<(i64, i64)> {
    let ids: Vec<Option<String>> = tables.iter().map(|table| Some(table.to_string())).collect();
    let found = spi::rows(
        "SELECT count(DISTINCT s.segment_id), coalesce(sum(d.dead_rows), 0)::int8
           FROM stretch.segment s JOIN stretch.tombstone d USING (segment_id)
          WHERE s.table_id = ANY ($1::text[]::uuid[]) AND NOT s.retired",
        &[ids.into()],
        |row| Ok((row.get::<i64>(1)?.unwrap_or(0), row.get::<i64>(2)?.unwrap_or(0))),
    )?;
    Ok(found.first().copied().unwrap_or((0, 0)))
}

/// When marks that were written now are old enough, as the caller would read it.
fn end_of_grace(grace: Duration) -> Result<String> {
    let sql = "SELECT (pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $1))::timestamptz(0)::text";
    let end = spi::get::<crate::pg::text::Text>(sql, &[grace.as_secs_f64().into()])?;
    Ok(end.map(String::from).unwrap_or_default())
}
