//! Values of the server as statistics and stored values are compared with them.

use pgrx::datum::FromDatum;
use pgrx::pg_sys;
use stretch_columns::exact::{self, DatumForm};
use stretch_segment::{Bound, numeric};

/// The value as statistics hold it; `None` when they cannot.
///
/// # Safety
/// A value of that type, not NULL.
pub unsafe fn bound(value: pg_sys::Datum, value_type: pg_sys::Oid) -> Option<Bound> {
    let form = exact::bound(value_type.to_u32())?;
    // SAFETY: the datum is not NULL and has the form of its type.
    unsafe {
        match form {
            DatumForm::Bool => Some(Bound::Int(i64::from(bool::from_datum(value, false)?))),
            DatumForm::Int16 => Some(Bound::Int(i16::from_datum(value, false)?.into())),
            DatumForm::Int32 => Some(Bound::Int(i64::from(value.value() as i32))),
            DatumForm::Int64 => Some(Bound::Int(value.value() as i64)),
            DatumForm::Float32 => Some(Bound::Float(f32::from_datum(value, false)?.into())),
            DatumForm::Float64 => Some(Bound::Float(f64::from_datum(value, false)?)),
            DatumForm::Numeric => {
                let (digits, scale) = numeric::disk_to_i128(&payload(value)).ok()??;
                Some(Bound::Decimal(digits, u8::try_from(scale).ok()?))
            }
            DatumForm::Varlena => Some(Bound::Bytes(payload(value))),
            DatumForm::Uuid => Some(Bound::Bytes(
                std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 16).to_vec(),
            )),
        }
    }
}

/// The bytes of a varlena value without its header.
///
/// # Safety
/// A varlena value, not NULL.
pub unsafe fn payload(value: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: detoasting gives a plain varlena that lives in the current memory context.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(value.cast_mut_ptr());
        pgrx::varlena_to_byte_slice(plain).to_vec()
    }
}
