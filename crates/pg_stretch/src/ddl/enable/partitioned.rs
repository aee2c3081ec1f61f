//! Partitioned tables: what is done to one is done to the partitions below it, and what it was stretched with is kept
//! for the partitions that come later. A table that is not partitioned goes on to where tables are treated.

use super::disable::ColdRows;
use super::refusals::{self, Refusal};
use super::{Findings, Wish, adopt, disable, filter, lock, rule};
use crate::catalog::rows::PartitionedTable;
use crate::catalog::snapshot::Latest;
use crate::catalog::{partitions, stretched, tables};
use crate::pg::error::{Error, Result, notice};
use crate::pg::{names, request, shmem, spi, user};
use pgrx::pg_sys;
use stretch_core::errors;
use stretch_core::state::MigrationState;

/// `stretch.enable_table`: every partition that is not stretched yet.
pub fn enable(relation: pg_sys::Oid, wish: &Wish<'_>) -> Result<()> {
    match (partitions::is_partitioned(relation), wish.adopt) {
        (false, false) => return super::enable(relation, wish),
        (false, true) => return adopt::enable(relation, wish),
        (true, true) => return Err(adopt::of_partitions(relation)),
        (true, false) => {}
    }
    super::rights(relation, "enable_table")?;
    shmem::require()?;
    super::require_database()?;
    let state = super::first_state(wish.migration_state)?;
    for table in lock_all(relation) {
        super::rights(table, "enable_table")?;
    }
    let name = names::relation(relation);
    if tables::partitioned_table(relation, Latest::take().get())?.is_some() {
        return super::already(&name, wish.if_not_exists);
    }
    let new = New::below(relation)?;
    let filter = super::usable_filter(relation, wish.filter);
    let filter = super::fit(&name, new.refusals(relation)?, filter)?;
    let order_by = wish
        .order_by
        .map(|order_by| filter::normalize_order(relation, order_by))
        .transpose()?;
    // A rule is one for the partitions that come later, too.
    let filter = rule::of(relation, wish.filter)?.or(filter);
    let setting = PartitionedTable {
        relation,
        filter,
        order_by,
        strict: wish.strict,
        migration_state: state,
    };
    new.foreign.iter().for_each(|table| notice(&skipped(*table)));
    for leaf in new.leaves {
        stretch(leaf, &setting)?;
    }
    keep(&setting)?;
    request::want_worker();
    Ok(())
}

/// `stretch.check_table`.
pub fn check(relation: pg_sys::Oid, filter: Option<&str>) -> Result<Findings> {
    if !partitions::is_partitioned(relation) {
        return super::check(relation, filter);
    }
    let mut tables = vec![relation];
    tables.extend(partitions::below(relation));
    for table in tables {
        super::rights(table, "check_table")?;
        super::lock_share(table);
        super::rights(table, "check_table")?;
    }
    let new = New::below(relation)?;
    let mut refusals = match tables::partitioned_table(relation, Latest::take().get())? {
        Some(_) => vec![super::already_stretched()],
        None => new.refusals(relation)?,
    };
    let usable = super::usable_filter(relation, filter);
    let mut eligible = None;
    match usable {
        Err(error) => refusals.push(refusals::of_filter(&error)),
        Ok(filter) if refusals.iter().all(|refusal| refusal.item != "kind") => {
            let mut sum = (0, 0);
            for leaf in &new.leaves {
                let (rows, bytes) = super::estimate(*leaf, filter.as_deref())?;
                sum = (sum.0 + rows, sum.1 + bytes);
            }
            eligible = Some(sum);
        }
        Ok(_) => {}
    }
    Ok(Findings {
        refusals,
        eligible,
        skipped: new.foreign.into_iter().map(skipped).collect(),
        is_of_filter: false,
    })
}

/// `stretch.alter_table`.
pub fn alter(relation: pg_sys::Oid, strict: Option<bool>, order_by: Option<&str>) -> Result<()> {
    if !partitions::is_partitioned(relation) {
        return super::alter(relation, strict, order_by);
    }
    let meant = Meant::by(relation, "alter_table")?;
    for leaf in meant.leaves {
        super::alter(leaf, strict, order_by)?;
    }
    for mut setting in meant.settings {
        setting.order_by = super::new_order(setting.relation, setting.order_by, order_by)?;
        setting.strict = strict.unwrap_or(setting.strict);
        keep(&setting)?;
    }
    Ok(())
}

