//! The unique keys of a table as its indexes define them: columns, and the operators of each index's operator classes.
//! Exclusion constraints are keys, too, of which each column has an operator of its own. And the columns by which rows
//! refer to others.

use super::rows::UniqueKey;
use crate::pg::error::{Error, Result};
use crate::pg::text::Text;
use crate::pg::{list, names, spi, type_io, user};
use pgrx::pg_sys;

/// Number of the function of a btree operator class that orders two values (nbtree.h).
const BTORDER_PROC: i16 = 1;

/// One column of a key.
pub struct Part {
    /// Column number in the table; 0 for an expression.
    pub column: i16,
    /// Name, not quoted; empty for an expression.
    pub name: String,
    /// Declared type.
    pub type_id: pg_sys::Oid,
    /// The type that the operator class compares, to which the declared one is binary-compatible.
    pub operand: pg_sys::Oid,
    /// The operator `=`; InvalidOid where an exclusion constraint compares the column by another one.
    pub equal: pg_sys::Oid,
    /// The function that orders two values, as long as they are compared for equality, and the collation it takes.
    pub compare: pg_sys::Oid,
    pub collation: pg_sys::Oid,
}

/// One unique index, or that of an exclusion constraint.
pub struct Key {
    /// The index.
    pub index: pg_sys::Oid,
    /// Name of the index, which is that of its constraint.
    pub name: String,
    pub parts: Vec<Part>,
    pub nulls_not_distinct: bool,
    /// Checked by a constraint trigger, which may be deferred.
    pub deferrable: bool,
    /// The text of columns, expressions and predicate, for an index that has more than plain columns of all rows: then
    /// [`super::formed::Former`] says what a row's key is.
    pub definition: Option<String>,
    /// For an exclusion constraint: two rows conflict when these functions, one per column, give true for both values.
    pub excludes: Option<Vec<pg_sys::Oid>>,
}

/// The unique keys of an open table.
///
/// # Safety
/// `table` is an open relation.
pub unsafe fn of(table: pg_sys::Relation) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    // SAFETY: indexes are opened and closed with the same lock; arrays of rd_* have one entry per key column.
    unsafe {
        for index_id in list::oids(pg_sys::RelationGetIndexList(table)) {
            let index = pg_sys::index_open(index_id, pg_sys::AccessShareLock as i32);
            let form = &*(*index).rd_index;
            let key = (form.indisunique || form.indisexclusion).then(|| key(table, index));
            pg_sys::index_close(index, pg_sys::AccessShareLock as i32);
            keys.extend(key.transpose()?);
        }
    }
    Ok(keys)
}

/// The columns of each foreign key of an open table, compared as their types are.
///
/// # Safety
/// `table` is an open relation.
pub unsafe fn referencing(table: pg_sys::Relation) -> Vec<Vec<Part>> {
    // SAFETY: the list is that of the relation cache, copied out of it before anything else is looked up; the array of
    // columns has one entry per column of the foreign key.
    unsafe {
        let columns: Vec<Vec<i16>> = list::pointers::<pg_sys::ForeignKeyCacheInfo>(pg_sys::RelationGetFKeyList(table))
            .into_iter()
            .map(|key| (&(*key).conkey)[..(*key).nkeys as usize].to_vec())
            .collect();
        let table = (*table).rd_id;
        (columns.into_iter())
            .map(|columns| columns.into_iter().map(|column| plain(table, column)).collect())
            .collect()
    }
}

/// A column that is compared by the operators of its type.
unsafe fn plain(table: pg_sys::Oid, column: i16) -> Part {
    // SAFETY: look-ups of a column that exists.
    unsafe {
        let (mut type_id, mut modifier, mut collation) = (pg_sys::InvalidOid, 0, pg_sys::InvalidOid);
        pg_sys::get_atttypetypmodcoll(table, column, &mut type_id, &mut modifier, &mut collation);
        let name = names::text(pg_sys::get_attname(table, column, true));
        of_type(column, name, type_id, collation)
    }
}

