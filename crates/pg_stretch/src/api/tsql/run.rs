//! What each statement does: the call of a function of schema stretch, or of a procedure of schema sys, with arguments.

use super::names;
use super::parse_error::from_parser;
use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::pg::error::{Error, Result, notice};
use crate::pg::text::Text;
use crate::pg::{spi, user};
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_tsql::{
    Body, Call, FilterFunction, FilterOption, MigrationState, ObjectName, Position, Procedure, TableChange, Value,
    Variables,
};

fn own_transaction(what: &str) -> Error {
    Error::new(
        &errors::IN_TRANSACTION_BLOCK,
        format!("{what} cannot run inside a transaction block, because it needs transactions of its own"),
    )
    .hint("Run DO LANGUAGE tsql as a statement of its own, outside a transaction block and outside functions.")
}

/// 25001 for procedures whose work cannot be rolled back.
pub fn refuse_call(procedure: Procedure) -> Result<()> {
    match procedure {
        Procedure::Reauthorize | Procedure::Deauthorize | Procedure::TestConnection | Procedure::ReconcileBatch => {
            Err(own_transaction(procedure.name()))
        }
        Procedure::SetRpoDuration | Procedure::GetRpoDuration | Procedure::SetQueryMode => Ok(()),
    }
}

/// 25001 for statements whose work cannot be rolled back.
pub fn refuse_statement(body: &Body) -> Result<()> {
    match body {
        Body::EnableDatabase { .. } | Body::DisableDatabase { .. } => {
            Err(own_transaction("ALTER DATABASE … SET REMOTE_DATA_ARCHIVE"))
        }
        _ => Ok(()),
    }
}

/// A statement that holds all of its values.
pub fn statement(body: &Body, at: Position) -> Result<()> {
    match body {
        Body::CreateMasterKey { password } => {
            spi::execute("SELECT stretch.create_master_key($1)", &[password.reveal().into()])?;
        }
        Body::CreateCredential { name, identity, secret } => {
            spi::execute(
                "SELECT stretch.create_credential($1, $2, $3)",
                &[name.as_str().into(), identity.as_str().into(), secret.reveal().into()],
            )?;
        }
        Body::EnableDatabase {
            database,
            server,
            credential,
        } => {
            names::check_database(database.as_ref())?;
            spi::execute(
                "SELECT stretch.enable_database($1, $2)",
                &[server.as_str().into(), credential.as_str().into()],
            )?;
        }
        Body::DisableDatabase { database } => {
            names::check_database(database.as_ref())?;
            spi::execute("SELECT stretch.disable_database()", &[])?;
        }
        Body::AlterTable { table, change } => alter_table(table, change, at)?,
        Body::CreateFunction { function, source } => create_function(function, source)?,
        Body::Declare(_) | Body::Set { .. } | Body::Exec(_) | Body::Print(_) => {}
    }
    Ok(())
}

fn alter_table(table: &ObjectName, change: &TableChange, at: Position) -> Result<()> {
    let relation = names::relation(table)?;
    let (filter, state) = match change {
        TableChange::Abandon => {
            spi::execute(
                "SELECT stretch.disable_table($1::pg_catalog.regclass, true)",
                &[relation.into()],
            )?;
            return Ok(());
        }
        TableChange::Enable { filter, state } | TableChange::Change { filter, state } => (filter, *state),
    };
    let text = filter_text(filter, relation, at)?;
    let (table, partitioned) = {
        let latest = Latest::take();
        (
            catalog::tables::by_relation(relation, latest.get())?,
            catalog::tables::partitioned_table(relation, latest.get())?,
        )
    };
    let stretched = table.is_some() || partitioned.is_some();
    inbound_rules(table.map(|table| table.migration_state), state, filter)?;
    if matches!(change, TableChange::Enable { .. }) && !stretched && state != MigrationState::Inbound {
        spi::execute(
            "SELECT stretch.enable_table($1::pg_catalog.regclass, $2, $3)",
            &[relation.into(), text.into(), state.as_str().into()],
        )?;
        return Ok(());
    }
    let set_filter = || {
        if *filter != FilterOption::Absent {
            spi::execute(
                "SELECT stretch.set_filter($1::pg_catalog.regclass, $2)",
                &[relation.into(), text.clone().into()],
            )?;
        }
        Ok(())
    };
    // Paused before the filter changes and started after it, so that nothing moves by the old filter in between.
    if state != MigrationState::Paused {
        set_filter()?;
    }
    spi::execute(
        "SELECT stretch.set_migration_state($1::pg_catalog.regclass, $2)",
        &[relation.into(), state.as_str().into()],
    )?;
    if state == MigrationState::Paused {
        set_filter()?;
    }
    Ok(())
}

/// What SQL Server refuses of a table whose rows come back, or are to come back.
fn inbound_rules(now: Option<MigrationState>, wanted: MigrationState, filter: &FilterOption) -> Result<()> {
    if now == Some(MigrationState::Inbound) && wanted == MigrationState::Outbound {
        return Err(Error::new(&errors::NOT_NOW, "the rows of the table are coming back")
            .detail("Microsoft error number 14868.")
            .hint("Wait until they are back and stretch the table anew, or pause it first."));
    }
    if wanted == MigrationState::Inbound && *filter != FilterOption::Absent {
        return Err(Error::argument("rows come back whatever a filter says")
            .detail("Microsoft error number 14878.")
            .hint("Leave FILTER_PREDICATE out where MIGRATION_STATE is INBOUND."));
    }
    Ok(())
}

