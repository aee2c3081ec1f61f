//! Which rows an error about a segment is about: how many, and between which keys.

use super::segments;
use crate::catalog::rows::{Segment, StretchedTable};
use pgrx::pg_sys;
use stretch_segment::{Bound, ColumnStats, StoredType};

/// The rows of a segment, for the DETAIL of an error: their number, and the range of the first unique key for whoever
/// may read all of the table.
pub fn rows(table: &StretchedTable, segment: &Segment) -> String {
    let ranges = match may_read_all(table.relation) {
        true => key_ranges(table, segment).unwrap_or_default(),
        false => String::new(),
    };
    format!("It holds {} rows{ranges}.", segment.row_count)
}

/// No policy and no missing right keeps rows or columns from the current user, who is the one that the client speaks
/// for: the checks of unique keys run as the table's owner, for whoever inserts.
fn may_read_all(relation: pg_sys::Oid) -> bool {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: a getter.
    unsafe { pg_sys::GetUserIdAndSecContext(&mut user, &mut context) };
    if context & pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32 != 0 {
        return false;
    }
    // SAFETY: look-ups in the catalog that tolerate missing relations and raise nothing.
    unsafe {
        pg_sys::check_enable_rls(relation, pg_sys::InvalidOid, true) == pg_sys::CheckEnableRlsResult::RLS_NONE as i32
            && pg_sys::pg_class_aclcheck(relation, pg_sys::GetUserId(), pg_sys::ACL_SELECT)
                == pg_sys::AclResult::ACLCHECK_OK
    }
}

fn key_ranges(table: &StretchedTable, segment: &Segment) -> Option<String> {
    let key = table.unique_keys.first()?;
    let reader = segments::reader(segment, crate::catalog::snapshot::LATEST).ok()?;
    let detail = reader.detail();
    let ranges: Vec<String> = key
        .columns
        .iter()
        .filter_map(|name| {
            let field = table.columns.iter().find(|column| column.name == *name)?.field_id;
            let at = detail.columns.iter().position(|column| column.field_id == field)?;
            let ColumnStats { min, max, .. } = detail.stats.get(at)?;
            let stored = detail.columns[at].stored;
            Some(format!(
                "{name} from {} to {}",
                shown(stored, min.as_ref()?)?,
                shown(stored, max.as_ref()?)?
            ))
        })
        .collect();
    (!ranges.is_empty()).then(|| format!(", {}", ranges.join(", ")))
}

/// A bound as people read it; `None` where that needs the type's own functions, which an error should not call.
fn shown(stored: StoredType, bound: &Bound) -> Option<String> {
    match (stored, bound) {
        (StoredType::Int16 | StoredType::Int32 | StoredType::Int64, Bound::Int(number)) => Some(number.to_string()),
        (StoredType::Uuid, Bound::Bytes(bytes)) => Some(uuid::Uuid::from_slice(bytes).ok()?.to_string()),
        (StoredType::Utf8, Bound::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
