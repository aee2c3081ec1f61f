//! Commands that read a stretched table and mean all of it, or its hot rows: `COPY table TO`, and the cursor of
//! `pg_dump --inserts`.
//!
//! In a session that dumps the whole database the hot rows are right, since the dump has the catalog that names the
//! cold ones. Anywhere else the setting `stretch.copy_to` decides, so that nothing is left out without a word (C-2).

use super::dump;
use super::targets::relation_named;
use crate::catalog::scan::relation_oid;
use crate::catalog::snapshot::Latest;
use crate::catalog::{stretched, tables};
use crate::pg::error::{Error, Result};
use crate::pg::gucs::{COPY_TO, CopyTo};
use crate::pg::{list, names};
use crate::statements::planner;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use stretch_columns::identity::{FIRST_BLOCK, IS_HOT};
use stretch_core::errors;

/// The cursor through which pg_dump reads a table for INSERT statements, in every release (dumpTableData_insert of
/// pg_dump.c).
const DUMP_CURSOR: &CStr = c"_pg_dump_cursor";

/// Whether the statement reads a table that it names as a whole; a look at the statement alone.
///
/// # Safety
/// `node` is a utility statement.
pub unsafe fn concerns(node: *mut pg_sys::Node) -> bool {
    // SAFETY: casts follow the node's tag.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_CopyStmt => {
                let copy = &*node.cast::<pg_sys::CopyStmt>();
                !copy.is_from && !copy.relation.is_null()
            }
            pg_sys::NodeTag::T_DeclareCursorStmt => {
                let name = (*node.cast::<pg_sys::DeclareCursorStmt>()).portalname;
                !name.is_null() && CStr::from_ptr(name) == DUMP_CURSOR
            }
            _ => false,
        }
    }
}

/// What to run instead of the statement; `None` when it runs as it is. An error where it would leave cold rows out.
///
/// # Safety
/// The statement is one that [`concerns`]; what is returned lives in the current memory context.
pub unsafe fn instead(node: *mut pg_sys::Node) -> Result<Option<*mut pg_sys::Node>> {
    // SAFETY: casts follow the node's tag.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_CopyStmt => copy(node.cast()),
            pg_sys::NodeTag::T_DeclareCursorStmt => cursor(node.cast()),
            _ => Ok(None),
        }
    }
}

unsafe fn copy(statement: *mut pg_sys::CopyStmt) -> Result<Option<*mut pg_sys::Node>> {
    // SAFETY: a statement of the parse tree; the copy is changed, not the statement, which a plan cache may hold.
    unsafe {
        let Some(relation) = relation_named((*statement).relation) else {
            return Ok(None);
        };
        if relation == relation_oid(c"segment")? {
            dump::copied_catalog();
        }
        if !takes_hot(relation, "COPY")? {
            return Ok(None);
        }
        let copy = pg_sys::copyObjectImpl(statement.cast()).cast::<pg_sys::CopyStmt>();
        (*copy).query = select(relation, &*copy);
        (*copy).relation = std::ptr::null_mut();
        (*copy).attlist = std::ptr::null_mut();
        Ok(Some(copy.cast()))
    }
}

/// The SELECT of the hot rows that COPY would take: the columns that it names, or all that are not generated.
unsafe fn select(relation: pg_sys::Oid, copy: &pg_sys::CopyStmt) -> *mut pg_sys::Node {
    // SAFETY: nodes of the raw parser's kind, made in the current memory context; names are copied or belong to the
    // statement.
    unsafe {
        let columns = match copy.attlist.is_null() {
            false => list::pointers::<pg_sys::String>(copy.attlist)
                .into_iter()
                .map(|name| (*name).sval)
                .collect(),
            true => columns(relation),
        };
        let mut targets = std::ptr::null_mut();
        for column in columns {
            targets = pg_sys::lappend(targets, target(column).cast());
        }
        let select = make::<pg_sys::SelectStmt>(pg_sys::NodeTag::T_SelectStmt);
        (*select).targetList = targets;
        (*select).fromClause = pg_sys::lappend(std::ptr::null_mut(), copy.relation.cast());
        (*select).whereClause = is_hot();
        select.cast()
    }
}

