//! What a command does to a partitioned table, or to another parent, it does to the tables below it as well.

use super::targets::{Aim, What};
use crate::pg::list;
use crate::pg::missing::find_inheritance_children;
use pgrx::pg_sys;

/// The aims, and after each those at the tables below that its command reaches.
pub fn and_below(aims: Vec<Aim>) -> Vec<Aim> {
    let mut out = Vec::new();
    for aim in aims {
        if let What::Relation(relation) = aim.what {
            // SAFETY: syscache look-up that tolerates missing relations.
            let kind = unsafe { pg_sys::get_rel_relkind(relation) } as u8;
            if aim.command.is_passed_on(kind == pg_sys::RELKIND_PARTITIONED_TABLE) {
                out.extend(
                    below(relation)
                        .into_iter()
                        .map(|table| Aim::relation(table, aim.command)),
                );
            }
        }
        out.push(aim);
    }
    out
}

/// All tables below another one. No lock is taken on them: the command itself does that.
fn below(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let mut found = children(relation);
    let mut at = 0;
    while let Some(table) = found.get(at).copied() {
        // A table that inherits from several is below each of them.
        let new: Vec<_> = children(table)
            .into_iter()
            .filter(|child| !found.contains(child))
            .collect();
        found.extend(new);
        at += 1;
    }
    found
}

fn children(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: scans pg_inherits under a catalog snapshot where the relation has children; an ERROR becomes an unwind.
    unsafe {
        list::oids(pg_sys::ffi::pg_guard_ffi_boundary(|| {
            find_inheritance_children(relation, pg_sys::NoLock as i32)
        }))
    }
}
