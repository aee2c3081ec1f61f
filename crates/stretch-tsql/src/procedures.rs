//! The procedures that `EXEC` knows, with SQL Server's parameter names.

use crate::error::{Error, Kind, number};
use crate::position::Position;

/// SQL Server refuses a shorter RPO; the functions of PostgreSQL do not (issue 3).
pub const MIN_RPO_HOURS: i32 = 8;

/// A procedure of schema `sys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Procedure {
    /// `sp_rda_reauthorize_db`
    Reauthorize,
    /// `sp_rda_deauthorize_db`
    Deauthorize,
    /// `sp_rda_set_rpo_duration`
    SetRpoDuration,
    /// `sp_rda_get_rpo_duration`
    GetRpoDuration,
    /// `sp_rda_set_query_mode`
    SetQueryMode,
    /// `sp_rda_test_connection`
    TestConnection,
    /// `sp_rda_reconcile_batch`
    ReconcileBatch,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A name of up to 128 characters; a variable of a `max` type is refused, as the documentation says.
    Name,
    /// Any string.
    Text,
    /// `bit`
    Bit,
    /// `int`
    Int,
}

/// A parameter of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, without the `@`.
    pub name: &'static str,
    /// Its type.
    pub kind: ParameterKind,
    /// It has no default, or NULL makes no sense for it.
    pub required: bool,
    /// It gives a value back.
    pub output: bool,
}

const fn parameter(name: &'static str, kind: ParameterKind, required: bool) -> Parameter {
    Parameter {
        name,
        kind,
        required,
        output: false,
    }
}

const REAUTHORIZE: [Parameter; 4] = [
    parameter("credential", ParameterKind::Name, true),
    parameter("with_copy", ParameterKind::Bit, false),
    parameter("azure_servername", ParameterKind::Text, false),
    parameter("azure_databasename", ParameterKind::Name, false),
];
const SET_RPO: [Parameter; 1] = [parameter("duration_hrs", ParameterKind::Int, true)];
const GET_RPO: [Parameter; 1] = [Parameter {
    name: "durationinhours",
    kind: ParameterKind::Int,
    required: true,
    output: true,
}];
const SET_QUERY_MODE: [Parameter; 2] = [
    parameter("mode", ParameterKind::Text, true),
    parameter("force", ParameterKind::Bit, false),
];
const TEST_CONNECTION: [Parameter; 5] = [
    parameter("database_name", ParameterKind::Name, false),
    parameter("server_address", ParameterKind::Text, false),
    parameter("azure_username", ParameterKind::Text, false),
    parameter("azure_password", ParameterKind::Text, false),
    parameter("credential_name", ParameterKind::Name, false),
];
const RECONCILE_BATCH: [Parameter; 1] = [parameter("objname", ParameterKind::Text, true)];

impl Procedure {
    /// Every procedure.
    pub const ALL: [Self; 7] = [
        Self::Reauthorize,
        Self::Deauthorize,
        Self::SetRpoDuration,
        Self::GetRpoDuration,
        Self::SetQueryMode,
        Self::TestConnection,
        Self::ReconcileBatch,
    ];

    /// Its name in schema `sys`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reauthorize => "sp_rda_reauthorize_db",
            Self::Deauthorize => "sp_rda_deauthorize_db",
            Self::SetRpoDuration => "sp_rda_set_rpo_duration",
            Self::GetRpoDuration => "sp_rda_get_rpo_duration",
            Self::SetQueryMode => "sp_rda_set_query_mode",
            Self::TestConnection => "sp_rda_test_connection",
            Self::ReconcileBatch => "sp_rda_reconcile_batch",
        }
    }

    /// Its parameters in order.
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Reauthorize => &REAUTHORIZE,
            Self::Deauthorize => &[],
            Self::SetRpoDuration => &SET_RPO,
            Self::GetRpoDuration => &GET_RPO,
            Self::SetQueryMode => &SET_QUERY_MODE,
            Self::TestConnection => &TEST_CONNECTION,
            Self::ReconcileBatch => &RECONCILE_BATCH,
        }
    }

    /// The number for a missing argument: Stretch has its own for reauthorizing.
    pub(crate) fn missing_number(self) -> u32 {
        match self {
            Self::Reauthorize => number::STRETCH_PARAMETER_MISSING,
            _ => number::PARAMETER_MISSING,
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }
}

/// The names of all procedures, for messages.
pub(crate) fn known() -> String {
    let names: Vec<_> = Procedure::ALL.into_iter().map(Procedure::name).collect();
    format!("Known procedures: {}.", names.join(", "))
}

/// 14899 for an RPO that SQL Server's procedure does not take.
pub fn check_rpo_hours(hours: i32, at: Position) -> Result<(), Error> {
    if hours >= MIN_RPO_HOURS {
        return Ok(());
    }
    let message = format!("the RPO duration must be at least {MIN_RPO_HOURS} hours");
    Err(Error::new(Kind::Value, number::RPO_TOO_SHORT, at, message)
        .supported("SQL Server's minimum holds in this procedure only; stretch.set_rpo takes any interval."))
}
