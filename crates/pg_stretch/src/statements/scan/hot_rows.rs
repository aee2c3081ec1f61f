//! Conditions on `ctid` that hot rows alone satisfy: the identities of cold rows begin where no heap reaches.
//!
//! By such a condition our own statements ask for hot rows, as those of the migration do (`IS_HOT` of
//! `stretch_columns::identity`).

use crate::pg::list;
use pgrx::pg_sys;
use stretch_columns::identity::FIRST_BLOCK;

/// Whether one of the clauses selects hot rows only.
///
/// # Safety
/// `clauses` is a list of expressions of the planner about the relation with range table index `relid`.
pub unsafe fn only(clauses: *mut pg_sys::List, relid: u32) -> bool {
    // SAFETY: the caller's promise; the tag of a node tells its type.
    unsafe {
        list::pointers::<pg_sys::Node>(clauses).into_iter().any(|clause| {
            (*clause).type_ == pg_sys::NodeTag::T_OpExpr && is_bound(&*clause.cast::<pg_sys::OpExpr>(), relid)
        })
    }
}

/// Whether the clause is an upper bound of `ctid` below the identities of cold rows.
unsafe fn is_bound(clause: &pg_sys::OpExpr, relid: u32) -> bool {
    // SAFETY: the arguments of an operator are expressions.
    unsafe {
        let [column, bound] = list::pointers::<pg_sys::Node>(clause.args)[..] else {
            return false;
        };
        if (*column).type_ != pg_sys::NodeTag::T_Var || (*bound).type_ != pg_sys::NodeTag::T_Const {
            return false;
        }
        let (column, bound) = (&*column.cast::<pg_sys::Var>(), &*bound.cast::<pg_sys::Const>());
        if column.varno != relid as i32
            || i32::from(column.varattno) != pg_sys::SelfItemPointerAttributeNumber
            || bound.constisnull
        {
            return false;
        }
        let tid = *bound.constvalue.cast_mut_ptr::<pg_sys::ItemPointerData>();
        let block = u32::from(tid.ip_blkid.bi_hi) << 16 | u32::from(tid.ip_blkid.bi_lo);
        match clause.opno.to_u32() {
            pg_sys::TIDLessOperator => block < FIRST_BLOCK || block == FIRST_BLOCK && tid.ip_posid == 0,
            pg_sys::TIDLessEqOperator => block < FIRST_BLOCK,
            _ => false,
        }
    }
}
