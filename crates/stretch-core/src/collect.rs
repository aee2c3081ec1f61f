//! Collection: which objects on the endpoint nobody needs any more, and when they may be deleted (design §11).
//!
//! # Overview
//!
//! A collector is the worker of a connected database. It owns the highest claim of its branch and deletes in this
//! branch alone. A round has two looks:
//!
//! 1. [`plan::plan`] joins five sorted streams: listed objects, rows of the catalog, pinned segments, marks, and
//!    first sightings of orphans. It says of each object why it stays or goes. What is to go gets a mark; what was
//!    marked at least one grace ago becomes a candidate.
//! 2. [`again::look_again`] judges the candidates again, by pins and rows that were read anew. What it condemns may
//!    be deleted, one by one, while the readings are fresh ([`again::Readings`]).
//!
//! # Consistency
//!
//! *An object belongs to its segment.* Whoever needs a segment, the catalog or a pin, holds every object of it: the
//! upload that is on its way, and the copy that an older catalog or a restore would find (F26).
//!
//! *What is not understood stays.* Streams that fail, are out of order or do not add up stop the whole plan, because
//! a row that was overlooked makes a needed object look like an orphan.
//!
//! *Pins are read after the mark is old.* Whoever pins looks at the marks afterwards (F17). Listings may lag, by less
//! than half a grace; so either he sees the mark, or the collector sees the pin.
//!
//! # Clocks
//!
//! A retention counts by the store's clock and by the time that the database was connected, and the shorter of the
//! two holds ([`times::Stamp`], F16). A grace counts by the store's clock. How fresh readings are is a question to
//! the collector's own steady clock.
//!
//! # Crashes
//!
//! Nothing is remembered but marks, sightings and the catalog. A round that ends anywhere is begun anew.

pub mod again;
pub mod decision;
pub mod facts;
pub mod join;
mod judge;
pub mod litter;
#[cfg(test)]
mod model;
pub mod plan;
pub mod purge;
#[cfg(test)]
mod tests;
pub mod times;
pub mod totals;

use std::time::Duration;

/// The grace of the product. Listings of a store may lag by less than half of it.
pub const GRACE: Duration = Duration::from_secs(3600);
