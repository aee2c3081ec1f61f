//! Partial aggregates of decoded batches: what PostgreSQL's transition functions would hold after these rows, made of
//! whole arrays and finished by the server.
//!
//! Nothing here may differ from the server by a digit. So what cannot be computed exactly is not computed: a batch is
//! taken whole or refused whole ([`Unfit`]), and a refused one goes to the server row by row, which then also raises
//! the errors that it must raise. Whether a computation stays within its numbers is proven for the batch, by bounds of
//! its values, before any is computed.
//!
//! Groups may be split: rows of one group may come out as several partial ones, for the server combines them by its own
//! equality. So groups are told apart by stored bytes, which is right for every type.

mod groups;
mod key;
mod output;
mod partial;
mod plan;
mod states;
pub mod statistics;
mod values;

pub use groups::KeyValues;
pub use key::{GroupKey, NumberType};
pub use output::{Output, Partials};
pub use partial::Partial;
pub use plan::{Aggregate, Argument, Function, Plan};

#[cfg(test)]
mod tests;
