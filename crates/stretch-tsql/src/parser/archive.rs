//! ALTER DATABASE and ALTER TABLE with REMOTE_DATA_ARCHIVE.

use crate::ast::{Body, FilterOption, TableChange};
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number};
use crate::lexer::TokenKind;
use crate::names::Name;
use crate::position::Position;
use stretch_core::state::MigrationState;

const DATABASE_FORM: &str = "Write ALTER DATABASE name SET REMOTE_DATA_ARCHIVE = ON (SERVER = '…', CREDENTIAL = name), \
    or = OFF.";
const TABLE_FORM: &str = "Write ALTER TABLE name SET (REMOTE_DATA_ARCHIVE = ON ([FILTER_PREDICATE = f(column, …),] \
    MIGRATION_STATE = OUTBOUND)), SET (REMOTE_DATA_ARCHIVE (MIGRATION_STATE = …)) or \
    SET (REMOTE_DATA_ARCHIVE = OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED)).";

/// Behind `ALTER DATABASE`.
pub(super) fn database(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let database = if cursor.take_word("CURRENT") {
        None
    } else {
        Some(cursor.name("the database's name")?)
    };
    cursor
        .expect_words(&["SET", "REMOTE_DATA_ARCHIVE"])
        .map_err(|error| error.supported(DATABASE_FORM))?;
    if cursor.is_symbol("(") {
        let message = "settings of a connected database cannot be altered in place";
        return Err(Error::new(Kind::Unsupported, number::SYNTAX, cursor.at(), message)
            .supported("Use EXEC sp_rda_deauthorize_db and EXEC sp_rda_reauthorize_db, or = ON (…) to enable."));
    }
    cursor.expect_symbol("=")?;
    if cursor.take_word("OFF") {
        return Ok(Body::DisableDatabase { database });
    }
    let at = cursor.at();
    cursor
        .expect_word("ON")
        .map_err(|error| error.supported(DATABASE_FORM))?;
    cursor
        .expect_symbol("(")
        .map_err(|error| error.supported(DATABASE_FORM))?;
    let (mut server, mut credential, mut federated): (Option<String>, Option<Name>, Option<bool>) = (None, None, None);
    loop {
        let at = cursor.at();
        if cursor.take_word("SERVER") {
            once(server.is_some(), "SERVER", at)?;
            server = Some(cursor.assigned_text()?);
        } else if cursor.take_word("CREDENTIAL") {
            once(credential.is_some(), "CREDENTIAL", at)?;
            cursor.expect_symbol("=")?;
            credential = Some(cursor.name("the credential's name, without single quotes")?);
        } else if cursor.take_word("FEDERATED_SERVICE_ACCOUNT") {
            once(federated.is_some(), "FEDERATED_SERVICE_ACCOUNT", at)?;
            cursor.expect_symbol("=")?;
            if cursor.take_word("ON") {
                let message = "a federated service account is not supported";
                return Err(Error::new(Kind::Unsupported, number::FEDERATED_ACCOUNT, at, message)
                    .supported("Name a credential: CREDENTIAL = name."));
            }
            cursor.expect_word("OFF")?;
            federated = Some(false);
        } else {
            return Err(cursor.expected("SERVER or CREDENTIAL").supported(DATABASE_FORM));
        }
        if !cursor.take_symbol(",") {
            break;
        }
    }
    cursor.expect_symbol(")")?;
    let missing = |what: &str| Error::syntax(at, format!("{what} is missing")).supported(DATABASE_FORM);
    Ok(Body::EnableDatabase {
        database,
        server: server.ok_or_else(|| missing("SERVER"))?,
        credential: credential.ok_or_else(|| missing("CREDENTIAL"))?.text,
    })
}

fn once(seen: bool, option: &str, at: Position) -> Result<(), Error> {
    if seen {
        let message = format!("{option} is given more than once");
        return Err(Error::new(Kind::Syntax, number::DEFINED_TWICE, at, message));
    }
    Ok(())
}

/// Behind `ALTER TABLE`.
pub(super) fn table(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let table = cursor.object_name("the table's name", 3)?;
    let start = cursor.at();
    if !cursor.take_word("SET") {
        let message = "only the SET (REMOTE_DATA_ARCHIVE …) form of ALTER TABLE is supported";
        return Err(Error::new(Kind::Unsupported, number::SYNTAX, start, message).supported(TABLE_FORM));
    }
    cursor.expect_symbol("(").map_err(|error| error.supported(TABLE_FORM))?;
    cursor
        .expect_word("REMOTE_DATA_ARCHIVE")
        .map_err(|error| error.supported(TABLE_FORM))?;
    let change = if cursor.take_symbol("=") {
        switched(cursor)?
    } else {
        let at = cursor.at();
        let options = options(cursor)?;
        let state = options.state.ok_or_else(|| state_missing(at))?;
        TableChange::Change {
            filter: options.filter,
            state,
        }
    };
    cursor.expect_symbol(")")?;
    Ok(Body::AlterTable { table, change })
}

