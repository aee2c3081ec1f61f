//! How the processes of a parallel query share the segments of a table: each takes the next one that nobody took.
//!
//! What they count is the place in the list of all live segments, which is the same for all of them, as they have one
//! snapshot. What each of them leaves out by conditions may differ: key filters are cached in each process by itself.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// The turns of one process.
pub struct Turns {
    /// In shared memory: the place that is taken next.
    next: *const AtomicU64,
    /// Numbers of all live segments, in their order.
    numbers: Vec<u32>,
    /// What is left of the segment that this process took last, as numbers of row groups to read.
    left: Range<usize>,
    is_done: bool,
}

impl Turns {
    /// # Safety
    /// The counter lives as long as this.
    pub unsafe fn new(next: *const AtomicU64, numbers: Vec<u32>) -> Self {
        Self {
            next,
            numbers,
            left: 0..0,
            is_done: false,
        }
    }

    /// The next row group to read, and the end of those of its segment; `of` gives the row groups to read of the
    /// segment with this number.
    pub fn take(&mut self, of: impl Fn(u32) -> Range<usize>) -> Option<(usize, usize)> {
        loop {
            if let Some(number) = self.left.next() {
                return Some((number, self.left.end));
            }
            // SAFETY: as was promised when this was made.
            let place = unsafe { &*self.next }.fetch_add(1, Ordering::Relaxed);
            let Some(segment) = self.numbers.get(place as usize) else {
                self.is_done = true;
                return None;
            };
            self.left = of(*segment);
        }
    }

    /// Whether nothing is left for any process.
    pub fn is_done(&self) -> bool {
        self.is_done
    }
}
