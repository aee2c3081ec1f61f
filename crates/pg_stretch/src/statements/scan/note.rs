//! What the planner notes for the executor. A plan is copied, kept and sent to parallel workers as lists of integers,
//! so the note becomes some and is read back from them.

#[cfg(test)]
mod tests;

use super::quals::{Kind, Qual, Tree};
use crate::pg::list;
use pgrx::pg_sys;

/// Which columns a query needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All of them, as one value.
    WholeRow,
    /// Attribute numbers.
    Some(Vec<i16>),
}

impl Columns {
    /// Whether the column with this attribute number is needed.
    pub fn contain(&self, attribute: i16) -> bool {
        match self {
            Self::WholeRow => true,
            Self::Some(columns) => columns.contains(&attribute),
        }
    }
}

/// The note of one scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanNote {
    pub columns: Columns,
    /// Conditions that may prune; their values are among the plan's expressions.
    pub quals: Vec<Tree>,
    /// Cold rows show who made them, as a tuple of the heap does: a frozen one.
    pub shows_system: bool,
    /// Conditions of a policy or a security barrier come before others.
    pub secured: bool,
}

/// Kinds by their numbers in a note.
const KINDS: [Kind; 8] = [
    Kind::Compare,
    Kind::In,
    Kind::Like,
    Kind::IsNull,
    Kind::IsNotNull,
    Kind::True,
    Kind::False,
    Kind::Computed,
];
/// Stand among kinds for AND, OR and NOT: the number of parts comes first, and the parts follow.
const AND: i32 = -1;
const OR: i32 = -2;
const NOT: i32 = -3;
/// Integers of one condition.
const WIDTH: usize = 5;
/// Stands among columns for the whole row.
const WHOLE: i32 = -1;

impl PlanNote {
    /// The note as lists of integers.
    fn numbers(&self) -> [Vec<i32>; 3] {
        let columns = match &self.columns {
            Columns::WholeRow => vec![WHOLE],
            Columns::Some(columns) => columns.iter().map(|column| i32::from(*column)).collect(),
        };
        let mut quals = Vec::new();
        self.quals.iter().for_each(|tree| flatten(tree, &mut quals));
        let flags = [self.shows_system, self.secured].map(i32::from);
        [columns, quals, flags.to_vec()]
    }

    /// Reads the lists back; `None` when they are no note.
    fn from_numbers([columns, quals, flags]: &[Vec<i32>; 3]) -> Option<Self> {
        let columns = match columns.as_slice() {
            [WHOLE] => Columns::WholeRow,
            some => Columns::Some(some.iter().map(|n| i16::try_from(*n).ok()).collect::<Option<_>>()?),
        };
        let &[shows_system, secured] = flags.as_slice() else {
            return None;
        };
        let mut rest = quals.as_slice();
        let mut trees = Vec::new();
        while !rest.is_empty() {
            trees.push(unflatten(&mut rest)?);
        }
        Some(Self {
            columns,
            quals: trees,
            shows_system: shows_system == 1,
            secured: secured == 1,
        })
    }

    /// The note as a plan carries it, in the current memory context.
    pub fn to_list(&self) -> *mut pg_sys::List {
        let lists = self.numbers().map(|numbers| {
            // SAFETY: appends to a list of our own. An empty list is NIL, which is a valid member too.
            numbers.iter().fold(std::ptr::null_mut(), |list, number| unsafe {
                pg_sys::lappend_int(list, *number)
            })
        });
        lists.into_iter().fold(std::ptr::null_mut(), |note, list| {
            // SAFETY: as above.
            unsafe { pg_sys::lappend(note, list.cast()) }
        })
    }

    /// Reads the note of a plan; `None` when it is none of ours.
    ///
    /// # Safety
    /// `note` is NIL or a live list whose members are lists of integers.
    pub unsafe fn from_list(note: *const pg_sys::List) -> Option<Self> {
        // SAFETY: the caller's promise.
        let lists = unsafe { list::pointers::<pg_sys::List>(note) };
        let [columns, quals, flags] = lists.as_slice() else {
            return None;
        };
        // SAFETY: as above.
        let numbers = [*columns, *quals, *flags].map(|member| unsafe { list::integers(member) });
        Self::from_numbers(&numbers)
    }
}

fn flatten(tree: &Tree, numbers: &mut Vec<i32>) {
    let (tag, parts) = match tree {
        Tree::Qual(qual) => {
            let kind = KINDS.iter().position(|kind| *kind == qual.kind).unwrap_or_default();
            numbers.extend([
                i32::from(qual.attribute),
                kind as i32,
                qual.strategy,
                qual.value_type.to_u32() as i32,
                qual.expression,
            ]);
            return;
        }
        Tree::And(parts) => (AND, parts.as_slice()),
        Tree::Or(parts) => (OR, parts.as_slice()),
        Tree::Not(inner) => (NOT, std::slice::from_ref(&**inner)),
    };
    numbers.extend([parts.len() as i32, tag, 0, 0, 0]);
    parts.iter().for_each(|part| flatten(part, numbers));
}

/// Takes one tree from the front of the numbers.
fn unflatten(rest: &mut &[i32]) -> Option<Tree> {
    let (numbers, behind) = rest.split_at_checked(WIDTH)?;
    *rest = behind;
    let &[first, kind, strategy, value_type, expression] = numbers else {
        return None;
    };
    if kind >= 0 {
        return Some(Tree::Qual(Qual {
            attribute: i16::try_from(first).ok()?,
            kind: *KINDS.get(usize::try_from(kind).ok()?)?,
            strategy,
            value_type: pg_sys::Oid::from(value_type as u32),
            expression,
        }));
    }
    let mut parts = (0..first).map(|_| unflatten(rest)).collect::<Option<Vec<Tree>>>()?;
    match kind {
        AND => Some(Tree::And(parts)),
        OR => Some(Tree::Or(parts)),
        NOT => parts.pop().map(|inner| Tree::Not(Box::new(inner))),
        _ => None,
    }
}