/// `stretch.set_migration_state`. A partition that comes below a table whose rows come back is not stretched.
pub fn set_state(relation: pg_sys::Oid, state: &str) -> Result<()> {
    if !partitions::is_partitioned(relation) {
        return super::set_state(relation, state);
    }
    let meant = Meant::by(relation, "set_migration_state")?;
    for leaf in meant.leaves {
        super::set_state(leaf, state)?;
    }
    let state = super::migration_state(state)?;
    for mut setting in meant.settings {
        if state == MigrationState::Inbound {
            forget(setting.relation)?;
            continue;
        }
        setting.migration_state = state;
        keep(&setting)?;
    }
    Ok(())
}

/// `stretch.set_filter`.
pub fn set_filter(relation: pg_sys::Oid, wish: Option<&str>) -> Result<()> {
    if !partitions::is_partitioned(relation) {
        return super::set_filter(relation, wish);
    }
    Meant::by(relation, "set_filter")?;
    lock_all(relation);
    let meant = Meant::by(relation, "set_filter")?;
    let new = super::usable_filter(relation, wish)?;
    let new = rule::of(relation, wish)?.or(new);
    for leaf in meant.leaves {
        super::set_filter(leaf, new.as_deref())?;
    }
    for mut setting in meant.settings {
        let filter = super::usable_filter(setting.relation, new.as_deref())?;
        setting.filter = rule::of(setting.relation, new.as_deref())?.or(filter);
        keep(&setting)?;
    }
    Ok(())
}

/// `stretch.disable_table`: no partition is stretched any more, and none that comes later is.
pub fn disable(relation: pg_sys::Oid, cold: ColdRows, if_exists: bool) -> Result<()> {
    if !partitions::is_partitioned(relation) {
        return disable::table(relation, cold, if_exists);
    }
    super::rights(relation, "disable_table")?;
    shmem::require()?;
    lock_all(relation);
    let meant = match Meant::by(relation, "disable_table") {
        Err(error) if error.is(&errors::TABLE_NOT_ENABLED) => return disable::missing(relation, if_exists),
        meant => meant?,
    };
    for leaf in meant.leaves {
        disable::table(leaf, cold, false)?;
    }
    meant.settings.iter().try_for_each(|setting| forget(setting.relation))
}

/// The stretched tables, this one or those below it, whose rows `disable_table` has to wait for: their disks have room
/// for them.
pub fn to_bring_back(relation: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    super::rights(relation, "disable_table")?;
    shmem::require()?;
    let mut out = Vec::new();
    for leaf in partitions::stretched(relation)? {
        super::rights(leaf, "disable_table")?;
        let Some(table) = tables::by_relation(leaf, Latest::take().get())? else {
            continue;
        };
        if !disable::is_home(&table)? {
            super::room::require(&table)?;
            out.push(leaf);
        }
    }
    Ok(out)
}

/// Stretches partitions that have come below a partitioned table as the nearest one above each that was stretched; a
/// WARNING names what stands in the way. Nothing is done for a user who may not do it himself.
pub fn follow(new: &[pg_sys::Oid]) -> Result<()> {
    for leaf in new {
        let latest = Latest::take();
        if partitions::is_partitioned(*leaf) || tables::by_relation(*leaf, latest.get())?.is_some() {
            continue;
        }
        for parent in partitions::above(*leaf) {
            let Some(setting) = tables::partitioned_table(parent, latest.get())? else {
                continue;
            };
            if let Err(error) = stretch_new(*leaf, &setting) {
                warn(*leaf, &setting, error)?;
            }
            break;
        }
    }
    Ok(())
}

/// A partition is stretched by whoever could stretch it by hand.
fn stretch_new(leaf: pg_sys::Oid, setting: &PartitionedTable) -> Result<()> {
    if partitions::is_foreign(leaf) {
        notice(&skipped(leaf));
        return Ok(());
    }
    super::rights(leaf, "enable_table")?;
    shmem::require()?;
    super::require_database()?;
    let filter = super::usable_filter(leaf, setting.filter.as_deref());
    super::fit(&names::relation(leaf), refusals::of_table(leaf)?, filter)?;
    stretch(leaf, setting)?;
    request::want_worker();
    Ok(())
}

/// What makes a table unfit is a WARNING for who makes a partition of it; everything else stays an error.
fn warn(leaf: pg_sys::Oid, setting: &PartitionedTable, error: Error) -> Result<()> {
    let unfit = [
        &errors::TABLE_UNFIT,
        &errors::FILTER_UNFIT,
        &errors::NOT_OWNER,
        &errors::BAD_ARGUMENT,
        &errors::DATABASE_NOT_ENABLED,
    ];
    if !unfit.iter().any(|def| error.is(def)) {
        return Err(error);
    }
    let (leaf, parent) = (names::relation(leaf), names::relation(setting.relation));
    let warning = Error {
        message: format!("partition {leaf} is not stretched as {parent} is: {}", error.message),
        ..error
    };
    warning.report(pg_sys::WARNING as i32);
    Ok(())
}

