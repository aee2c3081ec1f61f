//! What the person who waits is told.

/// Tells what is done, since it may take a while.
pub fn say(what: &str) {
    println!("prepare: {what}");
}
