//! What each purpose may do.

use super::*;

/// Purpose, which rows, the endpoint, marks for conflicts, the cache.
const TABLE: [(Purpose, QueryMode, bool, bool, bool); 10] = [
    (
        Purpose::Query(QueryMode::LocalAndRemote),
        QueryMode::LocalAndRemote,
        true,
        true,
        true,
    ),
    (
        Purpose::Query(QueryMode::LocalOnly),
        QueryMode::LocalOnly,
        false,
        true,
        true,
    ),
    (
        Purpose::Query(QueryMode::RemoteOnly),
        QueryMode::RemoteOnly,
        true,
        true,
        true,
    ),
    (
        Purpose::Query(QueryMode::Disabled),
        QueryMode::Disabled,
        true,
        true,
        true,
    ),
    (Purpose::Keys, QueryMode::LocalAndRemote, true, true, true),
    (Purpose::RowLock, QueryMode::LocalAndRemote, true, true, true),
    (Purpose::Rule, QueryMode::LocalAndRemote, true, true, true),
    (Purpose::Sample, QueryMode::LocalAndRemote, true, false, false),
    (Purpose::Move, QueryMode::LocalAndRemote, true, false, false),
    (Purpose::Verify, QueryMode::LocalAndRemote, true, false, false),
];

#[test]
fn each_purpose_may_do_what_it_needs() {
    for (purpose, mode, endpoint, marks, cache) in TABLE {
        assert_eq!(purpose.query_mode(), mode, "{purpose:?}");
        assert_eq!(purpose.may_ask_endpoint(), endpoint, "{purpose:?}");
        assert_eq!(purpose.marks_reads(), marks, "{purpose:?}");
        assert_eq!(purpose.may_use_cache(), cache, "{purpose:?}");
    }
}