/// The filter of PostgreSQL that a FILTER_PREDICATE stands for.
fn filter_text(filter: &FilterOption, relation: pg_sys::Oid, at: Position) -> Result<Option<String>> {
    let FilterOption::Function { function, columns } = filter else {
        return Ok(None);
    };
    let owner = user::ActAs::extension_owner();
    let source = spi::get::<Text>(
        "SELECT pg_catalog.max(source) FROM sys.filter_function WHERE name OPERATOR(pg_catalog.=) $1",
        &[key(function).into()],
    )?;
    drop(owner);
    let source = source.ok_or_else(|| {
        Error::new(&errors::NOT_FOUND, "the filter function does not exist")
            .detail("Microsoft error number 14884.")
            .hint("Make it by CREATE FUNCTION in a block of DO LANGUAGE tsql.")
    })?;
    let parsed = stretch_tsql::parse(&source).map_err(|error| from_parser(&error))?;
    let bound = parsed.into_iter().find_map(|statement| match statement.body {
        Body::CreateFunction { function, .. } => Some(function),
        _ => None,
    });
    let function = bound.ok_or_else(|| Error::internal("the source of a filter function is none"))?;
    let columns = names::columns(relation, columns)?;
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    function
        .bind(&columns, at)
        .map(Some)
        .map_err(|error| from_parser(&error))
}

/// The name under which a filter function is kept: case does not matter, and dbo is the schema of names without one.
fn key(name: &ObjectName) -> String {
    let schema = name.schema.as_ref().map_or("dbo", |schema| schema.text.as_str());
    format!("{}.{}", schema, name.object.text).to_lowercase()
}

fn create_function(function: &FilterFunction, source: &str) -> Result<()> {
    user::require_database_owner("CREATE FUNCTION of a filter")?;
    names::check_database(function.name.database.as_ref())?;
    let key = key(&function.name);
    let _owner = user::ActAs::extension_owner();
    let made = spi::execute(
        "INSERT INTO sys.filter_function (name, source) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1",
        &[key.as_str().into(), source.into()],
    )?;
    if made == 0 {
        return Err(
            Error::new(&errors::EXISTS, format!("the filter function \"{key}\" exists already"))
                .detail("Microsoft error number 2714.")
                .hint(
                    "Choose another name; filters are copied when they are bound, so DELETE FROM sys.filter_function \
            is safe.",
                ),
        );
    }
    Ok(())
}

/// A procedure with the values of its arguments; outputs and the return code go into the variables.
pub fn call(call: &Call, variables: &mut Variables, at: Position) -> Result<()> {
    let text = |index: usize| match call.values.get(index) {
        Some(Some(Value::Text(text))) => Some(text.clone()),
        _ => None,
    };
    let bit = |index: usize, default: bool| match call.values.get(index) {
        Some(Some(Value::Bit(bit))) => *bit,
        _ => default,
    };
    let mut store = |variable: Option<&String>, value: Value| match variable {
        Some(variable) => variables
            .store(variable, &value, at)
            .map(|_| ())
            .map_err(|error| from_parser(&error)),
        None => Ok(()),
    };
    match call.procedure {
        Procedure::Reauthorize => {
            spi::execute(
                "CALL sys.sp_rda_reauthorize_db($1, $2, $3, $4)",
                &[text(0).into(), bit(1, true).into(), text(2).into(), text(3).into()],
            )?;
        }
        Procedure::Deauthorize => {
            spi::execute("CALL sys.sp_rda_deauthorize_db()", &[])?;
        }
        Procedure::SetRpoDuration => {
            let hours = match call.values.first() {
                Some(Some(Value::Int(hours))) => Some(*hours),
                _ => None,
            };
            spi::execute("CALL sys.sp_rda_set_rpo_duration($1)", &[hours.into()])?;
        }
        Procedure::GetRpoDuration => {
            let hours = spi::get::<i32>("CALL sys.sp_rda_get_rpo_duration()", &[])?;
            let output = call.outputs.first().and_then(Option::as_ref);
            store(output, hours.map_or(Value::Null, Value::Int))?;
        }
        Procedure::SetQueryMode => {
            spi::execute(
                "CALL sys.sp_rda_set_query_mode($1, $2)",
                &[text(0).into(), bit(1, false).into()],
            )?;
        }
        Procedure::TestConnection => test_connection(std::array::from_fn(text))?,
        Procedure::ReconcileBatch => {
            let name = text(0).unwrap_or_default();
            let name = stretch_tsql::parse_object_name(&name).map_err(|error| from_parser(&error))?;
            let relation = names::relation(&name)?;
            spi::execute(
                "CALL sys.sp_rda_reconcile_batch($1::pg_catalog.regclass)",
                &[relation.into()],
            )?;
        }
    }
    store(call.returns.as_ref(), Value::Int(0))
}

/// Tells the state as notices, for T-SQL has no result sets here.
fn test_connection(arguments: [Option<String>; 5]) -> Result<()> {
    let rows = spi::rows(
        "CALL sys.sp_rda_test_connection($1, $2, $3, $4, $5)",
        &arguments.map(Into::into),
        |row| {
            Ok((
                row.get::<i32>(1)?,
                row.get::<Text>(2)?.map(String::from),
                row.get::<Text>(3)?.map(String::from),
            ))
        },
    )?;
    for (state, description, message) in rows {
        let state = state.unwrap_or(4);
        let message = message.map_or(String::new(), |message| format!(": {message}"));
        notice(&format!(
            "link_state {state} {}{message}",
            description.unwrap_or_default()
        ));
    }
    Ok(())
}
