//! The order in which the rows of a heap's path come, as far as cold rows can be sorted into it.

use super::sort_key::SortKey;
use crate::pg::list;
use pgrx::pg_sys;

/// The keys of the path's order, up to the first that is not a column which the path shows.
///
/// # Safety
/// A path of the planner, for `rel`.
pub unsafe fn keys(rel: *mut pg_sys::RelOptInfo, path: *mut pg_sys::Path) -> Vec<SortKey> {
    // SAFETY: the caller's promise.
    unsafe {
        let shown = list::pointers::<pg_sys::Node>((*(*path).pathtarget).exprs);
        list::pointers::<pg_sys::PathKey>((*path).pathkeys)
            .into_iter()
            .map_while(|key| sort_key(rel, &*key, &shown))
            .collect()
    }
}

unsafe fn sort_key(
    rel: *mut pg_sys::RelOptInfo,
    key: &pg_sys::PathKey,
    shown: &[*mut pg_sys::Node],
) -> Option<SortKey> {
    // SAFETY: expressions of the planner; the tag of a node tells its type.
    unsafe {
        let class = key.pk_eclass;
        let members = list::pointers::<pg_sys::EquivalenceMember>((*class).ec_members);
        members.into_iter().find_map(|member| {
            let expression = (*member).em_expr;
            if (*member).em_is_const
                || !pg_sys::bms_equal((*member).em_relids, (*rel).relids)
                || (*expression).type_ != pg_sys::NodeTag::T_Var
            {
                return None;
            }
            let attribute = (*expression.cast::<pg_sys::Var>()).varattno;
            let hot = shown
                .iter()
                .position(|shown| pg_sys::equal(shown.cast_const().cast(), expression.cast()))?;
            let kind = (*member).em_datatype;
            let strategy = key.pk_strategy as i16;
            let operator = pg_sys::get_opfamily_member(key.pk_opfamily, kind, kind, strategy);
            (attribute > 0 && operator != pg_sys::InvalidOid).then_some(SortKey {
                hot: hot as i16 + 1,
                attribute,
                operator,
                collation: (*class).ec_collation,
                nulls_first: key.pk_nulls_first,
            })
        })
    }
}
