//! Decisions without input or output: what the project's rules say, given facts that somebody else gathered.
//!
//! Nothing here reads a clock, a file, a socket or a source of randomness; all of it comes in as arguments.
//! The numbers F1 … F53 and C-1 … C-13 in the documentation cite the findings that belong to the design.

pub mod batch;
pub mod bounded;
pub mod collect;
pub mod columns;
pub mod command;
pub mod compact;
pub mod cut;
pub mod dead_rows;
pub mod error_copy;
pub mod errors;
pub mod ids;
pub mod manifest;
pub mod order_by;
pub mod purpose;
pub mod ranges;
pub mod reconcile;
pub mod row_fate;
pub mod row_locks;
pub mod sample;
#[cfg(test)]
mod seeded;
pub mod segment_cache;
pub mod staging;
pub mod state;
pub mod steps;
pub mod turns;
pub mod verdict;
