//! Index scans of catalog tables with a caller's snapshot.

use super::visible::Visible;
use crate::pg::error::{Error, Result};
use crate::pg::names;
use crate::pg::text::{self, Text};
use pgrx::datum::FromDatum;
use pgrx::pg_sys;
use std::ffi::CStr;
use stretch_core::columns::Column;

/// One equality key of a scan: column and value.
pub struct Key {
    pub column: Column,
    pub value: KeyValue,
}

/// Types of key columns.
pub enum KeyValue {
    Uuid([u8; 16]),
    Oid(pg_sys::Oid),
    Int4(i32),
    Int8(i64),
    Text(String),
}

/// A row of a scan; valid only inside the callback.
pub struct Row {
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
    tid: pg_sys::ItemPointerData,
    xmin: pg_sys::TransactionId,
    command: pg_sys::CommandId,
}

impl Row {
    fn deform(tuple: pg_sys::HeapTuple, desc: pg_sys::TupleDesc) -> Self {
        // SAFETY: the arrays are as long as the descriptor; the tuple belongs to the scan of that relation.
        unsafe {
            let width = (*desc).natts as usize;
            let mut values = vec![pg_sys::Datum::from(0); width];
            let mut nulls = vec![true; width];
            pg_sys::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            Self {
                values,
                nulls,
                tid: (*tuple).t_self,
                xmin: xmin_of((*tuple).t_data),
                command: (*(*tuple).t_data).t_choice.t_heap.t_field3.t_cid,
            }
        }
    }

    /// Where the row lies.
    pub fn tid(&self) -> pg_sys::ItemPointerData {
        self.tid
    }

    /// The transaction that wrote the row; FrozenTransactionId for one that is visible to everybody.
    pub fn xmin(&self) -> pg_sys::TransactionId {
        self.xmin
    }

    /// The command of the writing transaction that wrote the row, unless a later one of the same transaction deleted
    /// it.
    pub fn command(&self) -> pg_sys::CommandId {
        self.command
    }

    /// Value of a column of the scanned table, or `None` for NULL.
    pub fn get<T: FromDatum>(&self, column: Column) -> Option<T> {
        let index = column.index();
        // SAFETY: the datum has the column's type, which the callers know from the install script; detoasting copies.
        unsafe { T::from_datum(self.values[index], self.nulls[index]) }
    }

    /// A text column.
    pub fn text(&self, column: Column) -> Option<String> {
        self.get::<Text>(column).map(String::from)
    }

    /// A jsonb column.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: Column) -> Option<T> {
        let index = column.index();
        if self.nulls[index] {
            return None;
        }
        // SAFETY: a value of type jsonb; its text lives in the current memory context.
        let text = unsafe {
            let value = pg_sys::pg_detoast_datum(self.values[index].cast_mut_ptr()).cast::<pg_sys::Jsonb>();
            let length = pgrx::varsize_any(value.cast()) as i32;
            names::text(pg_sys::JsonbToCString(
                std::ptr::null_mut(),
                &raw mut (*value).root,
                length,
            ))
        };
        serde_json::from_str(&text).ok()
    }

    /// A uuid column.
    pub fn uuid(&self, column: Column) -> Option<[u8; 16]> {
        self.get::<pgrx::Uuid>(column).map(|uuid| *uuid.as_bytes())
    }

    /// A bytea column, copied.
    pub fn bytes(&self, column: Column) -> Option<Vec<u8>> {
        self.get::<Vec<u8>>(column)
    }
}

/// HeapTupleHeaderGetXmin of htup_details.h, which the bindings lack.
unsafe fn xmin_of(header: pg_sys::HeapTupleHeader) -> pg_sys::TransactionId {
    // SAFETY: the header of a tuple in a pinned buffer.
    unsafe {
        if u32::from((*header).t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN {
            pg_sys::FrozenTransactionId
        } else {
            (*header).t_choice.t_heap.t_xmin
        }
    }
}

/// OID of a relation in schema stretch.
pub fn relation_oid(name: &CStr) -> Result<pg_sys::Oid> {
    // SAFETY: syscache look-ups by name.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"stretch".as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            pg_sys::InvalidOid
        } else {
            pg_sys::get_relname_relid(name.as_ptr(), schema)
        }
    };
    if oid == pg_sys::InvalidOid {
        return Err(Error::internal(format!(
            "the catalog table stretch.{} is missing",
            name.to_string_lossy()
        ))
        .hint("Run CREATE EXTENSION pg_stretch."));
    }
    Ok(oid)
}

