//! What a collation of the server promises about bytes.

use crate::pg::missing::lc_collate_is_c;
use pgrx::pg_sys;
use stretch_columns::exact::Collation;

/// The collation with this OID, or none.
pub fn of(collation: pg_sys::Oid) -> Collation {
    if collation == pg_sys::InvalidOid {
        return Collation::None;
    }
    // SAFETY: cached look-ups of an existing collation.
    unsafe {
        let is_c = lc_collate_is_c(collation);
        match collation {
            pg_sys::DEFAULT_COLLATION_OID => Collation::Default { is_c },
            _ if is_c => Collation::C,
            _ if pg_sys::get_collation_isdeterministic(collation) => Collation::Deterministic,
            _ => Collation::Nondeterministic,
        }
    }
}
