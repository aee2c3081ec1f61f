//! Stretching a table: checks, lock, catalog rows, and the access method that the table names from then on; and later
//! changes of its settings.

pub mod adopt;
pub mod disable;
pub mod filter;
pub mod lock;
pub mod partitioned;
pub mod refusals;
mod room;
pub mod rule;
pub mod slots;
mod validate;

use crate::catalog::rows::{Column, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::catalog::{method, stretched, tables, types};
use crate::pg::attempt::attempt;
use crate::pg::error::{Error, Result, notice};
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::{self, Text};
use crate::pg::{names, ours, plan, request, shmem, spi, type_io, user};
use pgrx::pg_sys;
use refusals::Refusal;
use stretch_columns::identity::IS_HOT;
use stretch_core::errors;
use stretch_core::ids::{ManifestId, TableId};
use stretch_core::manifest::Totals;
use stretch_core::state::MigrationState;

/// What `stretch.enable_table` was asked for.
pub struct Wish<'a> {
    pub filter: Option<&'a str>,
    pub migration_state: &'a str,
    pub strict: bool,
    pub order_by: Option<&'a str>,
    pub if_not_exists: bool,
    /// Cold rows that the table left behind are taken up again.
    pub adopt: bool,
}

/// What `stretch.check_table` found.
pub struct Findings {
    pub refusals: Vec<Refusal>,
    /// Estimated rows and bytes that the filter selects, when it can be used.
    pub eligible: Option<(i64, i64)>,
    /// What is left out, in words.
    pub skipped: Vec<String>,
    /// The table is stretched: what was found is about its new filter.
    pub is_of_filter: bool,
}

/// Stretches the table.
pub fn enable(relation: pg_sys::Oid, wish: &Wish<'_>) -> Result<()> {
    rights(relation, "enable_table")?;
    shmem::require()?;
    require_database()?;
    let state = first_state(wish.migration_state)?;
    lock::exclusive(relation);
    // The wait may have been long: the table may be gone or belong to somebody else.
    rights(relation, "enable_table")?;
    let table = names::relation(relation);
    if tables::by_relation(relation, Latest::take().get())?.is_some() {
        return already(&table, wish.if_not_exists);
    }
    let filter = usable_filter(relation, wish.filter);
    let filter = fit(&table, refusals::of_table(relation)?, filter)?;
    let order_by = wish
        .order_by
        .map(|order_by| filter::normalize_order(relation, order_by))
        .transpose()?;
    register(relation, filter.as_deref(), order_by.as_deref(), wish.strict, state)?;
    rule::keep(relation, rule::of(relation, wish.filter)?.as_deref())?;
    request::want_worker();
    Ok(())
}

/// 42710 for a table that is stretched, or a notice.
fn already(table: &str, skip: bool) -> Result<()> {
    let message = format!("table {table} is stretched already");
    if skip {
        notice(&format!("{message}, skipping"));
        return Ok(());
    }
    Err(Error::new(&errors::EXISTS, message))
}

/// The filter where nothing stands in the way; else one error with all that does.
fn fit(table: &str, mut reasons: Vec<Refusal>, filter: Result<Option<String>>) -> Result<Option<String>> {
    match &filter {
        Err(error) if reasons.is_empty() => return Err(error.clone()),
        Err(error) => reasons.push(refusals::of_filter(error)),
        Ok(_) => {}
    }
    match reasons.is_empty() {
        true => filter,
        false => Err(refusals::error(table, &reasons)),
    }
}

/// Columns must not change between parsing a filter and looking at it.
fn lock_share(relation: pg_sys::Oid) {
    // SAFETY: waits in the lock manager.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessShareLock as i32) };
}

/// For `check_table`.
fn already_stretched() -> Refusal {
    Refusal {
        item: "table".into(),
        reason: "it is stretched already".into(),
        hint: "Use stretch.set_filter or stretch.alter_table to change it.".into(),
    }
}

/// For `check_table` of a table that is stretched, whose filter may only become looser.
fn not_looser(old: Option<&str>) -> Refusal {
    Refusal {
        item: "filter".into(),
        reason: format!(
            "it does not select every row that the present filter selects, which is {}",
            old.unwrap_or("none, every row")
        ),
        hint: "Join what it selects and the present filter by OR.".into(),
    }
}