/// Behind `REMOTE_DATA_ARCHIVE =`.
fn switched(cursor: &mut Cursor<'_>) -> Result<TableChange, Error> {
    let at = cursor.at();
    if cursor.take_word("ON") {
        let mut found = Options::default();
        if cursor.is_symbol("(") {
            found = options(cursor)?;
        }
        if found.state.is_none() && found.filter != FilterOption::Absent {
            return Err(state_missing(at));
        }
        return Ok(TableChange::Enable {
            filter: found.filter,
            state: found.state.unwrap_or(MigrationState::Outbound),
        });
    }
    if cursor.take_word("OFF_WITHOUT_DATA_RECOVERY") {
        let options = options(cursor)?;
        if options.filter != FilterOption::Absent {
            return Err(Error::syntax(at, "FILTER_PREDICATE makes no sense here").supported(TABLE_FORM));
        }
        if options.state != Some(MigrationState::Paused) {
            let message = "OFF_WITHOUT_DATA_RECOVERY needs MIGRATION_STATE = PAUSED";
            return Err(Error::new(Kind::Syntax, number::DISABLE_WHILE_MIGRATING, at, message).supported(TABLE_FORM));
        }
        return Ok(TableChange::Abandon);
    }
    if cursor.is_word("OFF") {
        let message = "REMOTE_DATA_ARCHIVE = OFF does not say what becomes of the remote data";
        return Err(Error::new(Kind::Unsupported, number::PLAIN_OFF, at, message).supported(
            "Bring it back with SET (REMOTE_DATA_ARCHIVE (MIGRATION_STATE = INBOUND)), or leave it with \
             = OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED).",
        ));
    }
    Err(cursor.expected("ON or OFF_WITHOUT_DATA_RECOVERY").supported(TABLE_FORM))
}

fn state_missing(at: Position) -> Error {
    Error::syntax(at, "MIGRATION_STATE is missing").supported(TABLE_FORM)
}

struct Options {
    filter: FilterOption,
    state: Option<MigrationState>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filter: FilterOption::Absent,
            state: None,
        }
    }
}

/// `( FILTER_PREDICATE = …, MIGRATION_STATE = … )` in any order.
fn options(cursor: &mut Cursor<'_>) -> Result<Options, Error> {
    cursor.expect_symbol("(").map_err(|error| error.supported(TABLE_FORM))?;
    let mut options = Options::default();
    let mut filter_at = cursor.at();
    loop {
        let at = cursor.at();
        if cursor.take_word("MIGRATION_STATE") {
            once(options.state.is_some(), "MIGRATION_STATE", at)?;
            cursor.expect_symbol("=")?;
            options.state = Some(state(cursor)?);
        } else if cursor.take_word("FILTER_PREDICATE") {
            once(options.filter != FilterOption::Absent, "FILTER_PREDICATE", at)?;
            cursor.expect_symbol("=")?;
            filter_at = at;
            options.filter = filter(cursor)?;
        } else {
            return Err(cursor
                .expected("MIGRATION_STATE or FILTER_PREDICATE")
                .supported(TABLE_FORM));
        }
        if !cursor.take_symbol(",") {
            break;
        }
    }
    cursor.expect_symbol(")")?;
    if options.filter != FilterOption::Absent && options.state == Some(MigrationState::Inbound) {
        let message = "a filter cannot be set while the rows are brought back";
        return Err(Error::new(Kind::Value, number::FILTER_WITH_INBOUND, filter_at, message)
            .supported("Leave FILTER_PREDICATE out."));
    }
    Ok(options)
}

fn state(cursor: &mut Cursor<'_>) -> Result<MigrationState, Error> {
    let states = [
        ("OUTBOUND", MigrationState::Outbound),
        ("INBOUND", MigrationState::Inbound),
        ("PAUSED", MigrationState::Paused),
    ];
    for (word, state) in states {
        if cursor.take_word(word) {
            return Ok(state);
        }
    }
    Err(cursor.expected("OUTBOUND, INBOUND or PAUSED"))
}

/// `NULL` or `f(column, …)`.
fn filter(cursor: &mut Cursor<'_>) -> Result<FilterOption, Error> {
    if cursor.take_word("NULL") {
        return Ok(FilterOption::Null);
    }
    let function = cursor.object_name("the filter function's name or NULL", 2)?;
    cursor.expect_symbol("(")?;
    let mut columns = Vec::new();
    loop {
        let name = matches!(cursor.kind(), TokenKind::Word { .. }) && !cursor.is_word("NULL");
        let plain = matches!(cursor.second(), Some(TokenKind::Symbol("," | ")")));
        if !name || !plain {
            let message = "the arguments of a filter function must be columns, written as names of one part";
            return Err(Error::new(Kind::Filter, number::FILTER_ARGUMENTS, cursor.at(), message)
                .supported("Write FILTER_PREDICATE = f(column, …)."));
        }
        columns.push(cursor.name("a column")?);
        if !cursor.take_symbol(",") {
            break;
        }
    }
    cursor.expect_symbol(")")?;
    Ok(FilterOption::Function { function, columns })
}
