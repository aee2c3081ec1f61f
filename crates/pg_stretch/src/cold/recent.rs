//! Bytes of pages that this backend read lately: who looks for one row after the other asks for the same pages again.
//!
//! They are bytes of segments, which never change. None is kept that was not what the catalog says, and each is
//! compared with it again at each use, as all others.

use bytes::Bytes;
use std::cell::RefCell;
use std::ops::Range;
use stretch_core::bounded::Bounded;
use stretch_core::ids::SegmentId;

/// Bytes that a backend keeps.
const MAX_BYTES: usize = 16 << 20;

thread_local! {
    static RECENT: RefCell<Bounded<(SegmentId, u64, u64), Bytes>> = RefCell::new(Bounded::new(MAX_BYTES));
}

/// The bytes of all ranges of a segment; `None` when any is not there.
pub fn get(segment: &SegmentId, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
    RECENT.with_borrow_mut(|recent| {
        let one = |range: &Range<u64>| recent.get(&(*segment, range.start, range.end)).cloned();
        ranges.iter().map(one).collect()
    })
}

/// Keeps the bytes of ranges of a segment.
pub fn keep(segment: &SegmentId, ranges: &[Range<u64>], bytes: &[Bytes]) {
    RECENT.with_borrow_mut(|recent| {
        for (range, bytes) in ranges.iter().zip(bytes) {
            let key = (*segment, range.start, range.end);
            // What came from here is still here.
            if recent.get(&key).is_some() {
                continue;
            }
            // A copy: what was fetched may be a part of far more bytes, which it would keep alive.
            let own = Bytes::copy_from_slice(bytes);
            recent.insert(key, own, bytes.len());
        }
    });
}
