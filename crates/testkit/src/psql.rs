//! psql that is given a script piece by piece, as PostgreSQL's regression driver gives it the whole: what it prints is
//! the same, and between two pieces it waits.
//!
//! The end of a piece is a comment behind it. psql repeats every line that it reads once it has finished the one
//! before, and sends no comment that stands outside of a statement.

use crate::cluster::Cluster;
use crate::wait::PATIENCE;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// What has been printed and not been taken.
#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    ended: bool,
}

type Shared = Arc<(Mutex<Printed>, Condvar)>;

/// A running psql.
pub struct Psql {
    child: Child,
    input: Option<ChildStdin>,
    printed: Shared,
    reader: Option<JoinHandle<()>>,
    pieces: usize,
}

impl Psql {
    /// Starts it with `-a -q`, in an environment that the caller completes.
    pub fn start(cluster: &Cluster, database: &str, environment: &[(&str, &str)]) -> Psql {
        let (mut from, into) = std::io::pipe().expect("a pipe can be made");
        let also = into.try_clone().expect("a pipe can be shared");
        let mut command = cluster.command("psql");
        // The suite expects messages and widths of this locale.
        command.env_remove("LC_ALL").env("LC_MESSAGES", "C");
        command
            .args(["-X", "-a", "-q", "-d", database])
            .args(["-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(into)
            .stderr(also);
        let mut child = command.spawn().expect("psql runs");
        // Our ends of the pipe are in it; psql's must be the only ones.
        drop(command);
        let printed = Shared::default();
        let shared = Arc::clone(&printed);
        let reader = std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            loop {
                let length = from.read(&mut piece).unwrap_or(0);
                let mut printed = shared.0.lock().expect("no panic while held");
                printed.bytes.extend_from_slice(&piece[..length]);
                printed.ended |= length == 0;
                shared.1.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        Psql {
            input: child.stdin.take(),
            child,
            printed,
            reader: Some(reader),
            pieces: 0,
        }
    }

    /// Gives it some lines and waits until it has done them: what it printed, or what is left where it ended.
    #[track_caller]
    pub fn run(&mut self, text: &str) -> Result<String, String> {
        self.pieces += 1;
        let mark = format!("-- end of piece {} of {}\n", self.pieces, std::process::id());
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let input = self.input.as_mut().expect("it was not ended");
        // Whether it still reads shows in what it prints.
        let _ = input.write_all(format!("{text}{end}{mark}").as_bytes());
        let _ = input.flush();
        self.wait(text, Some(mark.as_bytes()))
    }

    /// Tells it that the script is over: what it printed since the last piece.
    pub fn end(mut self) -> String {
        drop(self.input.take());
        let left = self.wait("the end of the script", None);
        self.child.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        left.unwrap_or_else(|left| left)
    }

    fn wait(&self, what: &str, mark: Option<&[u8]>) -> Result<String, String> {
        let began = Instant::now();
        let (lock, changed) = &*self.printed;
        let mut printed = lock.lock().expect("no panic while held");
        let mut looked = 0;
        loop {
            let found = mark.and_then(|mark| find(&printed.bytes, mark, looked));
            if let (Some(at), Some(mark)) = (found, mark) {
                let rest = printed.bytes.split_off(at + mark.len());
                printed.bytes.truncate(at);
                return Ok(text(&std::mem::replace(&mut printed.bytes, rest)));
            }
            if printed.ended {
                return Err(text(&std::mem::take(&mut printed.bytes)));
            }
            looked = printed.bytes.len().saturating_sub(mark.map_or(0, <[u8]>::len));
            assert!(began.elapsed() < PATIENCE, "psql does not come to an end of:\n{what}");
            printed = changed.wait_timeout(printed, PATIENCE).expect("no panic while held").0;
        }
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where the mark is, looked for from a place on. A command may have left the line before it without an end.
fn find(bytes: &[u8], mark: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len().saturating_sub(mark.len() - 1)).find(|at| bytes[*at..].starts_with(mark))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
