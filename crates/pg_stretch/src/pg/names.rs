//! Names of relations and roles for messages and for SQL text of our own.

use pgrx::pg_sys;

pub use super::encoding::of_string as text;

/// `schema.table`, each part quoted where needed; the OID when the relation is gone.
pub fn relation(oid: pg_sys::Oid) -> String {
    // SAFETY: syscache look-ups by OID; NULL results are handled.
    unsafe {
        let name = pg_sys::get_rel_name(oid);
        if name.is_null() {
            return format!("relation {}", oid.to_u32());
        }
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid));
        text(pg_sys::quote_qualified_identifier(schema, name))
    }
}

/// The table's name without schema, for column-like use in messages.
pub fn bare_relation(oid: pg_sys::Oid) -> String {
    // SAFETY: syscache look-up by OID; NULL is handled by `text`.
    text(unsafe { pg_sys::get_rel_name(oid) })
}

/// Name of the relation's schema; empty when it is gone.
pub fn schema(oid: pg_sys::Oid) -> String {
    // SAFETY: syscache look-ups by OID; NULL is handled by `text`.
    text(unsafe { pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid)) })
}

/// A quoted identifier.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted literal; backslashes are plain characters (standard_conforming_strings).
pub fn quote_literal(value: &str) -> String {
    if value.contains('\\') {
        format!(" E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}