unsafe fn of_type(column: i16, name: String, type_id: pg_sys::Oid, collation: pg_sys::Oid) -> Part {
    let flags = pg_sys::TYPECACHE_EQ_OPR | pg_sys::TYPECACHE_CMP_PROC | pg_sys::TYPECACHE_BTREE_OPFAMILY;
    // SAFETY: entries of the type cache stay.
    let entry = unsafe { &*pg_sys::lookup_type_cache(type_id, flags as i32) };
    Part {
        column,
        name,
        type_id,
        operand: entry.btree_opintype,
        equal: entry.eq_opr,
        compare: entry.cmp_proc,
        collation,
    }
}

/// The last column that one of the keys has; 1 without keys.
pub fn last_column(keys: &[Key]) -> i16 {
    keys.iter()
        .flat_map(|key| &key.parts)
        .map(|part| part.column)
        .max()
        .unwrap_or(1)
}

unsafe fn key(table: pg_sys::Relation, index: pg_sys::Relation) -> Result<Key> {
    // SAFETY: both relations are open, so their entries of the relation cache stay; a btree index has all its key
    // columns in `indkey`.
    unsafe {
        let form = &*(*index).rd_index;
        let columns = form.indkey.values.as_slice(form.indnkeyatts as usize);
        let excludes = form.indisexclusion.then(|| exclusion(index));
        let parts = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let operator = excludes.as_ref().map(|(operators, _)| operators[i]);
                part((*table).rd_id, index, i, *column, operator)
            })
            .collect::<Result<Vec<_>>>()?;
        let definition = definition(table, index, &parts);
        Ok(Key {
            index: (*index).rd_id,
            name: names::text((*(*index).rd_rel).relname.data.as_ptr()),
            parts,
            nulls_not_distinct: form.indnullsnotdistinct,
            deferrable: !form.indimmediate,
            definition,
            excludes: excludes.map(|(_, functions)| functions),
        })
    }
}