/// True when the extension exists in this database.
pub fn installed() -> bool {
    relation_oid(c"stretched_table").is_ok()
}

/// The only table whose scans take part in the detection of conflicts between SERIALIZABLE transactions: a tombstone
/// that the snapshot does not see is the change of a row that the reader may see. The rest of the catalog says where
/// rows are, not which there are, so that whoever changes it is in no conflict with those who read the rows (F29,
/// docs/decisions/0015).
const TRACKED: &CStr = c"tombstone";

/// Calls `f` for each row of `table` that matches `keys` under `snapshot`, through `index` (its columns in order must
/// be those of the keys). Stops early when `f` returns `false`.
pub fn scan(
    table: &CStr,
    index: &CStr,
    keys: &[Key],
    snapshot: pg_sys::Snapshot,
    mut f: impl FnMut(&Row) -> bool,
) -> Result<()> {
    let relation_id = relation_oid(table)?;
    let index_id = if keys.is_empty() {
        pg_sys::InvalidOid
    } else {
        relation_oid(index)?
    };
    let mut scan_keys: Vec<pg_sys::ScanKeyData> = keys.iter().map(scan_key).collect::<Result<_>>()?;
    // SAFETY: opens, scans and closes in order; on ERROR PostgreSQL releases locks and buffers with the transaction.
    unsafe {
        let relation = pg_sys::table_open(relation_id, pg_sys::AccessShareLock as i32);
        let desc = (*relation).rd_att;
        let visible = Visible::new(relation, snapshot, table == TRACKED);
        let scan = pg_sys::systable_beginscan(
            relation,
            index_id,
            !keys.is_empty(),
            visible.scanned_with(),
            scan_keys.len() as i32,
            scan_keys.as_mut_ptr(),
        );
        while let Some(tuple) = next(scan) {
            if visible.sees((*scan).slot, tuple) && !f(&Row::deform(tuple, desc)) {
                break;
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
    }
    Ok(())
}

/// The next tuple of a scan, which lives until the one after it is asked for; `None` at the end.
unsafe fn next(scan: pg_sys::SysScanDesc) -> Option<pg_sys::HeapTuple> {
    // SAFETY: the caller has begun the scan and not ended it.
    let tuple = unsafe { pg_sys::systable_getnext(scan) };
    (!tuple.is_null()).then_some(tuple)
}

fn scan_key(key: &Key) -> Result<pg_sys::ScanKeyData> {
    use pgrx::IntoDatum;
    let (function, datum) = match &key.value {
        KeyValue::Uuid(bytes) => (pg_sys::F_UUID_EQ, pgrx::Uuid::from_bytes(*bytes).into_datum()),
        KeyValue::Oid(oid) => (pg_sys::F_OIDEQ, oid.into_datum()),
        KeyValue::Int4(value) => (pg_sys::F_INT4EQ, value.into_datum()),
        KeyValue::Int8(value) => (pg_sys::F_INT8EQ, value.into_datum()),
        KeyValue::Text(value) => (pg_sys::F_TEXTEQ, text::to_server(value)?.to_bytes().into_datum()),
    };
    let datum = datum.unwrap_or(pg_sys::Datum::from(0));
    let mut out = pg_sys::ScanKeyData::default();
    // SAFETY: fills a local struct; the datum stays valid in the current memory context for the scan.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut out,
            key.column.number,
            pg_sys::BTEqualStrategyNumber as u16,
            function.into(),
            datum,
        );
        if matches!(key.value, KeyValue::Text(_)) {
            out.sk_collation = pg_sys::DEFAULT_COLLATION_OID;
        }
    }
    Ok(out)
}
