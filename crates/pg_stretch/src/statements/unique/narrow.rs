//! What is known of a key without a query: the statistics and key filters of the cold side as it is now.

use crate::catalog::keys::{Key, Part};
use crate::catalog::snapshot::Latest;
use crate::catalog::stretched;
use crate::cold::conditions::{Conditions, may_match_any};
use crate::cold::key_filter::{self, Hasher};
use crate::cold::{collation, segments};
use crate::pg::error::Result;
use crate::statements::scan::{bound, quals};
use pgrx::pg_sys;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use stretch_columns::conditions::{Clause, Condition, Field, Test};
use stretch_columns::exact;
use stretch_core::ids::SegmentId;
use stretch_segment::CompareOp;
use stretch_segment::key_filter::KeyId;

/// Values of one column of a key among new rows.
pub struct Range {
    /// Least and greatest value; `None` when all are null.
    pub bounds: Option<(pg_sys::Datum, pg_sys::Datum)>,
    pub has_null: bool,
}

/// The segments of a table under a snapshot taken when this was made.
pub struct ColdSide<'a> {
    pub info: &'a Arc<stretched::Info>,
    segments: Rc<segments::List>,
    latest: Latest,
}

impl<'a> ColdSide<'a> {
    /// `None` when there is no cold row.
    pub fn now(info: &'a Arc<stretched::Info>) -> Result<Option<Self>> {
        let latest = Latest::take();
        let segments = segments::segments(&info.table_id, info.relation, latest.get())?;
        Ok((!segments.is_empty()).then_some(Self { info, segments, latest }))
    }

    /// What the hashes of keys leave.
    fn by_hashes(&self, key: &KeyId, hashes: &mut [u64]) -> Result<Look> {
        let search = key_filter::search(&self.info.table_id, &self.segments, key, self.latest.get())?;
        let left = search.find(hashes);
        if left.is_empty() {
            return Ok(Look::Nowhere);
        }
        let ids = self.segments.iter().map(|segment| segment.segment_id);
        Ok(Look::Except(ids.filter(|id| !left.contains(id)).collect()))
    }

    /// What is known of one key. `hasher` is that of the key, if there is one.
    ///
    /// # Safety
    /// The values are of the columns' types; `None` stands for NULL.
    pub unsafe fn by_value(
        &self,
        key: &Key,
        hasher: Option<&mut Hasher>,
        value: impl Fn(i16) -> Option<pg_sys::Datum>,
    ) -> Result<Look> {
        let Some(hasher) = hasher else {
            return Ok(Look::Except(HashSet::new()));
        };
        // SAFETY: the caller's promise.
        match unsafe { hasher.hash(|place| value(key.parts[place].column)) } {
            Some(hash) => self.by_hashes(&hasher.id, &mut [hash]),
            None => Ok(Look::Nowhere),
        }
    }
}

/// Whether the statistics of all segments together leave room for a key with its columns in these ranges.
pub fn may_hold(info: &stretched::Info, overview: &segments::Overview, key: &Key, ranges: &[Range]) -> bool {
    let Some(conditions) = between(key, ranges) else {
        return false;
    };
    let field_of = |attribute: i16| {
        let part = key.parts.iter().find(|part| part.column == attribute);
        let column = part.and_then(|part| info.columns.iter().find(|column| column.name == part.name));
        match column {
            Some(column) if column.missing.is_none() => Field::Id(column.field_id),
            _ => Field::Unknown,
        }
    };
    may_match_any(overview, &conditions.clauses, &field_of)
}

/// How a look for one key goes on.
pub enum Look {
    /// No cold row has it.
    Nowhere,
    /// By reading all segments but these.
    Except(HashSet<SegmentId>),
}

/// What statistics are asked for keys with their columns in these ranges; `None` when no cold row can be equal to any.
pub fn between(key: &Key, ranges: &[Range]) -> Option<Conditions> {
    let mut conditions = Vec::new();
    for (part, range) in key.parts.iter().zip(ranges) {
        let is_open = part.compare == pg_sys::InvalidOid;
        if is_open || (key.nulls_not_distinct && range.has_null) {
            continue;
        }
        // Without bounds there are only nulls, or no row at all.
        let (low, high) = range.bounds?;
        for (op, value) in [(CompareOp::Ge, low), (CompareOp::Le, high)] {
            // SAFETY: a value of the column, which is binary-compatible with the operand.
            conditions.extend(unsafe { condition(part, op, value) });
        }
    }
    Some(tests(conditions))
}

/// What statistics are asked for one key; `value` gives a value by its place in the key, `None` for NULL.
pub fn equal(key: &Key, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> Conditions {
    let test = |(place, part): (usize, &Part)| match value(place) {
        // SAFETY: as above.
        Some(value) => unsafe { condition(part, CompareOp::Eq, value) },
        None => (part.column != 0).then_some(Condition {
            attribute: part.column,
            text: false,
            test: Test::IsNull,
        }),
    };
    tests(key.parts.iter().enumerate().filter_map(test).collect())
}

/// Hashes are asked by [`ColdSide::by_hashes`].
fn tests(tests: Vec<Condition>) -> Conditions {
    Conditions {
        clauses: tests.into_iter().map(Clause::Test).collect(),
        equal: Vec::new(),
    }
}

/// The condition as statistics are asked for it; `None` where they say nothing of such values (F13), of an expression,
/// or where the key's equality is not that of its type but one that an operator class of a user gives it.
unsafe fn condition(part: &Part, op: CompareOp, value: pg_sys::Datum) -> Option<Condition> {
    let (operand, collation) = (part.operand.to_u32(), collation::of(part.collation));
    let is_exact = match op {
        CompareOp::Eq => exact::key_value(operand, collation),
        _ => exact::key_range(operand, collation),
    };
    if part.column == 0 || !is_exact || quals::family(part.equal).is_none() {
        return None;
    }
    Some(Condition {
        attribute: part.column,
        text: part.operand == pg_sys::TEXTOID,
        // SAFETY: the caller's promise.
        test: Test::Compare(op, unsafe { bound::bound(value, part.operand)? }),
    })
}
