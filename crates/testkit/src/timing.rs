//! How long each test took, for the list that `cargo xtask test` prints at its end.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

struct Watch(Instant);

/// libtest runs each test on a thread of its own that has the test's name, so the end of the
/// thread is the end of the test.
impl Drop for Watch {
    fn drop(&mut self) {
        let Some(file) = std::env::var_os("PG_STRETCH_TEST_TIMES") else {
            return;
        };
        let thread = std::thread::current();
        let Some(name) = thread.name() else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) {
            writeln!(file, "{name} {:.3}", self.0.elapsed().as_secs_f64()).ok();
        }
    }
}

thread_local! {
    static WATCH: Watch = Watch(Instant::now());
}

/// Called by whatever a test starts with; only the first call of a thread counts.
pub fn start() {
    WATCH.with(|_| ());
}
