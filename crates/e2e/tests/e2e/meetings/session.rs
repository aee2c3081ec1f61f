//! Sessions that run what they are given one after another, each in a thread of its own, and how to see that all of
//! them have come to rest.

use std::cell::RefCell;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use testkit::{Client, Cluster, PATIENCE, wait_until};

/// What a statement gave: its rows, or the SQLSTATE.
pub type Told = Result<Vec<String>, String>;

/// One session.
pub struct Session {
    pub pid: i32,
    statements: Option<Sender<String>>,
    answers: Receiver<Told>,
    heard: RefCell<Heard>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    asked: usize,
    told: Vec<Told>,
}

impl Session {
    pub fn new(cluster: &Cluster, database: &str) -> Self {
        let client = cluster.connect(database);
        let (statements, todo) = channel::<String>();
        let (answer, answers) = channel();
        let pid = client.pid();
        let thread = std::thread::spawn(move || {
            for sql in todo {
                // The other end is gone when the test has failed.
                let _ = answer.send(run(&client, &sql));
            }
        });
        Self {
            pid,
            statements: Some(statements),
            answers,
            heard: RefCell::default(),
            thread: Some(thread),
        }
    }

    /// Gives it a statement, which it begins when it is through with those before.
    pub fn ask(&self, sql: impl Into<String>) {
        self.heard.borrow_mut().asked += 1;
        let statements = self.statements.as_ref().expect("it lives");
        statements.send(sql.into()).expect("its thread lives");
    }

    /// Whether it has done all that it was given.
    pub fn is_idle(&self) -> bool {
        let mut heard = self.heard.borrow_mut();
        heard.told.extend(self.answers.try_iter());
        heard.told.len() == heard.asked
    }

    /// All answers since the last call, when it is idle.
    pub fn told(&self) -> Vec<Told> {
        wait_until("a session's answer", PATIENCE, || self.is_idle());
        std::mem::take(&mut *self.heard.borrow_mut()).told
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, if self.is_idle() { "idle" } else { "active" })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.statements.take());
        // One that waits for ever is left alone: the server's end is its end, too.
        if self.is_idle()
            && let Some(thread) = self.thread.take()
        {
            thread.join().expect("no panic");
        }
    }
}

fn run(client: &Client, sql: &str) -> Told {
    let line = |row: Vec<Option<String>>| {
        let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        cells.join("|")
    };
    match client.try_rows(sql) {
        Ok(rows) => Ok(rows.into_iter().map(line).collect()),
        Err(error) => Err(error.code),
    }
}

/// Waits until each session is idle or waits for another one. Whoever waits for a process of `busy` goes on by himself.
/// How many wait.
pub fn settle(control: &Client, sessions: &[&Session], busy: &[i32]) -> usize {
    let list = |pids: Vec<String>| pids.join(",");
    let busy = list(busy.iter().map(i32::to_string).collect());
    let began = Instant::now();
    loop {
        let active = sessions.iter().filter(|session| !session.is_idle());
        let active: Vec<String> = active.map(|session| session.pid.to_string()).collect();
        let waiting = active.len();
        let at_rest = active.is_empty()
            || control.bool(&format!(
                "SELECT bool_and(blockers <> '{{}}' AND NOT blockers && '{{{busy}}}'::int[]) FROM (
                    SELECT pg_blocking_pids(pid) AS blockers FROM unnest('{{{}}}'::int[]) pid OFFSET 0
                 ) s, pg_sleep(0.005)",
                list(active)
            ));
        // One that went on just then may have got the lock of another one.
        let now = sessions.iter().filter(|session| !session.is_idle()).count();
        if at_rest && now == waiting {
            return waiting;
        }
        assert!(began.elapsed() < PATIENCE, "sessions {sessions:?} do not come to rest");
    }
}
