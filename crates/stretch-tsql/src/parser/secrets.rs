//! CREATE MASTER KEY and CREATE DATABASE SCOPED CREDENTIAL.

use crate::ast::Body;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::lexer::TokenKind;
use crate::names::Secret;

/// Behind `CREATE MASTER KEY`.
pub(super) fn master_key(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let form = "Write CREATE MASTER KEY ENCRYPTION BY PASSWORD = '…'.";
    cursor
        .expect_words(&["ENCRYPTION", "BY", "PASSWORD"])
        .map_err(|error| error.supported(form))?;
    let password = cursor.assigned_secret()?;
    Ok(Body::CreateMasterKey { password })
}

/// Behind `CREATE DATABASE SCOPED CREDENTIAL`.
pub(super) fn credential(cursor: &mut Cursor<'_>) -> Result<Body, Error> {
    let form = "Write CREATE DATABASE SCOPED CREDENTIAL name WITH IDENTITY = '…', SECRET = '…'.";
    let name = cursor.name("the credential's name")?;
    if name.text.starts_with('#') {
        return Err(Error::syntax(name.at, "the name of a credential must not begin with #"));
    }
    cursor
        .expect_words(&["WITH", "IDENTITY"])
        .map_err(|error| error.supported(form))?;
    let identity = cursor.assigned_text()?;
    let mut secret = Secret(String::new());
    // A comma could only begin SECRET; without it the credential has an empty secret, as for a store that asks none.
    if cursor.is_symbol(",")
        || matches!(cursor.kind(), TokenKind::Word { text, .. } if text.eq_ignore_ascii_case("SECRET"))
    {
        cursor.expect_symbol(",").map_err(|error| error.supported(form))?;
        cursor.expect_word("SECRET").map_err(|error| error.supported(form))?;
        secret = cursor.assigned_secret()?;
    }
    Ok(Body::CreateCredential {
        name: name.text,
        identity,
        secret,
    })
}
