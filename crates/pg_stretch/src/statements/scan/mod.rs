//! Scans of stretched tables: each of the heap's paths gets its cold side (`paths.rs`), and a node that owns the heap's
//! shows hot and cold rows (`combiner.rs`).

mod backward;
pub mod bound;
pub mod cold;
mod cold_side;
pub mod column;
mod combined_plan;
pub mod combiner;
pub mod conditions;
mod explain;
pub mod expressions;
mod filter;
mod first_key;
mod forward;
mod hot_rows;
mod kept;
mod merge;
mod merged;
pub mod node;
pub mod note;
mod order;
mod parallel;
pub mod paths;
pub mod quals;
mod rows;
mod shows;
mod sort_key;
pub mod used;
