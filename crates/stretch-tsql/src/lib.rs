//! The Stretch statements of T-SQL: text in, checked statements and filters out. No PostgreSQL, no I/O, no clock.
//!
//! [`parse`] turns a batch into [`Statement`]s or one [`Error`] with line, column, Microsoft's number and what is
//! supported instead. Variables are checked while parsing; their values come to life in [`Variables`], which the
//! caller steps through the statements, so that return codes and OUTPUT parameters can flow back.
//! [`FilterFunction`] is an inline table-valued filter function; [`FilterFunction::bind`] makes the filter text of it.
//!
//! No message quotes a literal, a name or a variable of the batch: a misplaced quote could make a secret of any of
//! them.

mod ast;
mod cursor;
mod error;
mod filter;
mod lexer;
mod names;
mod parser;
mod position;
mod procedures;
mod values;
mod variables;

pub use ast::{Argument, Body, Declaration, Exec, Expression, FilterOption, Operand, Statement, TableChange};
pub use error::{Error, Kind};
pub use filter::{FilterFunction, may_replace};
pub use names::{Name, ObjectName, Secret};
pub use parser::{MAX_BATCH_BYTES, SUPPORTED, parse, parse_object_name};
pub use position::Position;
pub use procedures::{MIN_RPO_HOURS, Parameter, ParameterKind, Procedure, check_rpo_hours};
pub use stretch_core::state::MigrationState;
pub use values::{Length, Type, Value};
pub use variables::{Call, Step, Variables};
