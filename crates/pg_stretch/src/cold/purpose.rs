//! What a reader is for.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use stretch_core::ids::SegmentId;

thread_local! {
    static PROBING: Cell<bool> = const { Cell::new(false) };
    static RULED_OUT: RefCell<Rc<HashSet<SegmentId>>> = RefCell::default();
}

/// True while this session looks for keys in a cold side: query modes do not hide rows from that (F36).
pub fn probing() -> bool {
    PROBING.get()
}

/// True for a segment that a look for keys need not read.
pub fn is_ruled_out(segment: &SegmentId) -> bool {
    PROBING.get() && RULED_OUT.with_borrow(|ruled_out| ruled_out.contains(segment))
}

/// Leaves these segments out until the look for keys ends.
pub fn rule_out(segments: &Rc<HashSet<SegmentId>>) {
    RULED_OUT.set(segments.clone());
}

/// Marks a probe until dropped, also when an error unwinds.
pub struct Probing;

impl Probing {
    pub fn begin() -> Self {
        PROBING.set(true);
        Self
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        PROBING.set(false);
        RULED_OUT.take();
    }
}