/// Column numbers may differ from the parent's, so the partition reads the texts anew.
fn stretch(leaf: pg_sys::Oid, setting: &PartitionedTable) -> Result<()> {
    let filter = super::usable_filter(leaf, setting.filter.as_deref())?;
    let order_by = super::new_order(leaf, None, setting.order_by.as_deref())?;
    let (strict, state) = (setting.strict, setting.migration_state);
    super::register(leaf, filter.as_deref(), order_by.as_deref(), strict, state)?;
    rule::keep(leaf, rule::of(leaf, setting.filter.as_deref())?.as_deref())
}

/// Locks the table and all below it; each parent keeps its partitions once it is locked.
fn lock_all(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let mut all = vec![relation];
    let mut at = 0;
    while let Some(table) = all.get(at).copied() {
        lock::exclusive(table);
        all.extend(partitions::children(table));
        at += 1;
    }
    all
}

fn skipped(table: pg_sys::Oid) -> String {
    format!("partition {} is a foreign table, skipping", names::relation(table))
}

/// Partitions that are not stretched.
struct New {
    leaves: Vec<pg_sys::Oid>,
    foreign: Vec<pg_sys::Oid>,
}

impl New {
    fn below(relation: pg_sys::Oid) -> Result<Self> {
        let (foreign, mut leaves): (Vec<_>, Vec<_>) = partitions::leaves(relation)
            .into_iter()
            .partition(|table| partitions::is_foreign(*table));
        let known = partitions::stretched(relation)?;
        leaves.retain(|table| !known.contains(table));
        Ok(Self { leaves, foreign })
    }

    /// All reasons against stretching them, each with the name of its partition.
    fn refusals(&self, parent: pg_sys::Oid) -> Result<Vec<Refusal>> {
        let of_parent = refusals::of_table(parent)?;
        let mut all = of_parent.clone();
        for leaf in &self.leaves {
            let name = names::relation(*leaf);
            let mut own = refusals::of_table(*leaf)?;
            // Settings of the server and publications of the parent are named with it.
            own.retain(|refusal| of_parent.iter().all(|known| known.hint != refusal.hint));
            all.extend(own.into_iter().map(|refusal| Refusal {
                reason: format!("partition {name}: {}", refusal.reason),
                ..refusal
            }));
        }
        Ok(all)
    }
}

/// What a statement about a partitioned table is about: its stretched partitions, and how new ones are stretched there
/// and below.
struct Meant {
    leaves: Vec<pg_sys::Oid>,
    settings: Vec<PartitionedTable>,
}

impl Meant {
    /// ST010 when there is neither.
    fn by(relation: pg_sys::Oid, function: &str) -> Result<Self> {
        super::rights(relation, function)?;
        shmem::require()?;
        let leaves = partitions::stretched(relation)?;
        let mut settings = Vec::new();
        for table in std::iter::once(relation).chain(partitions::below(relation)) {
            settings.extend(tables::partitioned_table(table, Latest::take().get())?);
        }
        if leaves.is_empty() && settings.is_empty() {
            return Err(stretched::not_stretched(relation));
        }
        for table in leaves.iter().chain(settings.iter().map(|setting| &setting.relation)) {
            super::rights(*table, function)?;
        }
        Ok(Self { leaves, settings })
    }
}

/// Writes how new partitions are stretched.
pub fn keep(setting: &PartitionedTable) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    spi::execute(
        "INSERT INTO stretch.partitioned_table (relation, filter, order_by, strict, migration_state)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (relation) DO UPDATE SET filter = excluded.filter, order_by = excluded.order_by,
            strict = excluded.strict, migration_state = excluded.migration_state",
        &[
            setting.relation.into(),
            setting.filter.as_deref().into(),
            setting.order_by.as_deref().into(),
            setting.strict.into(),
            setting.migration_state.as_str().into(),
        ],
    )
    .map(drop)
}

/// New partitions of the table are not stretched any more.
pub fn forget(relation: pg_sys::Oid) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let sql = "DELETE FROM stretch.partitioned_table WHERE relation = $1";
    spi::execute(sql, &[relation.into()]).map(drop)
}
