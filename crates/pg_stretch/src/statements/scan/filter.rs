//! The filter of a stretched table as plans and running scans ask it: whether a statement contradicts it, so that no
//! cold row is wanted. Parsed once in each session.

use super::{conditions, quals};
use crate::catalog::filter::{parse, prepared};
use crate::catalog::stretched::Info;
use crate::pg::context::Context;
use crate::pg::error::Result;
use crate::pg::type_io;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use stretch_columns::conditions::Clause;
use stretch_columns::conditions::contradict::contradict;

/// Relations whose filters one session keeps.
const MAX_FILTERS: usize = 1000;

/// A filter, of which every cold row satisfies all clauses.
pub struct Filter {
    /// What the session knew of the table when it parsed the text, which may mean something else after a change.
    info: Arc<Info>,
    /// Over relation number 1; they lie in `memory`.
    clauses: *mut pg_sys::List,
    /// Those of its clauses that compare a column with a constant.
    conditions: Vec<Clause>,
    memory: Context,
}

thread_local! {
    static FILTERS: RefCell<HashMap<pg_sys::Oid, Rc<Filter>>> = RefCell::new(HashMap::new());
}

/// The filter of a table; `None` when every row may be cold. The caller holds a lock on the table.
pub fn of(info: &Arc<Info>) -> Result<Option<Rc<Filter>>> {
    let Some(text) = &info.filter else {
        return Ok(None);
    };
    let known = FILTERS.with_borrow(|filters| filters.get(&info.relation).cloned());
    if let Some(filter) = known.filter(|filter| Arc::ptr_eq(&filter.info, info)) {
        return Ok(Some(filter));
    }
    let filter = Rc::new(Filter::new(info, text)?);
    FILTERS.with_borrow_mut(|filters| {
        if filters.len() >= MAX_FILTERS {
            filters.clear();
        }
        filters.insert(info.relation, filter.clone());
    });
    Ok(Some(filter))
}

impl Filter {
    fn new(info: &Arc<Info>, text: &str) -> Result<Self> {
        let clauses = {
            let _settings = type_io::settings();
            prepared(parse(info.relation, text)?)
        };
        // SAFETY: the server's memory for what is cached lives as long as the session; the list is one of expressions.
        unsafe {
            let memory = Context::under(pg_sys::CacheMemoryContext, c"pg_stretch filter");
            let _inside = memory.enter();
            let clauses = pg_sys::copyObjectImpl(clauses.cast()).cast::<pg_sys::List>();
            let found = quals::collect(clauses, 1);
            Ok(Self {
                info: info.clone(),
                conditions: conditions::of_constants(&found),
                clauses,
                memory,
            })
        }
    }

    /// Whether the planner's prover finds that no row satisfies both the filter and these clauses about the relation
    /// with range table index `relid`.
    ///
    /// # Safety
    /// `clauses` is a list of expressions of the planner.
    pub unsafe fn is_refuted_by(&self, clauses: *mut pg_sys::List, relid: u32) -> bool {
        if clauses.is_null() {
            return false;
        }
        // SAFETY: the copy is the planner's own.
        unsafe {
            let filter = pg_sys::copyObjectImpl(self.clauses.cast()).cast::<pg_sys::Node>();
            pg_sys::ChangeVarNodes(filter, 1, relid as i32, 0);
            // A row for which the filter is unknown is not cold, so that the weak form will do.
            pg_sys::predicate_refuted_by(filter.cast(), clauses, true)
        }
    }

    /// Whether no row satisfies both the filter and these conditions.
    pub fn contradicts(&self, wanted: &[Clause]) -> bool {
        contradict(&self.conditions, wanted)
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody has the clauses any more.
        unsafe { pg_sys::MemoryContextDelete(self.memory.as_ptr()) };
    }
}