/// All reasons against stretching the table, or against a new filter of a table that is stretched, and what the filter
/// would select; changes nothing.
pub fn check(relation: pg_sys::Oid, filter: Option<&str>) -> Result<Findings> {
    rights(relation, "check_table")?;
    lock_share(relation);
    rights(relation, "check_table")?;
    let mut refusals = refusals::of_table(relation)?;
    let present = tables::by_relation(relation, Latest::take().get())?;
    if present.is_some() {
        refusals = match filter {
            None => vec![already_stretched()],
            Some(_) => Vec::new(),
        };
    }
    let asks_filter = filter.is_some();
    let filter = usable_filter(relation, filter);
    match (&filter, &present) {
        (Err(error), _) => refusals.push(refusals::of_filter(error)),
        (Ok(Some(new)), Some(table)) if !filter::is_looser(relation, table.filter.as_deref(), Some(new))? => {
            refusals.push(not_looser(table.filter.as_deref()));
        }
        _ => {}
    }
    let ordinary = refusals.iter().all(|refusal| refusal.item != "kind");
    let eligible = match filter {
        Ok(filter) if ordinary => Some(estimate(relation, filter.as_deref())?),
        _ => None,
    };
    Ok(Findings {
        refusals,
        eligible,
        skipped: Vec::new(),
        is_of_filter: present.is_some() && asks_filter,
    })
}

/// `stretch.alter_table`; `None` keeps, an empty `order_by` removes it.
pub fn alter(relation: pg_sys::Oid, strict: Option<bool>, order_by: Option<&str>) -> Result<()> {
    let table = stretched(relation, "alter_table")?;
    let order_by = new_order(relation, table.order_by, order_by)?;
    let _us = user::ActAs::extension_owner();
    spi::execute(
        "UPDATE stretch.stretched_table SET strict = $2, order_by = $3 WHERE relation = $1",
        &[relation.into(), strict.unwrap_or(table.strict).into(), order_by.into()],
    )?;
    Ok(())
}

/// `None` keeps what there is, an empty text removes it.
fn new_order(relation: pg_sys::Oid, old: Option<String>, wish: Option<&str>) -> Result<Option<String>> {
    match wish {
        None => Ok(old),
        Some("") => Ok(None),
        Some(order_by) => filter::normalize_order(relation, order_by).map(Some),
    }
}

/// `stretch.set_migration_state`.
pub fn set_state(relation: pg_sys::Oid, state: &str) -> Result<()> {
    let table = stretched(relation, "set_migration_state")?;
    let state = migration_state(state)?;
    if state == MigrationState::Inbound {
        return start_inbound(&table);
    }
    if !write_state(relation, state)? {
        return Err(stretched::not_stretched(relation));
    }
    request::want_worker();
    Ok(())
}

/// Begins to bring the rows of a table back, if they fit on its disk.
pub fn start_inbound(table: &StretchedTable) -> Result<()> {
    room::require(table)?;
    if !write_state(table.relation, MigrationState::Inbound)? {
        return Err(stretched::not_stretched(table.relation));
    }
    request::want_worker();
    Ok(())
}

/// Writes a migration state; whoever calls has looked at rights and room. False for a table that has become an ordinary
/// one meanwhile.
pub fn write_state(relation: pg_sys::Oid, state: MigrationState) -> Result<bool> {
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    let sql = "UPDATE stretch.stretched_table SET migration_state = $2 WHERE relation = $1";
    spi::execute(sql, &[relation.into(), state.as_str().into()]).map(|changed| changed > 0)
}

/// `stretch.set_filter`: looser ones only, because cold rows do not come back by it.
pub fn set_filter(relation: pg_sys::Oid, wish: Option<&str>) -> Result<()> {
    stretched(relation, "set_filter")?;
    lock::exclusive(relation);
    let table = stretched(relation, "set_filter")?;
    let new = usable_filter(relation, wish)?;
    if !filter::is_looser(relation, table.filter.as_deref(), new.as_deref())? {
        return Err(Error::new(
            &errors::FILTER_NOT_LOOSER,
            format!(
                "the new filter of table {} does not select every row that the old one selects",
                names::relation(relation)
            ),
        )
        .detail(format!(
            "Old filter: {}",
            table.filter.as_deref().unwrap_or("none, every row")
        )));
    }
    {
        let _us = user::ActAs::extension_owner();
        spi::execute(
            "UPDATE stretch.stretched_table SET filter = $2 WHERE relation = $1",
            &[relation.into(), new.into()],
        )?;
        // SAFETY: cached facts about the table are now old, in every session.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
    }
    rule::keep(relation, rule::of(relation, wish)?.as_deref())?;
    request::want_worker();
    Ok(())
}

