//! Memory for what the look at one row allocates.

use super::context::Context;
use std::ffi::CStr;

/// A memory context that is emptied after each use. It goes with its parent, the context current when it was made.
pub struct Scratch(Context);

impl Scratch {
    pub fn new(name: &'static CStr) -> Self {
        // SAFETY: whoever makes it keeps it in a structure of the statement or batch under way, which ends before that
        // context.
        Self(unsafe { Context::new(name) })
    }

    /// Runs `f` in it. What `f` returns must not lie in it.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        // Dropped in the opposite order: first the outer context is current again, then ours is emptied.
        let _emptied = Emptied(self.0);
        let _inside = self.0.enter();
        f()
    }
}

struct Emptied(Context);

impl Drop for Emptied {
    fn drop(&mut self) {
        // After an ERROR the error's own data may lie in it, which then stays as it is until its parent goes.
        if !std::thread::panicking() {
            // SAFETY: `f` has returned, and what it returned does not lie here.
            unsafe { self.0.reset() };
        }
    }
}
