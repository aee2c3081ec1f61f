//! The cold side of a table for whoever looks for single rows of it, one after the other: what it takes to find and
//! read one is gathered once per snapshot.

use super::columns::{self, Target};
use super::mode;
use super::segments::{self, List};
use crate::catalog::rows::{Segment, StretchedTable};
use crate::catalog::snapshot::Latest;
use crate::pg::error::Result;
use crate::pg::user;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;
use stretch_core::state::QueryMode;

/// Sides that a transaction keeps.
const MAX_SIDES: usize = 16;

/// A table under one snapshot.
pub struct Side {
    pub table: StretchedTable,
    pub columns: Vec<Target>,
    /// Owner of the table, as whom functions of types run.
    pub owner: pg_sys::Oid,
    pub mode: QueryMode,
    list: Rc<List>,
}

/// What a side was gathered for. Within a transaction two snapshots that agree in all of this see the same: of the
/// transactions below `xmax` ever fewer run, so that as many are the same ones.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    of: Of,
    xmin: pg_sys::TransactionId,
    xmax: pg_sys::TransactionId,
    running: (u32, i32),
    command: pg_sys::CommandId,
}

/// Which table, with which columns, and in which transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Of {
    transaction: pg_sys::LocalTransactionId,
    relation: pg_sys::Oid,
    descriptor: usize,
}

thread_local! {
    /// The one that was asked for last comes last.
    static SIDES: RefCell<Vec<(Key, Rc<Side>)>> = const { RefCell::new(Vec::new()) };
}

impl Side {
    /// The side under an MVCC snapshot; `None` when the table had no cold side then.
    ///
    /// # Safety
    /// The relation is open and locked, and the caller holds the snapshot.
    pub unsafe fn under(relation: pg_sys::Relation, snapshot: pg_sys::Snapshot) -> Result<Option<Rc<Self>>> {
        // SAFETY: the caller's promise.
        let key = unsafe {
            Key {
                of: of(relation),
                xmin: (*snapshot).xmin,
                xmax: (*snapshot).xmax,
                running: ((*snapshot).xcnt, (*snapshot).subxcnt),
                command: (*snapshot).curcid,
            }
        };
        let known = SIDES.with_borrow(|sides| {
            let found = sides.iter().rev().find(|(known, _)| *known == key);
            found.map(|(_, side)| side.clone())
        });
        if known.is_some() {
            return Ok(known);
        }
        // SAFETY: as above.
        let Some(side) = (unsafe { Self::gather(relation, snapshot)? }) else {
            return Ok(None);
        };
        let side = Rc::new(side);
        SIDES.with_borrow_mut(|sides| {
            sides.retain(|(known, _)| known.of.transaction == key.of.transaction);
            if sides.len() >= MAX_SIDES {
                sides.remove(0);
            }
            sides.push((key, side.clone()));
        });
        Ok(Some(side))
    }

    /// A side that has the segment with this number, whose rows never change, live or not: one that is known, the
    /// newest, or that of the running statement, whose rows may have left the segment since.
    ///
    /// # Safety
    /// The relation is open and locked.
    pub unsafe fn with(relation: pg_sys::Relation, number: u32) -> Result<Option<Rc<Self>>> {
        // SAFETY: the caller's promise.
        let of = unsafe { of(relation) };
        let known = SIDES.with_borrow(|sides| {
            let mut of_table = sides.iter().rev().filter(|(known, _)| known.of == of);
            of_table.find_map(|(_, side)| side.segment(number).map(|_| side.clone()))
        });
        if known.is_some() {
            return Ok(known);
        }
        let latest = Latest::take();
        // SAFETY: the caller's promise; the snapshot is registered.
        let newest = unsafe { Self::under(relation, latest.get())? };
        let has = |side: &Rc<Self>| side.segment(number).is_some();
        if newest.as_ref().is_some_and(has) {
            return Ok(newest);
        }
        // SAFETY: the server holds the active snapshot.
        let of_statement = unsafe {
            match pg_sys::ActiveSnapshotSet() {
                true => Self::under(relation, pg_sys::GetActiveSnapshot())?,
                false => None,
            }
        };
        Ok(of_statement.filter(has))
    }

    /// The segment with this permanent number, if it is one of this side.
    pub fn segment(&self, number: u32) -> Option<&Segment> {
        self.list.by_number(number)
    }

    unsafe fn gather(relation: pg_sys::Relation, snapshot: pg_sys::Snapshot) -> Result<Option<Self>> {
        // SAFETY: an open relation.
        let oid = unsafe { (*relation).rd_id };
        let Some(table) = segments::registered(oid, snapshot)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            // SAFETY: as above.
            columns: unsafe { columns::targets(relation, &table)? },
            list: segments::segments(&table.table_id, oid, snapshot)?,
            mode: mode::query_mode(snapshot)?,
            owner: user::relation_owner(oid),
            table,
        }))
    }
}

unsafe fn of(relation: pg_sys::Relation) -> Of {
    // SAFETY: an open relation, in a transaction.
    unsafe {
        Of {
            transaction: (*pg_sys::MyProc).lxid,
            relation: (*relation).rd_id,
            descriptor: (*relation).rd_att as usize,
        }
    }
}
