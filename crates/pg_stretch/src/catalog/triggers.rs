//! Triggers of stretched tables: what a statement or pg_trigger says of them.

use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::Text;
use crate::pg::{names, spi};
use pgrx::pg_sys;
use stretch_core::command::Trigger;

/// The trigger that `CREATE TRIGGER` would make.
pub fn of_statement(statement: &pg_sys::CreateTrigStmt) -> Trigger {
    let name = names::text(statement.trigname);
    Trigger {
        row: statement.row,
        always: false,
        repack: name == "repack_trigger",
    }
}

/// A trigger of pg_trigger.
#[derive(Clone, Debug)]
pub struct Stored {
    pub name: String,
    pub internal: bool,
    pub trigger: Trigger,
}

/// The triggers of a table.
pub fn of_table(relation: pg_sys::Oid) -> Result<Vec<Stored>> {
    let _path = LocalSettings::path();
    spi::rows(
        "SELECT tgname::text, tgisinternal, tgtype & 1 = 1, tgenabled = 'A'
         FROM pg_catalog.pg_trigger WHERE tgrelid = $1",
        &[relation.into()],
        |row| {
            let flag = |number| row.get::<bool>(number).map(Option::unwrap_or_default);
            let name = row.get::<Text>(1)?.unwrap_or_default().into();
            Ok(Stored {
                internal: flag(2)?,
                trigger: Trigger {
                    row: flag(3)?,
                    always: flag(4)?,
                    repack: name == "repack_trigger",
                },
                name,
            })
        },
    )
}

/// `ALL` or `USER`: what is true of any of them.
pub fn together(triggers: &[Stored]) -> Trigger {
    triggers.iter().fold(Trigger::default(), |sum, stored| Trigger {
        row: sum.row || stored.trigger.row,
        always: false,
        repack: sum.repack || stored.trigger.repack,
    })
}
