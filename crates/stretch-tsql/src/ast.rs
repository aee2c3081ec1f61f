//! The statements that a batch may hold, checked and ready to be carried out.

use crate::filter::FilterFunction;
use crate::names::{Name, ObjectName, Secret};
use crate::position::Position;
use crate::procedures::Procedure;
use crate::values::{Type, Value};
use stretch_core::state::MigrationState;

/// A statement and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// First character of the statement.
    pub at: Position,
    /// What it does.
    pub body: Body,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `CREATE MASTER KEY ENCRYPTION BY PASSWORD = '…'`
    CreateMasterKey {
        /// The password.
        password: Secret,
    },
    /// `CREATE DATABASE SCOPED CREDENTIAL name WITH IDENTITY = '…', SECRET = '…'`
    CreateCredential {
        /// Name of the credential, as written.
        name: String,
        /// Identity, for example an access key id.
        identity: String,
        /// The secret.
        secret: Secret,
    },
    /// `ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = ON (SERVER = '…', CREDENTIAL = name)`
    EnableDatabase {
        /// The database; `None` for `CURRENT`.
        database: Option<Name>,
        /// The endpoint.
        server: String,
        /// Name of the credential.
        credential: String,
    },
    /// `ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = OFF`
    DisableDatabase {
        /// The database; `None` for `CURRENT`.
        database: Option<Name>,
    },
    /// `ALTER TABLE t SET (REMOTE_DATA_ARCHIVE …)`
    AlterTable {
        /// The table, one to three parts.
        table: ObjectName,
        /// What changes.
        change: TableChange,
    },
    /// `CREATE FUNCTION f (…) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE …`
    CreateFunction {
        /// The filter function.
        function: FilterFunction,
        /// The statement as written, to be kept and parsed again.
        source: String,
    },
    /// `DECLARE @a type [= value], …`
    Declare(Vec<Declaration>),
    /// `SET @a = value`
    Set {
        /// The variable in lower case, with its `@`.
        variable: String,
        /// The new value.
        value: Expression,
    },
    /// `EXEC [@code =] procedure arguments`
    Exec(Exec),
    /// `PRINT value`
    Print(Expression),
}

/// What `ALTER TABLE … SET (REMOTE_DATA_ARCHIVE …)` changes.
#[derive(Debug, Clone, PartialEq)]
pub enum TableChange {
    /// `= ON`: stretch the table, or change it when it is stretched.
    Enable {
        /// The filter.
        filter: FilterOption,
        /// The state; OUTBOUND when not given.
        state: MigrationState,
    },
    /// Without `= ON`: change a stretched table.
    Change {
        /// The filter.
        filter: FilterOption,
        /// The state.
        state: MigrationState,
    },
    /// `= OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED)`
    Abandon,
}

/// `FILTER_PREDICATE`.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterOption {
    /// Not given: whatever is there stays.
    Absent,
    /// `NULL`: every row is eligible.
    Null,
    /// A filter function and the columns it is applied to.
    Function {
        /// The function, one or two parts.
        function: ObjectName,
        /// The columns, in the order of the function's parameters.
        columns: Vec<Name>,
    },
}

/// One variable of a `DECLARE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// The variable in lower case, with its `@`.
    pub variable: String,
    /// Its type.
    pub kind: Type,
    /// Its first value; NULL when absent.
    pub value: Option<Expression>,
    /// Where its name stands.
    pub at: Position,
}

/// Values, joined by `+` when there is more than one; then all of them are strings.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// At least one operand.
    pub operands: Vec<Operand>,
    /// Where it begins.
    pub at: Position,
}

/// A value that is written or held by a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A literal.
    Literal(Value),
    /// A variable in lower case, with its `@`.
    Variable(String),
}

/// `EXEC` of one of the known procedures.
#[derive(Debug, Clone, PartialEq)]
pub struct Exec {
    /// The procedure.
    pub procedure: Procedure,
    /// The database before the schema, where one is written.
    pub database: Option<Name>,
    /// The variable that takes the return code.
    pub returns: Option<String>,
    /// One for each parameter of [`Procedure::parameters`]; `None` where the default holds.
    pub arguments: Vec<Option<Argument>>,
}

/// An argument of `EXEC`.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The value.
    pub value: Operand,
    /// `OUTPUT` is written; the value is a variable then.
    pub output: bool,
    /// Where the value stands.
    pub at: Position,
}
