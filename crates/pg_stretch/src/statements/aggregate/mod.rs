//! Aggregates over stretched tables: hot rows are aggregated by the server and cold ones on their stored values, each
//! in part, and the server finishes both.
//!
//! The plan is `Finalize Aggregate` of the server's over a node of ours (`node.rs`), which owns the server's partial
//! aggregate of the hot rows and adds the partial groups of the cold ones. What cannot be aggregated exactly on stored
//! values goes row by row through the scan below, as it does without this node.

mod chosen;
mod cold;
mod grouping;
mod keys;
mod leaves;
mod made;
mod node;
mod part;
mod paths;
mod plan;
mod recognise;
mod target;

pub use paths::install;
