//! Memory for what the look at one row allocates.

use super::raw;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A memory context that is emptied after each use. It goes with its parent, the context current when it was made.
pub struct Scratch(pg_sys::MemoryContext);

impl Scratch {
    pub fn new(name: &'static CStr) -> Self {
        // SAFETY: makes a child of the current context; the name is static. The sizes are those of ALLOCSET_DEFAULT_SIZES.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                name.as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Empties it.
    pub fn reset(&self) {
        // SAFETY: a context of our own, whose content nobody looks at any more.
        unsafe { pg_sys::MemoryContextReset(self.0) };
    }

    /// The context itself.
    pub fn context(&self) -> pg_sys::MemoryContext {
        self.0
    }

    /// Bytes that it holds of the server's memory. Callable inside a guard, see [`raw`].
    pub fn size(&self) -> usize {
        // SAFETY: a getter for a context of our own.
        unsafe { raw::MemoryContextMemAllocated(self.0, true) }
    }

    /// Runs `f` in it, and leaves there what `f` allocated.
    pub fn within<T>(&self, f: impl FnOnce() -> T) -> T {
        // SAFETY: a context of our own; `Outer` switches back, also when an error unwinds.
        let outer = Outer(unsafe { pg_sys::MemoryContextSwitchTo(self.0) });
        let result = f();
        drop(outer);
        result
    }

    /// Runs `f` in it. What `f` returns must not lie in it.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let inside = Inside(
            self.0,
            // SAFETY: a context of our own; `Inside` switches back, also when an error unwinds.
            unsafe { pg_sys::MemoryContextSwitchTo(self.0) },
        );
        let result = f();
        drop(inside);
        result
    }

    /// The same in a loop inside a guard.
    ///
    /// # Safety
    /// See [`raw`]: `f` owns nothing that must be dropped.
    pub unsafe fn run_unguarded<T>(&self, f: impl FnOnce() -> T) -> T {
        // SAFETY: as in `run`; an ERROR jumps to the guard, which puts the context back.
        unsafe {
            let outer = pg_sys::MemoryContextSwitchTo(self.0);
            let result = f();
            pg_sys::MemoryContextSwitchTo(outer);
            raw::MemoryContextReset(self.0);
            result
        }
    }
}

struct Inside(pg_sys::MemoryContext, pg_sys::MemoryContext);

impl Drop for Inside {
    fn drop(&mut self) {
        // SAFETY: the context that was current before; nothing of ours is looked at any more. After an ERROR the error's own
        // data may lie in ours, which then stays as it is until its parent goes.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.1);
            if !std::thread::panicking() {
                pg_sys::MemoryContextReset(self.0);
            }
        }
    }
}

struct Outer(pg_sys::MemoryContext);

impl Drop for Outer {
    fn drop(&mut self) {
        // SAFETY: the context that was current before.
        unsafe { pg_sys::MemoryContextSwitchTo(self.0) };
    }
}
