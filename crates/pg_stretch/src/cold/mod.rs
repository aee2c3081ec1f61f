//! The read engine: which segments, which bytes and which rows a caller must see. It knows no plan node, no trigger and
//! no callback of the access method.

pub mod batch;
pub mod batches;
pub mod cache;
pub mod choose;
pub mod collation;
pub mod columns;
pub mod conditions;
pub mod counters;
pub mod damage;
pub mod datums;
pub mod fetch;
pub mod heap_version;
pub mod identity;
pub mod key_filter;
pub mod lost;
pub mod missing;
pub mod mode;
pub mod moved;
pub mod ordered;
pub mod readable;
pub mod reader;
mod recent;
pub mod row;
pub mod row_lock;
pub mod segments;
pub mod side;
pub mod tombstone;
pub mod tuples;
mod turns;
pub mod values;
pub mod whole;
