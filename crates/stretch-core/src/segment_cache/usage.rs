//! How full the cache is, as far as all processes of a server together know without a look into its folder.

use std::sync::atomic::{AtomicU64, Ordering};

/// Lives in shared memory, where it begins as zeros: nothing is known, and somebody must look.
///
/// It may say more than the folder holds, until somebody looks again, and never less but for what others put there.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Usage {
    /// Bytes of all files and of those that are being written, plus one; 0 while that is not known.
    held: AtomicU64,
    /// Bytes of files that are being written.
    in_flight: AtomicU64,
}

/// What a look into the folder began with.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    held: u64,
    in_flight: u64,
}

impl Usage {
    /// Takes `bytes` for a file that is about to be written; false when they do not fit, or nothing is known.
    /// Whoever got true calls [`written`](Self::written), whether he succeeded or not.
    pub fn reserve(&self, bytes: u64, limit: u64) -> bool {
        // In this order: whoever begins a look in between counts the file twice, and not never.
        self.in_flight.fetch_add(bytes, Ordering::SeqCst);
        let more = |held: u64| {
            let after = held.checked_add(bytes).filter(|_| held > 0)?;
            (after - 1 <= limit).then_some(after)
        };
        let is_taken = self.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
        if !is_taken {
            self.written(bytes);
        }
        is_taken
    }

    /// The file is in the folder, or will not be.
    pub fn written(&self, bytes: u64) {
        self.in_flight.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Somebody is about to look into the folder.
    pub fn look(&self) -> Look {
        // In this order: a file that is finished in between is in the folder.
        let held = self.held.load(Ordering::SeqCst);
        let in_flight = self.in_flight.load(Ordering::SeqCst);
        Look { held, in_flight }
    }

    /// He found so many bytes, those left out that he removed.
    pub fn found(&self, look: Look, bytes: u64) {
        let known = look.in_flight.saturating_add(bytes).saturating_add(1);
        let now = |held: u64| Some(held.saturating_sub(look.held).saturating_add(known));
        self.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, now).ok();
    }

    /// Bytes of all files, as far as that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.held.load(Ordering::SeqCst).checked_sub(1)
    }
}
