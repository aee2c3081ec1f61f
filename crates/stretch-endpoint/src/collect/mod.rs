//! The collector's requests: what a branch holds ([`survey`]), who needs it ([`pins`]), the marks, and the deletions;
//! and in which order a round sends them ([`Target`]).
//! What follows from what was read is decided in [`stretch_core::collect`].

mod delete;
mod mark;
mod pins;
mod release;
mod survey;
mod target;
#[cfg(test)]
mod tests;
mod time;

pub use delete::{delete_condemned, delete_small, delete_stray_mark};
pub use mark::write_mark;
pub use pins::{Adopted, Pins, pins};
pub use release::{drop_pins, release};
pub use survey::{Litter, Survey, survey};
pub use target::{Answer, Deleted, Deletions, Look, SecondLook, Surroundings, Target, Work};
pub use time::store_time;