/// 42501 unless the caller owns the table and the database, or is a superuser (F34); 42704 when there is no such table.
fn rights(relation: pg_sys::Oid, function: &str) -> Result<()> {
    if user::relation_owner(relation) == pg_sys::InvalidOid {
        return Err(Error::new(
            &errors::NOT_FOUND,
            format!("there is no relation with OID {}", relation.to_u32()),
        )
        .without_hint());
    }
    user::require_table_owner(relation, function)?;
    user::require_database_owner(function)
}

fn require_database() -> Result<()> {
    if tables::database(Latest::take().get())?.is_none() {
        return Err(stretched::not_enabled());
    }
    Ok(())
}

/// The row of a stretched table whose owner calls, or ST010.
fn stretched(relation: pg_sys::Oid, function: &str) -> Result<StretchedTable> {
    rights(relation, function)?;
    shmem::require()?;
    tables::by_relation(relation, Latest::take().get())?.ok_or_else(|| stretched::not_stretched(relation))
}

/// A migration state, in any case.
fn migration_state(text: &str) -> Result<MigrationState> {
    text.parse().map_err(|_| {
        Error::argument(format!("\"{text}\" is not a migration state")).hint("Use outbound, inbound or paused.")
    })
}

/// The state with which a table is stretched.
fn first_state(text: &str) -> Result<MigrationState> {
    match migration_state(text)? {
        MigrationState::Inbound => Err(
            Error::argument("a table that is stretched has no rows to bring back yet").hint("Use outbound or paused."),
        ),
        state => Ok(state),
    }
}

/// The filter as it is stored; whatever is wrong with it becomes ST012.
fn usable_filter(relation: pg_sys::Oid, filter: Option<&str>) -> Result<Option<String>> {
    let Some(text) = filter else {
        return Ok(None);
    };
    match attempt(|| filter::normalize(relation, text)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is(&errors::FILTER_UNFIT) => Err(error),
        // Interrupts and the like are not the filter's fault.
        Err(error)
            if ![errors::STATEMENT_CLASS, errors::DATA_CLASS, errors::NOT_SUPPORTED_CLASS]
                .iter()
                .any(|class| error.is_of(*class)) =>
        {
            Err(error)
        }
        Err(error) => {
            let unfit = Error {
                detail: error.detail,
                ..Error::new(
                    &errors::FILTER_UNFIT,
                    format!("the filter is not usable: {}", error.message),
                )
            };
            Err(match error.hint {
                Some(hint) => unfit.hint(hint),
                None => unfit.hint("Give one condition over the columns of the table, as it could stand after WHERE."),
            })
        }
    }
}

/// The estimate of eligible hot rows of a stretched table, for its owner; `None` for others (F32).
pub fn eligible_rows(relation: pg_sys::Oid) -> Result<Option<i64>> {
    let allowed =
        user::is_superuser(user::current()) || user::has_privs_of(user::current(), user::relation_owner(relation));
    match tables::by_relation(relation, Latest::take().get())? {
        Some(table) if allowed => Ok(Some(estimate(relation, table.filter.as_deref())?.0)),
        _ => Ok(None),
    }
}

/// Rows and bytes that the filter selects by the planner's estimate, made as the table's owner.
fn estimate(relation: pg_sys::Oid, filter: Option<&str>) -> Result<(i64, i64)> {
    let sql = text::to_server(&format!(
        "SELECT FROM ONLY {} WHERE ({}) AND {IS_HOT}",
        names::relation(relation),
        filter.unwrap_or("true")
    ))?;
    let rows = {
        let _settings = type_io::settings();
        let _owner = user::ActAs::role(user::relation_owner(relation), true);
        // SAFETY: one SELECT of one table; a function runs with an active snapshot.
        unsafe { plan::expected_rows(&sql) }
    };
    let size = spi::rows(
        "SELECT greatest(reltuples, 0)::float8, pg_table_size(oid)::float8 FROM pg_class WHERE oid = $1",
        &[relation.into()],
        |row| Ok((row.get::<f64>(1)?.unwrap_or(0.0), row.get::<f64>(2)?.unwrap_or(0.0))),
    )?;
    let (tuples, bytes) = size.first().copied().unwrap_or((0.0, 0.0));
    let share = rows / tuples.max(rows).max(1.0);
    Ok((rows as i64, (bytes * share) as i64))
}

