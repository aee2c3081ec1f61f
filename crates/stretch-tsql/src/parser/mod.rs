//! Tokens to statements. One function per statement; whatever is not on the list is refused with the list.

mod archive;
mod exec;
mod function;
mod secrets;
mod variables;

use crate::ast::{Body, Statement};
use crate::cursor::Cursor;
use crate::error::{Error, Kind, number};
use crate::lexer;
use crate::names::ObjectName;
use crate::position::Position;

/// A longer batch is refused, so that no text can exhaust memory.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// The statements that a batch may hold, for messages and documentation.
pub const SUPPORTED: &str = "Supported: CREATE MASTER KEY, CREATE DATABASE SCOPED CREDENTIAL, \
    ALTER DATABASE … SET REMOTE_DATA_ARCHIVE, ALTER TABLE … SET (REMOTE_DATA_ARCHIVE …), \
    CREATE FUNCTION of a filter, DECLARE, SET, EXEC and PRINT.";

/// Parses and checks a whole batch; the first fault refuses all of it.
pub fn parse(text: &str) -> Result<Vec<Statement>, Error> {
    if text.len() > MAX_BATCH_BYTES {
        let message = format!("the batch is longer than {MAX_BATCH_BYTES} bytes");
        return Err(Error::new(
            Kind::Unsupported,
            number::SIZE_TOO_LARGE,
            Position::START,
            message,
        ));
    }
    let tokens = lexer::tokens(text)?;
    let mut cursor = Cursor::new(text, &tokens);
    let mut statements = Vec::new();
    loop {
        while cursor.take_symbol(";") {}
        if cursor.at_end() {
            return Ok(statements);
        }
        let at = cursor.at();
        let body = statement(&mut cursor)?;
        statements.push(Statement { at, body });
    }
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let at = cursor.at();
    if cursor.take_words(&["CREATE", "MASTER", "KEY"]) {
        return secrets::master_key(cursor);
    }
    if cursor.take_words(&["CREATE", "DATABASE", "SCOPED", "CREDENTIAL"]) {
        return secrets::credential(cursor);
    }
    if cursor.take_words(&["CREATE", "FUNCTION"]) {
        return function::create(cursor, at);
    }
    if cursor.take_words(&["ALTER", "DATABASE"]) && !cursor.is_word("SCOPED") {
        return archive::database(cursor);
    }
    if cursor.take_words(&["ALTER", "TABLE"]) {
        return archive::table(cursor);
    }
    if cursor.take_word("DECLARE") {
        return variables::declare(cursor);
    }
    if cursor.take_word("SET") {
        return variables::set(cursor);
    }
    if cursor.take_word("PRINT") {
        return variables::expression(cursor).map(Body::Print);
    }
    if cursor.take_word("EXEC") || cursor.take_word("EXECUTE") {
        return exec::exec(cursor);
    }
    Err(refused(cursor, at))
}

/// Known beginnings that are refused, with what to do instead.
const REFUSED: [(&str, &str); 14] = [
    (
        "GO",
        "GO belongs to SQL Server's clients, not to T-SQL; leave it out or send one DO per batch.",
    ),
    ("USE", "Connect to the database instead."),
    (
        "RECONFIGURE",
        "The setting stretch.enabled takes the place of sp_configure 'remote data archive'.",
    ),
    ("OPEN", "Use stretch.open_master_key."),
    (
        "DROP",
        "Use stretch.drop_master_key, stretch.drop_credential or stretch.disable_table.",
    ),
    ("ALTER", SUPPORTED),
    ("CREATE", SUPPORTED),
    ("SELECT", "Send queries as SQL of PostgreSQL, outside the block."),
    ("INSERT", "Send it as SQL of PostgreSQL, outside the block."),
    ("UPDATE", "Send it as SQL of PostgreSQL, outside the block."),
    ("DELETE", "Send it as SQL of PostgreSQL, outside the block."),
    (
        "BEGIN",
        "Each statement of the block commits by itself; open a transaction of PostgreSQL around the block.",
    ),
    ("COMMIT", "Each statement of the block commits by itself."),
    (
        "IF",
        "Use a DO block of PL/pgSQL around the functions of schema stretch.",
    ),
];

fn refused(cursor: &Cursor<'_>, at: Position) -> Error {
    for (word, instead) in REFUSED {
        if cursor.is_word(word) {
            let message = format!("this {word} statement is not supported");
            return Error::new(Kind::Unsupported, number::UNKNOWN_STATEMENT, at, message).supported(instead);
        }
    }
    if let Some(word) = cursor.word()
        && word.len() > 7
        && word
            .as_bytes()
            .first_chunk::<7>()
            .is_some_and(|w| w.eq_ignore_ascii_case(b"sp_rda_"))
    {
        let message = "a procedure needs EXEC before its name";
        return Error::new(Kind::Unsupported, number::SYNTAX, at, message).supported("Write EXEC procedure arguments.");
    }
    let message = format!("a statement is expected, found {}", cursor.found());
    Error::new(Kind::Unsupported, number::SYNTAX, at, message).supported(SUPPORTED)
}

/// Reads a name of up to three parts that is given as a string, for example `[dbo].[T]` in `@objname`.
pub fn parse_object_name(text: &str) -> Result<ObjectName, Error> {
    let tokens = lexer::tokens(text)?;
    let mut cursor = Cursor::new(text, &tokens);
    let name = cursor.object_name("the name of an object", 3)?;
    if cursor.at_end() {
        Ok(name)
    } else {
        Err(cursor.expected("the end of the name"))
    }
}
