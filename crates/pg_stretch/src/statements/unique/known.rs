//! What a session knows of the unique keys of a stretched table, and what the cold side was when a command looked at it
//! first. The next command does not look again while nothing has changed.

use super::since::Seen;
use crate::catalog::changes::{self, Stamp};
use crate::catalog::formed::Former;
use crate::catalog::keys::{self, Key};
use crate::catalog::snapshot::Latest;
use crate::catalog::stretched::{self, Info};
use crate::cold::key_filter::{self, Hasher};
use crate::cold::segments::{self, List, Overview};
use crate::pg::context::OwnContext;
use crate::pg::error::Result;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Tables remembered before the session starts anew.
const MAX_TABLES: usize = 1000;

/// A table's keys.
pub struct Table {
    pub info: Arc<Info>,
    pub keys: RefCell<Vec<Keyed>>,
    has_keys: bool,
    pub has_deferrable: bool,
    /// The last column that a key over plain columns has.
    pub last_column: i16,
    seen: RefCell<Option<Rc<Sight>>>,
    /// For what a look takes.
    pub scratch: OwnContext,
    /// Holds what the keys are formed with; goes last.
    _memory: OwnContext,
}

/// A key, and how it is looked for.
pub struct Keyed {
    pub key: Key,
    /// For an index with expressions or a predicate.
    pub former: Option<Former>,
    pub hasher: Option<Hasher>,
}

/// The cold side as a command saw it first.
pub struct Sight {
    pub seen: Seen,
    /// For commands that follow; `None` where they have to look again.
    stamp: Option<Stamp>,
    /// `None` when there was no cold row.
    pub cold: Option<Cold>,
}

/// Cold rows, by what is known of them without reading any.
pub struct Cold {
    pub segments: Rc<List>,
    pub overview: Rc<Overview>,
    /// One for each key that has a hash.
    pub filters: Vec<Option<Rc<key_filter::Search>>>,
}

thread_local! {
    static KNOWN: RefCell<HashMap<pg_sys::Oid, Rc<Table>>> = RefCell::new(HashMap::new());
}

/// The keys of a table; `None` where no cold row can have one: the table is not stretched, or has no unique index.
///
/// # Safety
/// `relation` is an open relation.
pub unsafe fn table(relation: pg_sys::Relation) -> Result<Option<Rc<Table>>> {
    // SAFETY: the caller's promise.
    let oid = unsafe { (*relation).rd_id };
    let Some(info) = stretched::lookup(oid)? else {
        return Ok(None);
    };
    // A message about the table, also one about its indexes, makes the look-up give another answer.
    let known = KNOWN.with_borrow(|known| known.get(&oid).filter(|table| Arc::ptr_eq(&table.info, &info)).cloned());
    let table = match known {
        Some(table) => table,
        // SAFETY: the caller's promise.
        None => unsafe { learn(relation, info)? },
    };
    Ok(table.has_keys.then_some(table))
}

unsafe fn learn(relation: pg_sys::Relation, info: Arc<Info>) -> Result<Rc<Table>> {
    // SAFETY: the context lives until the table is forgotten; the relation is open, and its columns are the same until
    // a message about it comes.
    let table = unsafe {
        let (memory, scratch) = (own(c"pg_stretch unique keys"), own(c"pg_stretch look for new keys"));
        let _inside = memory.get().enter();
        let keyed = |key: Key| Keyed {
            former: key.definition.as_ref().map(|_| Former::new(relation, &key)),
            hasher: Hasher::new(&key, &info.columns),
            key,
        };
        let keys = keys::of(relation)?;
        let last_column = keys.iter().filter(|key| key.definition.is_none());
        let last_column = last_column
            .map(|key| keys::last_column(std::slice::from_ref(key)))
            .max();
        Rc::new(Table {
            last_column: last_column.unwrap_or(0),
            has_keys: !keys.is_empty(),
            has_deferrable: keys.iter().any(|key| key.deferrable),
            keys: RefCell::new(keys.into_iter().map(keyed).collect()),
            info,
            seen: RefCell::new(None),
            scratch,
            _memory: memory,
        })
    };
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MAX_TABLES {
            known.clear();
        }
        // SAFETY: the caller's promise.
        known.insert(unsafe { (*relation).rd_id }, table.clone());
    });
    Ok(table)
}

/// A context that lasts as long as the session, or until it is dropped.
unsafe fn own(name: &'static std::ffi::CStr) -> OwnContext {
    // SAFETY: the topmost context is never reset.
    unsafe {
        let outer = pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
        let own = OwnContext::new(name);
        pg_sys::MemoryContextSwitchTo(outer);
        own
    }
}

/// What the last look at the table saw, if it was this command's.
pub fn last_sight(relation: pg_sys::Oid) -> Option<Rc<Sight>> {
    let table = KNOWN.with_borrow(|known| known.get(&relation).cloned())?;
    let sight = table.seen.borrow().clone()?;
    sight.seen.is_of_this_command().then_some(sight)
}

/// The next look is not to use what the last one saw.
pub fn forget_sight(relation: pg_sys::Oid) {
    KNOWN.with_borrow(|known| {
        if let Some(sight) = known.get(&relation).and_then(|table| table.seen.borrow().clone()) {
            sight.seen.forget();
        }
    });
}

impl Cold {
    /// Whether the filters are what they will be until the cold side changes: the worker merges them after a while.
    fn is_settled(&self) -> bool {
        self.filters.iter().flatten().all(|search| search.is_settled())
    }
}

impl Table {
    /// The cold side as this command saw it first.
    pub fn sight(&self) -> Result<Rc<Sight>> {
        let known = self.seen.borrow().clone();
        let stamp = changes::stamp(&self.info.table_id);
        let still_holds = |known: &Rc<Sight>| {
            known.seen.is_of_this_command() || (stamp.is_some() && known.stamp == stamp && known.seen.renew())
        };
        if let Some(known) = known.filter(still_holds) {
            return Ok(known);
        }
        let latest = Latest::take();
        let seen = Seen::under(latest.get())?;
        let segments = segments::segments(&self.info.table_id, self.info.relation, latest.get())?;
        let cold = match segments.is_empty() {
            true => None,
            false => Some(self.cold(segments, latest.get())?),
        };
        let is_settled = cold.as_ref().is_none_or(Cold::is_settled);
        let stamp = stamp.filter(|_| is_settled);
        let sight = Rc::new(Sight { seen, stamp, cold });
        self.seen.replace(Some(sight.clone()));
        Ok(sight)
    }

    fn cold(&self, segments: Rc<List>, snapshot: pg_sys::Snapshot) -> Result<Cold> {
        let table = &self.info.table_id;
        let keys = self.keys.borrow();
        let filter = |keyed: &Keyed| {
            let search = |hasher: &Hasher| key_filter::search(table, &segments, &hasher.id, snapshot);
            keyed.hasher.as_ref().map(search).transpose()
        };
        Ok(Cold {
            overview: segments::overview(table, &segments, snapshot)?,
            filters: keys.iter().map(filter).collect::<Result<_>>()?,
            segments,
        })
    }
}
