//! The language tsql: `DO LANGUAGE tsql $$ … $$` runs the Stretch statements of T-SQL.
//!
//! Outside a transaction block each statement commits by itself, as in T-SQL, so that one block can make a key and a
//! credential and reauthorize with them. Inside one, what needs a transaction of its own is refused. Statements become
//! calls of the functions of schema stretch with arguments; no value ever becomes part of SQL text.

mod names;
mod parse_error;
mod run;

use crate::endpoint::redact;
use crate::pg::error::{Error, OrRaise, Result, notice};
use crate::pg::{names as pg_names, txn};
use parse_error::from_parser;
use pgrx::prelude::*;
use stretch_core::errors;
use stretch_tsql::{Position, Statement, Step, Variables};

/// Tells the server that the handlers are version 1 functions.
const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_tsql_inline_handler() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_tsql_call_handler() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_stretch_tsql_validator() -> &'static pg_sys::Pg_finfo_record {
    &V1
}

/// `sys.tsql_inline_handler(internal)`.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_tsql_inline_handler(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the server calls the inline handler of a language with one argument, the block; a call from SQL with
    // NULL is told apart. The text is copied, because commits free what belongs to the transaction.
    let (text, atomic) = unsafe {
        let arguments = (*call).args.as_slice((*call).nargs.max(0) as usize);
        let block = match arguments.first() {
            Some(argument) if !argument.isnull => argument.value.cast_mut_ptr::<pg_sys::InlineCodeBlock>(),
            _ => return refuse_functions(),
        };
        (pg_names::text((*block).source_text), (*block).atomic)
    };
    // Statements of this language hold passwords.
    redact::mark();
    block(&text, atomic).or_raise();
    pg_sys::Datum::from(0)
}

/// `sys.tsql_call_handler()`.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_tsql_call_handler(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    refuse_functions()
}

/// `sys.tsql_validator(oid)`.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn stretch_tsql_validator(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    refuse_functions()
}

fn refuse_functions() -> pg_sys::Datum {
    Error::new(&errors::UNSUPPORTED, "functions in the language tsql are not supported")
        .hint("Use DO LANGUAGE tsql; a filter function is made by CREATE FUNCTION inside such a block.")
        .raise()
}

/// Runs a batch.
fn block(text: &str, atomic: bool) -> Result<()> {
    let statements = stretch_tsql::parse(text).map_err(|error| from_parser(&error))?;
    // SAFETY: connects to SPI; its commits are allowed only where the server says that the block is not atomic. The
    // matching SPI_finish is below; an ERROR in between disconnects by itself.
    unsafe {
        let options = if atomic { 0 } else { pg_sys::SPI_OPT_NONATOMIC as i32 };
        if pg_sys::SPI_connect_ext(options) != pg_sys::SPI_OK_CONNECT as i32 {
            return Err(Error::internal("cannot connect to SPI"));
        }
    }
    let mut variables = Variables::new();
    let mut left = statements.len();
    for statement in &statements {
        left -= 1;
        let acted = carry_out(statement, &mut variables, atomic)?;
        if acted && left > 0 && !atomic {
            // SAFETY: inside a nonatomic SPI connection, with no inner one open and no snapshot of ours left.
            unsafe { pg_sys::SPI_commit() };
        }
    }
    // SAFETY: closes the connection opened above.
    unsafe { pg_sys::SPI_finish() };
    Ok(())
}

/// One statement; true when it may have written.
fn carry_out(statement: &Statement, variables: &mut Variables, atomic: bool) -> Result<bool> {
    match variables.step(&statement.body).map_err(|error| from_parser(&error))? {
        Step::Done(notices) => {
            notices.iter().for_each(|text| notice(text));
            Ok(false)
        }
        Step::Print(line) => {
            notice(&line);
            Ok(false)
        }
        Step::Call(call) => {
            located(statement.at, || {
                if atomic {
                    run::refuse_call(call.procedure)?;
                }
                run::call(&call, variables, statement.at)
            })?;
            Ok(true)
        }
        Step::Statement => {
            located(statement.at, || {
                if atomic {
                    run::refuse_statement(&statement.body)?;
                }
                run::statement(&statement.body, statement.at)
            })?;
            Ok(true)
        }
    }
}

/// Adds place and Microsoft's number to an error of the functions; the caller raises it at once, as it was caught
/// outside any subtransaction.
fn located<T>(at: Position, f: impl FnOnce() -> Result<T>) -> Result<T> {
    txn::catch(f).map_err(|mut error| {
        let number = error.definition().and_then(|def| def.microsoft);
        let before = error.detail.take().filter(|text| !text.is_empty());
        let mut parts: Vec<String> = before.iter().cloned().collect();
        parts.push(format!("The statement begins at {at}."));
        let told = before.is_some_and(|text| text.contains("Microsoft error number"));
        parts.extend(
            number
                .filter(|_| !told)
                .map(|number| format!("Microsoft error number {number}.")),
        );
        error.detail = Some(parts.join("\n"));
        error
    })
}
