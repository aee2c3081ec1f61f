//! Tests of the decisions, one file for each part.

mod again;
mod judge;
mod kit;
mod litter;
mod plan;
mod purge;
mod random;
