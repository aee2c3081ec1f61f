//! A session with a thread of its own, so that the test can go on while one of its statements waits for a lock.

use super::statement::{Statement, What};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use testkit::{Client, PATIENCE, SqlError};

/// What a statement gave: its rows as lines, and the count of its command tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub rows: Vec<String>,
    pub count: u64,
}

pub type Answer = Result<Done, SqlError>;

pub struct Session {
    pub pid: i32,
    asked: Sender<Statement>,
    answers: Receiver<Answer>,
}

impl Session {
    pub fn new(client: Client) -> Self {
        let (asked, questions) = channel::<Statement>();
        let (told, answers) = channel();
        let pid = client.pid();
        std::thread::spawn(move || {
            for statement in questions {
                if told.send(run(&client, &statement)).is_err() {
                    break;
                }
            }
        });
        Self { pid, asked, answers }
    }

    /// Begins a statement, whose answer is to be asked for.
    pub fn start(&self, statement: &Statement) {
        self.asked.send(statement.clone()).expect("its thread lives");
    }

    /// The answer of the statement that runs; `None` when it waits for the process `other`, which is idle.
    pub fn answer(&self, monitor: &Client, other: i32) -> Option<Answer> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(15);
        loop {
            match self.answers.recv_timeout(pause) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => panic!("the session's thread is gone"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let blocked = format!("SELECT {other} = ANY (pg_blocking_pids({}))", self.pid);
            if monitor.bool(&blocked) {
                return self.answers.try_recv().ok();
            }
            pause = (pause * 2).min(Duration::from_millis(200));
            if began.elapsed() > PATIENCE {
                let locks = monitor.lines(
                    "SELECT pid, pg_blocking_pids(pid), state, left(query, 200) FROM pg_stat_activity
                        WHERE datname = current_database()",
                );
                panic!("a statement of process {} never ends:\n{}", self.pid, locks.join("\n"));
            }
        }
    }

    /// The answer of the statement that runs, which waits for nobody for long.
    pub fn finish(&self) -> Answer {
        self.answers.recv_timeout(PATIENCE).expect("the statement ends")
    }

    /// Runs a statement of the test's own that cannot fail.
    pub fn must(&self, sql: &str) -> Done {
        self.start(&Statement::new("own", sql));
        self.finish().unwrap_or_else(|error| panic!("{error}\n  of: {sql}"))
    }
}

/// Runs a statement on a connection.
pub fn run(client: &Client, statement: &Statement) -> Answer {
    let mut done = match &statement.what {
        What::Sql => {
            let (rows, count) = client.try_counted(&statement.text)?;
            let line = |row: Vec<Option<String>>| {
                let cells: Vec<String> = row.into_iter().map(|cell| cell.unwrap_or("NULL".into())).collect();
                cells.join("|")
            };
            let rows = rows.into_iter().map(line).collect();
            Done { rows, count }
        }
        What::CopyIn(lines) => Done {
            rows: Vec::new(),
            count: client.try_copy_in(&statement.text, lines.as_bytes())?,
        },
        What::CopyOut => {
            let bytes = client.try_copy_out(&statement.text)?;
            let rows: Vec<String> = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
            Done {
                count: rows.len() as u64,
                rows,
            }
        }
    };
    if !statement.ordered {
        done.rows.sort();
    }
    Ok(done)
}