/// Columns by name with fresh field ids (F37).
fn columns(relation: pg_sys::Oid) -> Result<Vec<Column>> {
    let rows = spi::rows(
        "SELECT attname::text, atttypid, atttypmod FROM pg_attribute
         WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        &[relation.into()],
        |row| {
            Ok((
                row.get::<Text>(1)?.unwrap_or_default().into(),
                row.get::<pg_sys::Oid>(2)?.unwrap_or(pg_sys::InvalidOid),
                row.get::<i32>(3)?.unwrap_or(-1),
            ))
        },
    )?;
    Ok(rows
        .into_iter()
        .zip(1..)
        .map(|((name, kind, typmod), field_id)| Column {
            name,
            field_id,
            form: types::plan(kind, typmod).form,
            missing: None,
        })
        .collect())
}

/// Stretches a table that has no cold rows yet.
fn register(
    relation: pg_sys::Oid,
    filter: Option<&str>,
    order_by: Option<&str>,
    strict: bool,
    state: MigrationState,
) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let table_id = TableId::from_bytes(crate::pg::random::random()?);
    let columns = columns(relation)?;
    enter(
        relation,
        &Entry {
            table_id,
            filter,
            order_by,
            strict,
            state,
            columns: &columns,
            next_field_id: columns.len() as i32 + 1,
        },
    )?;
    let empty = Totals::default();
    spi::execute(
        "INSERT INTO stretch.manifest (table_id, manifest_id, segments, row_total, digest) VALUES ($1, $2, $3, $4, $5)",
        &[
            spi::uuid_arg(table_id.as_bytes()),
            spi::uuid_arg(new_manifest()?.as_bytes()),
            (empty.segments as i64).into(),
            (empty.rows as i64).into(),
            empty.digest.to_vec().into(),
        ],
    )?;
    Ok(())
}

fn new_manifest() -> Result<ManifestId> {
    crate::pg::random::random().map(ManifestId::from_bytes)
}

/// What the catalog says of a table that becomes stretched.
struct Entry<'a> {
    table_id: TableId,
    filter: Option<&'a str>,
    order_by: Option<&'a str>,
    strict: bool,
    state: MigrationState,
    columns: &'a [Column],
    next_field_id: i32,
}

/// Enters a table into the catalog and gives it its access method. The manifest is the caller's.
fn enter(relation: pg_sys::Oid, entry: &Entry<'_>) -> Result<()> {
    let _us = user::ActAs::extension_owner();
    let keys = crate::catalog::keys::unique_keys(relation)?;
    method::set(relation, method::STRETCH)?;
    let json = |value: serde_json::Result<String>| value.map_err(|error| Error::internal(error.to_string()));
    spi::execute(
        "INSERT INTO stretch.stretched_table
            (table_id, relation, filter, order_by, strict, migration_state, columns, next_field_id, unique_keys)
         VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9::jsonb)",
        &[
            spi::uuid_arg(entry.table_id.as_bytes()),
            relation.into(),
            entry.filter.into(),
            entry.order_by.into(),
            entry.strict.into(),
            entry.state.as_str().into(),
            json(serde_json::to_string(entry.columns))?.into(),
            entry.next_field_id.into(),
            json(serde_json::to_string(&keys))?.into(),
        ],
    )?;
    close_content(relation)?;
    // SAFETY: plans and cached facts made without the row above are now old, in every session.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
    Ok(())
}

/// Closes the content where a statement that changed owners or row security made it necessary.
pub fn close_contents() -> Result<()> {
    let tables = tables::stretched_tables(Latest::take().get())?;
    if tables.is_empty() {
        return Ok(());
    }
    let _us = user::ActAs::extension_owner();
    let _path = LocalSettings::path();
    for table in tables {
        close_content(table.relation)?;
    }
    Ok(())
}

/// Staged rows and statistics are readable for backups by the owner of the database only while he may read every
/// stretched table, all of its rows (C-3).
fn close_content(relation: pg_sys::Oid) -> Result<()> {
    let owner_reads_all = spi::get::<bool>(
        "SELECT pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), relowner, 'USAGE')
            AND NOT relforcerowsecurity FROM pg_class WHERE oid = $1",
        &[relation.into()],
    )?;
    let granted = spi::get::<bool>(
        "SELECT has_table_privilege('pg_database_owner', 'stretch.staged_chunk', 'SELECT')",
        &[],
    )?;
    if owner_reads_all == Some(false) && granted == Some(true) {
        ours::utility("REVOKE SELECT ON stretch.staged_chunk, stretch.segment_detail FROM pg_database_owner")?;
        notice(
            "the owner of the database may not read all rows of this table; from now on only superusers and members of \
             pg_read_all_data can dump the database",
        );
    }
    Ok(())
}
