//! Which expressions rows are grouped by that follow from stored values.

use super::column::column;
use crate::pg::list;
use crate::statements::scan::conditions;
use pgrx::pg_sys;
use stretch_columns::aggregate::{Field, GroupKey, Unit};
use stretch_segment::Bound;

/// The key that an expression is; `None` where stored values do not tell.
///
/// # Safety
/// An expression of the planner, or of a finished plan.
pub unsafe fn key(node: *mut pg_sys::Node, relid: u32) -> Option<GroupKey> {
    // SAFETY: the tag of a node tells its type.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
            return column(node, relid).map(|column| GroupKey::Column(column.attribute));
        }
        let call = &*node.cast::<pg_sys::FuncExpr>();
        let &[name, argument] = list::pointers::<pg_sys::Node>(call.args).as_slice() else {
            return None;
        };
        let (name, column) = (word(name)?, column(argument, relid)?);
        match (call.funcid.to_u32(), column.base) {
            (pg_sys::F_DATE_TRUNC_TEXT_TIMESTAMP, pg_sys::TIMESTAMPOID) => {
                unit(&name).map(|unit| GroupKey::Truncated(unit, column.attribute))
            }
            (pg_sys::F_EXTRACT_TEXT_TIMESTAMP, pg_sys::TIMESTAMPOID) => {
                field(&name).map(|field| GroupKey::Extracted(field, column.attribute))
            }
            // Days have no hours: that is an error of the server.
            (pg_sys::F_EXTRACT_TEXT_DATE, pg_sys::DATEOID) => field(&name)
                .filter(|field| !matches!(field, Field::Hour | Field::Minute))
                .map(|field| GroupKey::Extracted(field, column.attribute)),
            _ => None,
        }
    }
}

/// A constant text.
unsafe fn word(node: *mut pg_sys::Node) -> Option<Vec<u8>> {
    // SAFETY: the tag of a node tells its type; a constant that is not NULL has a value of its type.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = &*node.cast::<pg_sys::Const>();
        if constant.constisnull || constant.consttype != pg_sys::TEXTOID {
            return None;
        }
        match conditions::bound(constant.constvalue, pg_sys::TEXTOID)? {
            Bound::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// By the name that most people write; the server knows others.
fn unit(name: &[u8]) -> Option<Unit> {
    Some(match name {
        b"second" => Unit::Second,
        b"minute" => Unit::Minute,
        b"hour" => Unit::Hour,
        b"day" => Unit::Day,
        b"week" => Unit::Week,
        b"month" => Unit::Month,
        b"quarter" => Unit::Quarter,
        b"year" => Unit::Year,
        _ => return None,
    })
}

fn field(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"year" => Field::Year,
        b"quarter" => Field::Quarter,
        b"month" => Field::Month,
        b"day" => Field::Day,
        b"dow" => Field::DayOfWeek,
        b"hour" => Field::Hour,
        b"minute" => Field::Minute,
        _ => return None,
    })
}
