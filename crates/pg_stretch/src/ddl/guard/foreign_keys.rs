//! Foreign keys that a dump brings back while no cold row can be read.
//!
//! A dump adds its foreign keys after all rows, and the server would check them on all rows. The cold ones are out of
//! reach until `stretch.reauthorize`; they were checked where the dump was taken, as its unique keys were, and nothing
//! can move before that. So the server is told to take the dump's word.

use super::targets::relation_named;
use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables};
use crate::pg::error::Result;
use crate::pg::list;
use pgrx::pg_sys;

/// What to run instead of an ALTER TABLE of a dump that is restored; `None` when it runs as it is.
///
/// # Safety
/// A statement of the parse tree; what is returned lives in the current memory context.
pub unsafe fn instead(statement: *mut pg_sys::AlterTableStmt) -> Result<Option<*mut pg_sys::Node>> {
    // SAFETY: a copy of the statement, whose list holds what its name says; a plan cache may hold the statement itself.
    unsafe {
        if keys(statement).is_empty() || tables::binding(Latest::take().get())?.is_some_and(|it| it.is_of_here()) {
            return Ok(None);
        }
        let copy = pg_sys::copyObjectImpl(statement.cast()).cast::<pg_sys::AlterTableStmt>();
        let mut changed = false;
        for key in keys(copy) {
            if is_stretched((*copy).relation)? || is_stretched((*key).pktable)? {
                (*key).skip_validation = true;
                changed = true;
            }
        }
        Ok(changed.then_some(copy.cast()))
    }
}

/// The foreign keys that the statement adds and that are to be checked. They count as valid afterwards.
unsafe fn keys(statement: *mut pg_sys::AlterTableStmt) -> Vec<*mut pg_sys::Constraint> {
    // SAFETY: `cmds` of an AlterTableStmt is a list of AlterTableCmd; the tag is looked at before the cast.
    unsafe {
        list::pointers::<pg_sys::AlterTableCmd>((*statement).cmds)
            .into_iter()
            .map(|command| (*command).def)
            .filter(|node| !node.is_null() && (**node).type_ == pg_sys::NodeTag::T_Constraint)
            .map(|node| node.cast::<pg_sys::Constraint>())
            .filter(|key| (**key).contype == pg_sys::ConstrType::CONSTR_FOREIGN && !(**key).skip_validation)
            .collect()
    }
}

fn is_stretched(name: *mut pg_sys::RangeVar) -> Result<bool> {
    match relation_named(name) {
        Some(relation) => Ok(stretched::lookup(relation)?.is_some()),
        None => Ok(false),
    }
}
