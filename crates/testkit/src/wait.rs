//! Waiting for a state of the system, never for a time: the only place with a pause.

use std::time::{Duration, Instant};

/// Generous: it only bounds how long a broken test hangs, on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until the closure answers `Some`; panics, naming `what`, after `bound`.
pub fn wait_for<T>(what: &str, bound: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            began.elapsed() < bound,
            "waited {:.0} s in vain for: {what}",
            bound.as_secs_f64()
        );
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// As [`wait_for`], for a condition.
pub fn wait_until(what: &str, bound: Duration, mut ask: impl FnMut() -> bool) {
    wait_for(what, bound, || ask().then_some(()));
}
