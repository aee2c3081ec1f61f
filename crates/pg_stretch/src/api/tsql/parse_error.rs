//! Errors of the parser as errors of SQL.

use crate::pg::error::Error;
use stretch_core::errors;
use stretch_tsql::Kind;

/// An error of the parser with its place and number.
pub fn from_parser(error: &stretch_tsql::Error) -> Error {
    let sqlstate = match error.kind {
        Kind::Syntax => "42601",
        Kind::Unsupported => errors::UNSUPPORTED.sqlstate,
        Kind::Name => errors::NOT_FOUND.sqlstate,
        Kind::Type => "42804",
        Kind::Value => errors::BAD_ARGUMENT.sqlstate,
        Kind::Filter => errors::FILTER_UNFIT.sqlstate,
        Kind::Replacement => errors::FILTER_NOT_LOOSER.sqlstate,
    };
    Error {
        constraint: None,
        sqlstate: sqlstate.into(),
        message: error.to_string(),
        detail: Some(format!("Microsoft error number {}.", error.number)),
        hint: error.supported.clone(),
    }
}
