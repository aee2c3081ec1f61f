//! From PostgreSQL's types to column types of segments: which are native, which travel as bytes of their send function.

use super::rows::Form;
use pgrx::pg_sys;
use stretch_segment::ColumnType;

/// How values of a column travel.
#[derive(Clone, Copy, Debug)]
pub struct TypePlan {
    pub column_type: ColumnType,
    pub form: Form,
    /// The type below all domains: values are read and written as this one (F35).
    pub base_type: pg_sys::Oid,
    /// Modifier that belongs to `base_type`.
    pub typmod: i32,
}

/// The plan for a column of type `type_id` with modifier `typmod`.
pub fn plan(type_id: pg_sys::Oid, typmod: i32) -> TypePlan {
    let mut base_typmod = typmod;
    // SAFETY: syscache look-up of an existing type.
    let base = unsafe { pg_sys::getBaseTypeAndTypmod(type_id, &mut base_typmod) };
    let native = match base {
        pg_sys::BOOLOID => Some(ColumnType::Bool),
        pg_sys::INT2OID => Some(ColumnType::Int2),
        pg_sys::INT4OID => Some(ColumnType::Int4),
        pg_sys::INT8OID => Some(ColumnType::Int8),
        pg_sys::FLOAT4OID => Some(ColumnType::Float4),
        pg_sys::FLOAT8OID => Some(ColumnType::Float8),
        pg_sys::NUMERICOID => Some(numeric(base_typmod)),
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Some(ColumnType::Text),
        pg_sys::BYTEAOID => Some(ColumnType::Bytea),
        pg_sys::DATEOID => Some(ColumnType::Date),
        pg_sys::TIMESTAMPOID => Some(ColumnType::Timestamp),
        pg_sys::TIMESTAMPTZOID => Some(ColumnType::TimestampTz),
        pg_sys::UUIDOID => Some(ColumnType::Uuid),
        _ => None,
    };
    let (column_type, form) = match native {
        Some(column_type) => (column_type, Form::Native),
        None if has_send_and_receive(base) && !sends_own_types(base) => (ColumnType::Opaque, Form::Send),
        None => (ColumnType::Opaque, Form::Output),
    };
    TypePlan {
        column_type,
        form,
        base_type: base,
        typmod: base_typmod,
    }
}

/// numeric(p, s): a decimal when it fits 128 bits; otherwise numeric's own wire form (precision 0).
fn numeric(typmod: i32) -> ColumnType {
    const NONE: ColumnType = ColumnType::Numeric { precision: 0, scale: 0 };
    // Layout of numeric's modifier: make_numeric_typmod of numeric.c (scale is signed, 11 bits).
    let Some(packed) = typmod
        .checked_sub(pg_sys::VARHDRSZ as i32)
        .filter(|packed| *packed >= 0)
    else {
        return NONE;
    };
    let precision = (packed >> 16) & 0xffff;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if precision <= 38 && scale <= precision => ColumnType::Numeric { precision, scale },
        _ => NONE,
    }
}

fn has_send_and_receive(type_id: pg_sys::Oid) -> bool {
    // SAFETY: syscache look-up; the tuple is released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, pg_sys::Datum::from(type_id));
        if tuple.is_null() {
            return false;
        }
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_type>(tuple);
        let both = (*form).typsend != pg_sys::InvalidOid && (*form).typreceive != pg_sys::InvalidOid;
        pg_sys::ReleaseSysCache(tuple);
        both
    }
}

/// Whether the type's send function writes the OID of a type that a restored dump knows by another one: an array
/// writes its element's, a composite type its fields', and receive insists on them (array_recv, record_recv). Values of
/// the reg types are such OIDs themselves.
fn sends_own_types(type_id: pg_sys::Oid) -> bool {
    if names_an_object(type_id) {
        return true;
    }
    // SAFETY: syscache look-ups by the OID of a type that exists.
    unsafe {
        let element = pg_sys::get_element_type(type_id);
        if element != pg_sys::InvalidOid {
            return is_written(element);
        }
        match pg_sys::get_typtype(type_id) as u8 {
            pg_sys::TYPTYPE_DOMAIN => sends_own_types(pg_sys::getBaseType(type_id)),
            pg_sys::TYPTYPE_RANGE => sends_own_types(pg_sys::get_range_subtype(type_id)),
            pg_sys::TYPTYPE_MULTIRANGE => sends_own_types(pg_sys::get_multirange_range(type_id)),
            pg_sys::TYPTYPE_COMPOSITE => row_type_is_written(type_id),
            _ => false,
        }
    }
}

/// Whether a value writes the OID of a type of this database for an element or field of type `inner`.
fn is_written(inner: pg_sys::Oid) -> bool {
    inner.to_u32() >= pg_sys::FirstNormalObjectId || sends_own_types(inner)
}

/// The same for the fields of a composite type.
unsafe fn row_type_is_written(type_id: pg_sys::Oid) -> bool {
    // SAFETY: the caller passes a composite type; its descriptor is a copy of our own, which nobody else frees.
    unsafe {
        let desc = pg_sys::lookup_rowtype_tupdesc_copy(type_id, -1);
        let fields = (*desc).attrs.as_slice((*desc).natts as usize);
        let found = fields
            .iter()
            .any(|field| !field.attisdropped && is_written(field.atttypid));
        pg_sys::FreeTupleDesc(desc);
        found
    }
}

/// The types whose values are OIDs of objects and whose text is the object's name (regproc.c).
fn names_an_object(type_id: pg_sys::Oid) -> bool {
    matches!(
        type_id,
        pg_sys::REGPROCOID
            | pg_sys::REGPROCEDUREOID
            | pg_sys::REGOPEROID
            | pg_sys::REGOPERATOROID
            | pg_sys::REGCLASSOID
            | pg_sys::REGTYPEOID
            | pg_sys::REGROLEOID
            | pg_sys::REGNAMESPACEOID
            | pg_sys::REGCONFIGOID
            | pg_sys::REGDICTIONARYOID
            | pg_sys::REGCOLLATIONOID
    )
}
