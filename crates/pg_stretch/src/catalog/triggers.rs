//! Triggers of stretched tables: which are ours, and what a statement or pg_trigger says of others.

use crate::pg::error::Result;
use crate::pg::local_settings::LocalSettings;
use crate::pg::text::Text;
use crate::pg::{list, names, spi};
use pgrx::pg_sys;
use stretch_core::command::Trigger;

/// TRIGGER_TYPE_DELETE | TRIGGER_TYPE_UPDATE of pg_trigger.h.
const UPDATE_OR_DELETE: i16 = 8 | 16;
/// Names of the triggers that `enable_table` makes begin so, and no others may.
pub const PREFIXES: [&str; 2] = ["stretch_unique_", "stretch_deferred_"];

/// Whether the name is that of a trigger of ours.
pub fn is_ours(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The arguments of a trigger.
///
/// # Safety
/// A trigger of an open relation's descriptor.
pub unsafe fn arguments(trigger: &pg_sys::Trigger) -> Vec<String> {
    // SAFETY: `tgnargs` strings.
    unsafe {
        (0..trigger.tgnargs as usize)
            .map(|i| names::text(*trigger.tgargs.add(i)))
            .collect()
    }
}

/// The trigger that `CREATE TRIGGER` would make.
pub fn of_statement(statement: &pg_sys::CreateTrigStmt) -> Trigger {
    let name = names::text(statement.trigname);
    // SAFETY: funcname is a list of String nodes.
    let function: Vec<String> = unsafe {
        list::pointers::<pg_sys::String>(statement.funcname)
            .into_iter()
            .map(|part| names::text((*part).sval))
            .collect()
    };
    Trigger {
        ours: is_ours(&name) && function == ["stretch", "unique_probe"],
        row: statement.row,
        transition: !statement.transitionRels.is_null() && statement.events & UPDATE_OR_DELETE != 0,
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
        "SELECT tgname::text, tgisinternal, tgfoid = 'stretch.unique_probe()'::pg_catalog.regprocedure,
            tgtype & 1 = 1, tgtype & 24 <> 0 AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL), tgenabled = 'A'
         FROM pg_catalog.pg_trigger WHERE tgrelid = $1",
        &[relation.into()],
        |row| {
            let flag = |number| row.get::<bool>(number).map(Option::unwrap_or_default);
            let name = row.get::<Text>(1)?.unwrap_or_default().into();
            Ok(Stored {
                internal: flag(2)?,
                trigger: Trigger {
                    ours: flag(3)?,
                    row: flag(4)?,
                    transition: flag(5)?,
                    always: flag(6)?,
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
        ours: sum.ours || stored.trigger.ours,
        row: sum.row || stored.trigger.row,
        transition: sum.transition || stored.trigger.transition,
        always: false,
        repack: sum.repack || stored.trigger.repack,
    })
}
