//! Marks statements of the extension itself, which the guard lets pass.

use super::error::Result;
use super::spi;
use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Lives while statements of ours run; dropped also when an error unwinds.
pub struct Ours(());

/// Begins a stretch of statements of ours. Nothing of a user may run inside.
pub fn ours() -> Ours {
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    Ours(())
}

/// True inside [`ours`].
pub fn is_ours() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

impl Drop for Ours {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Runs a statement of ours, which the guard lets pass.
pub fn utility(sql: &str) -> Result<()> {
    let _ours = ours();
    spi::execute(sql, &[]).map(drop)
}
