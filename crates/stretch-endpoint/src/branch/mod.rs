//! What a database asks of the branches from which it comes: what they hold, pins on what it needs of them, copies of
//! what is in doubt, and a branch of its own (design §10.3, F17, F21).
//! What follows from a listing is decided in [`stretch_core::reconcile`].

mod begin;
mod copy;
mod hold;
mod listing;

pub use begin::{check, claim_branch, claim_next};
pub use copy::{Copies, Doubtful, copy};
pub use hold::{Before, Held, hold, pin};
pub use listing::{Keys, Listing, list};
