//! Hashes of unique keys, by the hash functions that belong to the equality of their indexes (F13), and of the columns
//! by which rows refer to others.
//!
//! Only for built-in types whose hash is the same in every database of one encoding: enums and what is made of other
//! types hash by OIDs, which a dump does not keep.

use crate::catalog::keys::{Key, Part};
use crate::catalog::rows;
use crate::cold::collation;
use crate::pg::raw;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use stretch_columns::exact;
use stretch_segment::key_filter::KeyId;

/// What hashes depend on besides the keys: filters that were made in another environment are of no use.
pub fn environment() -> String {
    // SAFETY: a static string of the server.
    let encoding = unsafe { std::ffi::CStr::from_ptr(pg_sys::GetDatabaseEncodingName()) };
    let order = if cfg!(target_endian = "little") {
        "little"
    } else {
        "big"
    };
    format!("{} {order}", encoding.to_string_lossy())
}

/// Hashes the values of one key.
pub struct Hasher {
    pub id: KeyId,
    columns: Vec<Column>,
}

struct Column {
    function: Box<pg_sys::FmgrInfo>,
    collation: pg_sys::Oid,
}

impl Hasher {
    /// `None` when one of the key's columns has no hash function of use, or no field id, and for exclusion constraints.
    pub fn new(key: &Key, columns: &[rows::Column]) -> Option<Self> {
        if key.excludes.is_some() {
            return None;
        }
        let fields = match &key.definition {
            None => fields(&key.parts, columns)?,
            Some(definition) => defined(definition),
        };
        Self::with(fields, &key.parts, key.nulls_not_distinct)
    }

    /// The same for columns that refer to another table: who has a NULL among them refers to nothing.
    pub fn of_columns(parts: &[Part], columns: &[rows::Column]) -> Option<Self> {
        Self::with(fields(parts, columns)?, parts, false)
    }

    fn with(fields: Vec<i32>, parts: &[Part], nulls_not_distinct: bool) -> Option<Self> {
        let column = |part: &Part| Column::new(part.operand, part.collation, Some(part.equal));
        Some(Self {
            id: KeyId {
                fields,
                nulls_not_distinct,
            },
            columns: parts.iter().map(column).collect::<Option<_>>()?,
        })
    }

    /// For values of these types that are compared with a key by the operators of its types. Integers
    /// of different widths and floats of different precisions hash alike, text under every deterministic collation.
    pub fn of_types(types: &[pg_sys::Oid], nulls_not_distinct: bool) -> Option<Self> {
        let column = |operand: &pg_sys::Oid| {
            let collation = match *operand {
                pg_sys::TEXTOID => pg_sys::C_COLLATION_OID,
                _ => pg_sys::InvalidOid,
            };
            Column::new(*operand, collation, None)
        };
        Some(Self {
            id: KeyId {
                fields: Vec::new(),
                nulls_not_distinct,
            },
            columns: types.iter().map(column).collect::<Option<_>>()?,
        })
    }

    /// The hash of a key; `value` gives a value by its place in the key, or `None` for NULL. `None` when no other row
    /// can have this key, for it has a NULL.
    ///
    /// # Safety
    /// The values are of the columns' types. What detoasting takes stays in the current memory context.
    pub unsafe fn hash(&mut self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> Option<u64> {
        // SAFETY: the caller's promise; nothing is owned inside.
        unsafe { raw::guarded(|| self.hash_unguarded(value)) }
    }

    /// The same inside a guard, see [`raw`].
    ///
    /// # Safety
    /// As for [`Hasher::hash`]; `value` owns nothing.
    pub unsafe fn hash_unguarded(&mut self, value: impl Fn(usize) -> Option<pg_sys::Datum>) -> Option<u64> {
        let mut sum = 0u64;
        for (place, column) in self.columns.iter_mut().enumerate() {
            let hash = match value(place) {
                // SAFETY: an extended hash function takes a value and a seed.
                Some(value) => unsafe {
                    raw::FunctionCall2Coll(&mut *column.function, column.collation, value, pg_sys::Datum::from(0))
                        .value() as u64
                },
                None if self.id.nulls_not_distinct => 0,
                None => return None,
            };
            // Multiplying by an odd number loses nothing, and rotating tells (a, b) from (b, a).
            sum = (sum.rotate_left(23) ^ hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        Some(sum)
    }
}

/// What stands for the fields of a key whose index has expressions or a predicate: a digest of them in numbers that are
/// no field's, so that such a key is never taken for one over plain columns, nor for another of its kind.
fn defined(definition: &str) -> Vec<i32> {
    let digest = Sha256::digest(definition);
    let (words, _) = digest.as_slice().as_chunks::<4>();
    words.iter().map(|word| i32::from_be_bytes(*word) | i32::MIN).collect()
}

fn fields(parts: &[Part], columns: &[rows::Column]) -> Option<Vec<i32>> {
    let field = |part: &Part| {
        let named = |column: &&rows::Column| column.name == part.name;
        columns.iter().find(named).map(|column| column.field_id)
    };
    parts.iter().map(field).collect()
}

impl Column {
    /// `equality` is what the hash must belong to; `None`: the equality of the type.
    fn new(operand: pg_sys::Oid, collation: pg_sys::Oid, equality: Option<pg_sys::Oid>) -> Option<Self> {
        // What a nondeterministic collation hashes, its sort key, changes with its version (F13).
        if !exact::hashed(operand.to_u32(), collation::of(collation)) {
            return None;
        }
        // SAFETY: cached look-ups of an existing type and collation; the FmgrInfo is boxed, so its address stays, and
        // what the function keeps with it lives as long as the session.
        unsafe {
            let flags = pg_sys::TYPECACHE_EQ_OPR | pg_sys::TYPECACHE_HASH_EXTENDED_PROC;
            let entry = &*pg_sys::lookup_type_cache(operand, flags as i32);
            if entry.hash_extended_proc == pg_sys::InvalidOid
                || equality.is_some_and(|equality| entry.eq_opr != equality)
            {
                return None;
            }
            let mut function = Box::<pg_sys::FmgrInfo>::default();
            pg_sys::fmgr_info_cxt(entry.hash_extended_proc, &mut *function, pg_sys::TopMemoryContext);
            Some(Self { function, collation })
        }
    }
}
