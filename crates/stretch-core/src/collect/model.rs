//! A model of collection as a state machine, explored exhaustively: two databases, their collectors, three objects.
//!
//! **What happens in it.** An original uploads and retires segments. At any time a copy is restored from any of its
//! moments, also from one before the retention. The copy becomes a branch, or takes over the original's branch (with
//! a reauthorize, or as a promoted standby that lags); then the original goes on as a fenced one. Backups are pinned
//! and unpinned, and the original may waive the retention of what it retired (`purge_remote`).
//!
//! Each collector looks, marks, looks again, validates its claim and deletes. It can stall before each of these, for
//! any time, and go on with what it had read; or end, and begin anew.
//!
//! **What is the product's.** The collectors' decisions are calls of [`super::plan`], [`super::again`] and their
//! friends. The model gathers the facts for them, as the worker will. A rule is removed by facts: without retention,
//! say, the retention is zero.
//!
//! **Time** goes in ticks, and ages end where nobody asks for more. A listing of pins or marks may miss what is younger
//! than a tick. The grace is one tick, the retention one or two. So readings are fresh within their tick only, and
//! doubt is over after two.
//!
//! **Objects** are alike, so states that differ by their order alone are one state. What a look says of one object
//! does not depend on others; so a collector acts on one of them, and begins its next round for another.
//!
//! **What is left out**: a copy of the copy, objects that the copy uploads, branches that were given up, and two
//! objects of one segment. The tests of the decisions have them.

mod collector;
mod copy;
mod event;
mod facts;
mod needs;
mod scope;
mod search;
mod state;
mod steps;
mod tests;
