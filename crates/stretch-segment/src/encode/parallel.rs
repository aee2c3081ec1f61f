//! Work on the columns of a segment by several threads.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread::{self, ScopedJoinHandle};

use crate::error::SegmentError;

/// What `f` makes of each of these, in their order, by so many threads at most, of which the caller's is one. The first
/// error in that order is the answer.
pub(super) fn map<I: Send, T: Send>(
    threads: NonZeroUsize,
    of: Vec<I>,
    f: impl Fn(usize, I) -> Result<T, SegmentError> + Sync,
) -> Result<Vec<T>, SegmentError> {
    let count = of.len();
    let left = Mutex::new(of.into_iter().enumerate());
    let next = || left.lock().ok().and_then(|mut left| left.next());
    let work = || {
        let mut made = Vec::new();
        while let Some((at, one)) = next() {
            made.push((at, f(at, one)));
        }
        made
    };
    let mut made = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get().min(count)).map(|_| scope.spawn(work)).collect();
        let mut made = work();
        for other in others {
            made.extend(joined(other));
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, one)| one).collect()
}

/// The results of both, of the first by another thread where there may be one.
pub(super) fn both<A: Send, B>(threads: NonZeroUsize, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    if threads.get() == 1 {
        return (a(), b());
    }
    thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        (joined(a), b)
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
