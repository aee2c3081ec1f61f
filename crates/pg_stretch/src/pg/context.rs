//! Memory contexts of our own: children of one of the server's, emptied at will, and current for a while.

use pgrx::pg_sys;
use std::ffi::CStr;

/// A memory context that goes with its parent, and not before. It is a handle: copies mean the same context.
#[derive(Clone, Copy)]
pub struct Context(pg_sys::MemoryContext);

impl Context {
    /// A child of the current context.
    ///
    /// # Safety
    /// Neither the handle nor what [`enter`](Self::enter) gives is used after the parent was reset or deleted.
    pub unsafe fn new(name: &'static CStr) -> Self {
        // SAFETY: there is always a current context; the rest is the caller's promise.
        unsafe { Self::under(pg_sys::CurrentMemoryContext, name) }
    }

    /// The current context.
    ///
    /// # Safety
    /// It is not used after the context was reset or deleted.
    pub unsafe fn current() -> Self {
        // SAFETY: there always is one.
        Self(unsafe { pg_sys::CurrentMemoryContext })
    }

    /// A child of `parent`.
    ///
    /// # Safety
    /// `parent` lives. Neither the handle nor what [`enter`](Self::enter) gives is used after it was reset or deleted.
    pub unsafe fn under(parent: pg_sys::MemoryContext, name: &'static CStr) -> Self {
        // SAFETY: the parent lives, and the server keeps a pointer to the name, which is static. The sizes are those of
        // ALLOCSET_DEFAULT_SIZES.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                parent,
                name.as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Makes it the current context until what is returned is dropped, also when an error unwinds.
    pub fn enter(self) -> Inside {
        // SAFETY: the context lives, as was promised when it was made; it only becomes the one to allocate in.
        Inside(unsafe { pg_sys::MemoryContextSwitchTo(self.0) })
    }

    /// Frees all that was allocated in it.
    ///
    /// # Safety
    /// Nothing that lies in it is looked at any more.
    pub unsafe fn reset(self) {
        // SAFETY: the context lives, and what goes with its content is the caller's promise.
        unsafe { pg_sys::MemoryContextReset(self.0) };
    }

    /// The server's name for it.
    pub fn as_ptr(self) -> pg_sys::MemoryContext {
        self.0
    }
}

/// A context that is deleted, with all below it, when this is dropped.
pub struct OwnContext(Context);

impl OwnContext {
    /// A child of the current context.
    ///
    /// # Safety
    /// As for [`Context::new`]; what lies in it is not looked at after this is dropped.
    pub unsafe fn new(name: &'static CStr) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { Context::new(name) })
    }

    /// The context.
    pub fn get(&self) -> Context {
        self.0
    }
}

impl Drop for OwnContext {
    fn drop(&mut self) {
        // After an ERROR the error's own data may lie in it; then it goes with its parent.
        if !std::thread::panicking() {
            // SAFETY: it lives, is not the current one any more, and nobody looks at its content.
            unsafe { pg_sys::MemoryContextDelete(self.0.0) };
        }
    }
}

/// Switches back to the context that was current before.
pub struct Inside(pg_sys::MemoryContext);

impl Drop for Inside {
    fn drop(&mut self) {
        // SAFETY: it was current when ours became so, and guards end in the order of their making, inside out; so it
        // lives.
        unsafe { pg_sys::MemoryContextSwitchTo(self.0) };
    }
}
