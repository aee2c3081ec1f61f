//! Keeps unique keys unique against cold rows: before the heap's own indexes judge a new row against hot ones, its keys
//! are looked for among the cold ones (`look.rs`), by what is known of them without reading any (`doubt.rs`), and by
//! reading where that leaves a doubt (`search.rs`).

mod doubt;
mod front;
mod known;
mod look;
mod narrow;
mod order;
mod room;
mod search;
mod since;
mod skip;
mod skipped;
mod unfit;
mod wanted;

pub use look::{Version, look, look_after_update, look_changed, look_deferred, look_for_many, look_speculatively};

use pgrx::prelude::*;

/// After a row of INSERT … ON CONFLICT was judged: the next one's keys are first looked for in the indexes, all of
/// them, and only then on the cold side. What was seen of that for this row says nothing then.
pub fn judged(relation: pg_sys::Oid) {
    known::forget_sight(relation);
    room::ask_only(relation, None);
}

/// Whether a row of the table became cold by a transaction that committed after the running command's last look at its
/// cold side.
pub fn is_before(relation: pg_sys::Oid, transaction: pg_sys::TransactionId) -> bool {
    known::last_sight(relation).is_some_and(|sight| sight.seen.is_before(transaction))
}

/// Puts the hooks of this module in place; in the postmaster only.
pub fn install() {
    skip::install();
}
