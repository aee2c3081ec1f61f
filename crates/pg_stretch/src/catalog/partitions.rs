//! What is below a partitioned table, or another parent, and above a partition.

use super::snapshot::LATEST;
use super::{stretched, tables};
use crate::pg::error::Result;
use crate::pg::list;
use crate::pg::missing::{find_inheritance_children, get_partition_ancestors};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;

/// Parents remembered before the session starts anew.
const MAX_KNOWN: usize = 1000;

thread_local! {
    /// Whether a partition of a table is stretched, and when that was found out (`stretched::messages`).
    static KNOWN: RefCell<HashMap<pg_sys::Oid, (u64, bool)>> = RefCell::new(HashMap::new());
}

/// Whether it is a partitioned table.
pub fn is_partitioned(relation: pg_sys::Oid) -> bool {
    kind(relation) == pg_sys::RELKIND_PARTITIONED_TABLE
}

/// Whether it is a foreign table, which is never stretched.
pub fn is_foreign(relation: pg_sys::Oid) -> bool {
    kind(relation) == pg_sys::RELKIND_FOREIGN_TABLE
}

fn kind(relation: pg_sys::Oid) -> u8 {
    // SAFETY: syscache look-up that tolerates missing relations.
    unsafe { pg_sys::get_rel_relkind(relation) as u8 }
}

/// All tables below another one. No lock is taken on them.
pub fn below(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
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

/// The partitions below a partitioned table that hold rows.
pub fn leaves(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let mut found = below(relation);
    found.retain(|table| !is_partitioned(*table));
    found
}

/// The stretched tables that a statement about a table means: itself, or the stretched ones of its partitions.
pub fn stretched(relation: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    if !is_partitioned(relation) {
        return Ok(vec![relation]);
    }
    let mut found = Vec::new();
    for leaf in leaves(relation) {
        found.extend(tables::by_relation(leaf, LATEST)?.map(|_| leaf));
    }
    Ok(found)
}

/// The tables directly below, in the order in which the server locks them. No lock is taken on them.
pub fn children(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: scans pg_inherits under a catalog snapshot where the relation has children; an ERROR becomes an unwind.
    unsafe {
        list::oids(pg_sys::ffi::pg_guard_ffi_boundary(|| {
            find_inheritance_children(relation, pg_sys::NoLock as i32)
        }))
    }
}

/// The partitioned tables above a partition, its parent first.
pub fn above(partition: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: a partition has a parent in pg_inherits; an ERROR becomes an unwind.
    unsafe {
        if !pg_sys::get_rel_relispartition(partition) {
            return Vec::new();
        }
        list::oids(pg_sys::ffi::pg_guard_ffi_boundary(|| {
            get_partition_ancestors(partition)
        }))
    }
}

/// Whether a partition of the table is stretched, for statements on the way to its partitions.
pub fn has_stretched(parent: pg_sys::Oid) -> Result<bool> {
    if !stretched::may_be(parent) {
        return Ok(false);
    }
    let now = stretched::messages();
    let known = KNOWN.with_borrow(|known| known.get(&parent).copied());
    if let Some((_, has)) = known.filter(|(then, _)| *then == now) {
        return Ok(has);
    }
    let (mut has, mut for_good) = (false, true);
    for leaf in leaves(parent) {
        has |= stretched::lookup(leaf)?.is_some();
        for_good &= has || stretched::is_known_stranger(leaf);
    }
    if for_good && stretched::messages() == now {
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(parent, (now, has));
        });
    }
    Ok(has)
}
