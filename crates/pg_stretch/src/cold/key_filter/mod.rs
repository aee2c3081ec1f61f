//! Key filters at work: hashes of unique keys say which segments can hold a key, without their bytes (F13, F27, design
//! §7).
//!
//! A batch writes the hashes of its keys into the catalog, with its segment. From there they are merged into runs,
//! files that all sessions map (`files`). A segment of which nothing is known is never ruled out.

mod files;
mod hash;
mod runs;

pub use hash::{Hasher, environment};
pub use runs::{Search, forget_dropped, merge, search};
