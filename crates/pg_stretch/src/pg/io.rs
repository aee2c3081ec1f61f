//! The I/O thread: runs every request to an endpoint, so that the backend only ever waits on its latch (I-12).
//!
//! One thread per process, started at the first request with all signals blocked, runs a tokio current-thread runtime.
//! PostgreSQL is never called from it. A finished job writes an eventfd; the backend waits for latch and eventfd
//! together, so cancel, timeouts and shutdown work while connect, headers or body hang.

use super::error::{Error, Result};
use super::thread;
use pgrx::pg_sys;
use std::future::Future;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

type Job = Box<dyn FnOnce(&tokio::runtime::Handle) + Send>;

struct IoThread {
    jobs: UnboundedSender<Job>,
    done: Arc<OwnedFd>,
    pid: u32,
}

static THREAD: OnceLock<IoThread> = OnceLock::new();

/// A job on the I/O thread. Dropping it aborts the job.
pub struct Ticket<T> {
    result: Arc<Mutex<Option<std::result::Result<T, ()>>>>,
    abort: Arc<Mutex<Option<AbortHandle>>>,
}

/// Starts `future` on the I/O thread.
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<Ticket<T>> {
    let thread = io_thread()?;
    let result = Arc::new(Mutex::new(None));
    let abort = Arc::new(Mutex::new(None));
    let (result_in, abort_in, done) = (result.clone(), abort.clone(), thread.done.clone());
    let job: Job = Box::new(move |runtime| {
        let work = runtime.spawn(future);
        if let Ok(mut slot) = abort_in.lock() {
            *slot = Some(work.abort_handle());
        }
        runtime.spawn(async move {
            let outcome = work.await.map_err(|_| ());
            if let Ok(mut slot) = result_in.lock() {
                *slot = Some(outcome);
            }
            wake(&done);
        });
    });
    thread
        .jobs
        .send(job)
        .map_err(|_| Error::internal("the I/O thread of pg_stretch has ended"))?;
    Ok(Ticket { result, abort })
}

/// Runs `future` on the I/O thread and waits for it; obeys cancel, timeouts and shutdown.
pub fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T> {
    spawn(future)?.wait()
}

impl<T> Ticket<T> {
    /// The result, if it is there already.
    pub fn try_take(&self) -> Option<Result<T>> {
        let taken = self.result.lock().ok()?.take()?;
        Some(taken.map_err(|()| Error::internal("a request to the endpoint ended in a panic or was aborted")))
    }

    /// Waits for the result on latch and eventfd.
    pub fn wait(self) -> Result<T> {
        loop {
            if let Some(result) = self.try_take() {
                return result;
            }
            wait_for_progress(-1);
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if let Some(abort) = self.abort.lock().ok().and_then(|mut slot| slot.take()) {
            abort.abort();
        }
    }
}

/// Waits until some job has ended, the latch is set, or `timeout_ms` have passed (-1: for ever); serves interrupts.
/// Returns true when the latch was the reason.
pub fn wait_for_progress(timeout_ms: i64) -> bool {
    let fd = THREAD.get().map(|thread| thread.done.as_raw_fd());
    let mut events = pg_sys::WL_LATCH_SET | pg_sys::WL_EXIT_ON_PM_DEATH;
    if fd.is_some() {
        events |= pg_sys::WL_SOCKET_READABLE;
    }
    if timeout_ms >= 0 {
        events |= pg_sys::WL_TIMEOUT;
    }
    // SAFETY: MyLatch belongs to this process; the descriptor lives as long as the process.
    let woken = unsafe {
        let woken = pg_sys::WaitLatchOrSocket(
            pg_sys::MyLatch,
            events as i32,
            fd.unwrap_or(-1),
            timeout_ms,
            pg_sys::PG_WAIT_EXTENSION,
        ) as u32;
        if woken & pg_sys::WL_LATCH_SET != 0 {
            pg_sys::ResetLatch(pg_sys::MyLatch);
        }
        woken
    };
    if let Some(fd) = fd {
        let mut count = [0u8; 8];
        // SAFETY: reads at most eight bytes into a buffer of eight from a non-blocking eventfd.
        unsafe { libc::read(fd, count.as_mut_ptr().cast(), 8) };
    }
    pgrx::check_for_interrupts!();
    woken & pg_sys::WL_LATCH_SET != 0
}

fn wake(done: &OwnedFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: writes eight bytes of a live array to an eventfd.
    unsafe { libc::write(done.as_raw_fd(), one.as_ptr().cast(), 8) };
}

fn io_thread() -> Result<&'static IoThread> {
    if let Some(thread) = THREAD.get() {
        if thread.pid != std::process::id() {
            return Err(Error::internal("the I/O thread was started before a fork"));
        }
        return Ok(thread);
    }
    let thread = start()?;
    Ok(THREAD.get_or_init(|| thread))
}

fn start() -> Result<IoThread> {
    // SAFETY: eventfd returns a new descriptor that nobody else owns, or -1.
    let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if raw < 0 {
        return Err(Error::internal(format!(
            "could not create an eventfd: {}",
            std::io::Error::last_os_error()
        )));
    }
    // SAFETY: `raw` is a fresh descriptor.
    let done = Arc::new(unsafe { OwnedFd::from_raw_fd(raw) });
    let (jobs, mut queue) = unbounded_channel::<Job>();
    let body = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Operations of a file:// endpoint run on these, and one that hangs in the kernel keeps its thread also
            // when its job is cancelled: with few threads a handful of them would block every later read for good.
            // Threads are made when needed and end when idle, so a high limit costs nothing.
            .max_blocking_threads(512)
            .build()
        else {
            return;
        };
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            while let Some(job) = queue.recv().await {
                job(&handle);
            }
        });
    };
    thread::spawn("pg_stretch io", body)?;
    Ok(IoThread {
        jobs,
        done,
        pid: std::process::id(),
    })
}