/// Operators and their functions of an exclusion constraint, one per column.
unsafe fn exclusion(index: pg_sys::Relation) -> (Vec<pg_sys::Oid>, Vec<pg_sys::Oid>) {
    let (mut operators, mut functions, mut strategies) =
        (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the index of an exclusion constraint is open; the arrays are made as long as its key.
    unsafe {
        pg_sys::RelationGetExclusionInfo(index, &mut operators, &mut functions, &mut strategies);
        let width = (*(*index).rd_index).indnkeyatts as usize;
        let copy = |ids: *mut pg_sys::Oid| std::slice::from_raw_parts(ids, width).to_vec();
        (copy(operators), copy(functions))
    }
}

/// Part number `i` of an index, which is over `column` of the table; `operator` is that of an exclusion constraint.
unsafe fn part(
    table: pg_sys::Oid,
    index: pg_sys::Relation,
    i: usize,
    column: i16,
    operator: Option<pg_sys::Oid>,
) -> Result<Part> {
    // SAFETY: the index is open and has more than `i` key columns, and so have its arrays; the rest are look-ups by
    // OID.
    unsafe {
        let (name, type_id) = if column == 0 {
            let attributes = (*(*index).rd_att).attrs.as_slice(i + 1);
            (String::new(), attributes[i].atttypid)
        } else {
            let name = pg_sys::get_attname(table, column, true);
            if name.is_null() {
                return Err(Error::internal("a column of a unique index is gone"));
            }
            (names::text(name), pg_sys::get_atttype(table, column))
        };
        let collation = *(*index).rd_indcollation.add(i);
        if let Some(operator) = operator {
            let plain = of_type(column, name, type_id, collation);
            return Ok(match plain.equal == operator {
                true => plain,
                false => Part {
                    equal: pg_sys::InvalidOid,
                    compare: pg_sys::InvalidOid,
                    ..plain
                },
            });
        }
        let family = *(*index).rd_opfamily.add(i);
        let kind = *(*index).rd_opcintype.add(i);
        Ok(Part {
            column,
            name,
            type_id,
            operand: kind,
            equal: pg_sys::get_opfamily_member(family, kind, kind, pg_sys::BTEqualStrategyNumber as i16),
            compare: pg_sys::get_opfamily_proc(family, kind, kind, BTORDER_PROC),
            collation,
        })
    }
}

/// Whether an index has expressions or a predicate.
unsafe fn has_more_than_columns(index: pg_sys::Relation) -> bool {
    let is_null = |column: u32| {
        // SAFETY: the index is open; its entry of the relation cache has its row of pg_index.
        unsafe {
            let form = (*index).rd_indextuple;
            pg_sys::heap_attisnull(form, column as i32, std::ptr::null_mut())
        }
    };
    !is_null(pg_sys::Anum_pg_index_indexprs) || !is_null(pg_sys::Anum_pg_index_indpred)
}

/// What an index says of its columns, where it has expressions or a predicate; in the same words in every session.
unsafe fn definition(table: pg_sys::Relation, index: pg_sys::Relation, parts: &[Part]) -> Option<String> {
    // SAFETY: both relations are open; the trees and texts are copies in the current memory context. The trees are
    // simplified when they are read, which may call functions of the table's owner: as he.
    unsafe {
        if !has_more_than_columns(index) {
            return None;
        }
        let _owner = user::ActAs::role(user::relation_owner((*table).rd_id), true);
        let mut expressions = list::pointers::<pg_sys::Node>(pg_sys::RelationGetIndexExpressions(index)).into_iter();
        let predicate = pg_sys::RelationGetIndexPredicate(index);
        let _settings = type_io::settings();
        let context = pg_sys::deparse_context_for((*(*table).rd_rel).relname.data.as_ptr(), (*table).rd_id);
        let text = |node| names::text(pg_sys::deparse_expression(node, context, false, false));
        let mut words: Vec<String> = Vec::new();
        for part in parts {
            words.push(match part.column {
                0 => text(expressions.next()?),
                _ => names::quote_ident(&part.name),
            });
        }
        let columns = words.join(", ");
        let predicate: Vec<String> = list::pointers::<pg_sys::Node>(predicate)
            .into_iter()
            .map(text)
            .collect();
        Some(format!("({columns}) WHERE {}", predicate.join(" AND ")))
    }
}

/// The table's unique keys over plain columns of all rows, primary key included.
pub fn unique_keys(relation: pg_sys::Oid) -> Result<Vec<UniqueKey>> {
    let found = spi::rows(
        "SELECT to_json(array_agg(a.attname::text ORDER BY k.ordinality))::text, i.indnullsnotdistinct
         FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(number, ordinality), pg_attribute a
         WHERE i.indrelid = $1 AND i.indisunique AND a.attrelid = $1 AND a.attnum = k.number
             AND k.ordinality <= i.indnkeyatts AND i.indexprs IS NULL AND i.indpred IS NULL
         GROUP BY i.indexrelid, i.indnullsnotdistinct ORDER BY i.indexrelid",
        &[relation.into()],
        |row| {
            Ok((
                row.get::<Text>(1)?.unwrap_or_default(),
                row.get::<bool>(2)?.unwrap_or_default(),
            ))
        },
    )?;
    let key = |(columns, nulls_not_distinct): &(Text, bool)| {
        Ok(UniqueKey {
            columns: names_in(columns)?,
            nulls_not_distinct: *nulls_not_distinct,
        })
    };
    let mut keys = found.iter().map(key).collect::<Result<Vec<_>>>()?;
    let mut seen = Vec::new();
    keys.retain(|key| {
        !seen.contains(key) && {
            seen.push(key.clone());
            true
        }
    });
    Ok(keys)
}

/// Names that a query gave as a JSON array.
pub fn names_in(json: &str) -> Result<Vec<String>> {
    serde_json::from_str(json).map_err(|error| Error::internal(format!("names of columns cannot be read: {error}")))
}