/// A condition, as the raw parser leaves it, that hot rows alone satisfy (`statements/scan/hot_rows.rs`).
unsafe fn is_hot() -> *mut pg_sys::Node {
    let select = CString::new(format!("SELECT WHERE {IS_HOT}")).unwrap_or_default();
    // SAFETY: the parser makes one SELECT of it, in the current memory context.
    unsafe {
        let parsed = pg_sys::raw_parser(select.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        let statement = (*list::nth::<pg_sys::RawStmt>(parsed, 0)).stmt;
        (*statement.cast::<pg_sys::SelectStmt>()).whereClause
    }
}

/// The same about the first relation of a query, as the analyzer leaves it.
unsafe fn first_is_hot() -> *mut pg_sys::Node {
    let (none, size) = (pg_sys::InvalidOid, size_of::<pg_sys::ItemPointerData>());
    // SAFETY: nodes made in the current memory context, with a value of type tid in it.
    unsafe {
        let bound = pg_sys::palloc0(size).cast::<pg_sys::ItemPointerData>();
        (*bound).ip_blkid.bi_hi = (FIRST_BLOCK >> 16) as u16;
        let ctid = pg_sys::SelfItemPointerAttributeNumber as i16;
        let column = pg_sys::makeVar(1, ctid, pg_sys::TIDOID, -1, none, 0);
        let value = pg_sys::Datum::from(bound);
        let bound = pg_sys::makeConst(pg_sys::TIDOID, -1, none, size as i32, value, false, false);
        let (result, operands) = (pg_sys::BOOLOID, (column.cast(), bound.cast()));
        let clause = pg_sys::make_opclause(
            pg_sys::TIDLessOperator.into(),
            result,
            false,
            operands.0,
            operands.1,
            none,
            none,
        );
        pg_sys::set_opfuncid(clause.cast());
        clause.cast()
    }
}

/// One column of a SELECT, by its name, which is not copied.
unsafe fn target(column: *mut std::ffi::c_char) -> *mut pg_sys::ResTarget {
    // SAFETY: the caller passes a string that lives as long as the statement; nodes are made in the current memory
    // context.
    unsafe {
        let reference = make::<pg_sys::ColumnRef>(pg_sys::NodeTag::T_ColumnRef);
        (*reference).fields = pg_sys::lappend(std::ptr::null_mut(), pg_sys::makeString(column).cast());
        (*reference).location = -1;
        let target = make::<pg_sys::ResTarget>(pg_sys::NodeTag::T_ResTarget);
        (*target).val = reference.cast();
        (*target).location = -1;
        target
    }
}

unsafe fn make<T>(tag: pg_sys::NodeTag) -> *mut T {
    // SAFETY: a node of that tag, zeroed as makeNode does.
    unsafe {
        let node = pg_sys::palloc0(size_of::<T>()).cast::<T>();
        (*node.cast::<pg_sys::Node>()).type_ = tag;
        node
    }
}

/// Names of the columns that COPY without a list takes.
unsafe fn columns(relation: pg_sys::Oid) -> Vec<*mut std::ffi::c_char> {
    // SAFETY: the relation is opened under a lock that stays until the transaction ends, as COPY's own would; names are
    // copied.
    unsafe {
        let lock = pg_sys::AccessShareLock as i32;
        let open = pg_sys::table_open(relation, lock);
        let description = (*open).rd_att;
        let columns = (*description)
            .attrs
            .as_slice((*description).natts as usize)
            .iter()
            .filter(|column| !column.attisdropped && column.attgenerated == 0)
            .map(|column| pg_sys::pstrdup(column.attname.data.as_ptr()))
            .collect();
        pg_sys::table_close(open, pg_sys::NoLock as i32);
        columns
    }
}

unsafe fn cursor(statement: *mut pg_sys::DeclareCursorStmt) -> Result<Option<*mut pg_sys::Node>> {
    // SAFETY: the query of an analyzed DECLARE CURSOR; the copy is changed, not the statement.
    unsafe {
        let Some(entry) = first_entry((*statement).query) else {
            return Ok(None);
        };
        if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION {
            return Ok(None);
        }
        if (*entry).relid == relation_oid(c"segment")? {
            dump::copied_catalog();
        }
        if !takes_hot((*entry).relid, "pg_dump --inserts")? {
            return Ok(None);
        }
        let copy = pg_sys::copyObjectImpl(statement.cast()).cast::<pg_sys::DeclareCursorStmt>();
        let query = (*copy).query.cast::<pg_sys::Query>();
        let from = (*query).jointree;
        (*from).quals = pg_sys::make_and_qual((*from).quals, first_is_hot());
        Ok(Some(copy.cast()))
    }
}

/// The first entry of a query's range table; `None` where it is no query yet, or names nothing.
unsafe fn first_entry(node: *mut pg_sys::Node) -> Option<*mut pg_sys::RangeTblEntry> {
    // SAFETY: null or a node, whose tag is looked at before the cast; a range table holds RangeTblEntry nodes.
    unsafe {
        let tag = node.as_ref()?.type_;
        let query = node.cast::<pg_sys::Query>();
        let has_one = tag == pg_sys::NodeTag::T_Query && list::length((*query).rtable) > 0;
        has_one.then(|| list::nth((*query).rtable, 0))
    }
}

/// Whether the command has to take the hot rows alone; as it stands it takes all rows.
fn takes_hot(relation: pg_sys::Oid, what: &str) -> Result<bool> {
    let Some(info) = stretched::lookup(relation)? else {
        planner::not_disabled_since(relation)?;
        return Ok(false);
    };
    // Who may read nothing of it gets the server's own error, and hears nothing of cold rows.
    if !may_read(relation) {
        return Ok(false);
    }
    let rows = tables::cold_rows(&info.table_id, Latest::take().get())?;
    if rows == 0 {
        return Ok(false);
    }
    let table = names::relation(info.relation);
    if dump::holds_cold_rows_of(info.relation) {
        dump::copied_table(table);
        return Ok(true);
    }
    match COPY_TO.get() {
        CopyTo::Hot => Ok(true),
        CopyTo::All => Ok(false),
        CopyTo::Error => Err(Error::new(
            &errors::COLD_ROWS_REFUSED,
            format!("{what} of table {table} would leave out {rows} cold rows"),
        )
        .detail("Only a dump of the whole database, without -t, -n and the like, holds what names the cold rows.")
        .hint(
            "SET stretch.copy_to = 'all' copies hot and cold rows, SET stretch.copy_to = 'hot' the hot rows alone; \
            for pg_dump: \
             PGOPTIONS='-c stretch.copy_to=all' pg_dump --no-table-access-method.",
        )),
    }
}

/// Whether the current user may read at least one column.
fn may_read(relation: pg_sys::Oid) -> bool {
    let select = pg_sys::ACL_SELECT;
    // SAFETY: look-ups of privileges that raise nothing for an existing relation.
    unsafe {
        let user = pg_sys::GetUserId();
        pg_sys::pg_class_aclcheck(relation, user, select) == pg_sys::AclResult::ACLCHECK_OK
            || pg_sys::pg_attribute_aclcheck_all(relation, user, select, pg_sys::AclMaskHow::ACLMASK_ANY)
                == pg_sys::AclResult::ACLCHECK_OK
    }
}
