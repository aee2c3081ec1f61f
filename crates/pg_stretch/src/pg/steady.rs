//! A clock that never jumps and goes on while the machine is suspended.

use std::time::Duration;
use stretch_core::collect::times::Steady;

/// The present. It may be asked for on any thread.
pub fn now() -> Steady {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in the structure; the clock exists on every Linux that PostgreSQL 15 runs on.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    Steady(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}
