//! Procedures on a store of which any request goes wrong: upload, reauthorize with and without a copy, reconcile
//! and collection. Each is called again afterwards, and must end as if nothing had happened: nothing needed is gone,
//! nothing is left behind.
//!
//! The catalog is a small one in memory; the requests, their order and the decisions are those of the product.

mod call;
mod catalog;
mod collect;
mod compare;
mod growth;
mod pairs;
mod reauthorize;
mod reconcile;
mod take_over;
mod tests;
mod torn;
mod upload;
mod world;
