//! Rows and bytes on the move: batches from the heap to staging, segments from staging to the endpoint, tombstones into
//! bitmaps, and segments back into the heap.
//!
//! Everything here is done by the worker in transactions of its own, or by a session that asks for one batch.

pub mod bring_back;
mod bytes;
pub mod collect;
pub mod compact;
pub mod fold;
mod leave;
mod lock;
pub mod migrate;
mod trouble;
pub mod upload;
