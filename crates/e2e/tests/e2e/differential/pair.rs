//! Two sessions that do the same: one among stretched tables, one among their plain twins.

use super::others;
use super::session::{Answer, Session};
use super::tables::SCHEMAS;
use testkit::Cluster;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Level {
    /// How a transaction begins on each side. A plain twin of a SERIALIZABLE one is REPEATABLE READ: it shows the same,
    /// and never gives up where the other does not.
    pub fn begin(self) -> [&'static str; 2] {
        match self {
            Level::ReadCommitted => ["BEGIN", "BEGIN"],
            Level::RepeatableRead => ["BEGIN ISOLATION LEVEL REPEATABLE READ"; 2],
            Level::Serializable => [
                "BEGIN ISOLATION LEVEL SERIALIZABLE",
                "BEGIN ISOLATION LEVEL REPEATABLE READ",
            ],
        }
    }
}

pub struct Pair {
    pub cold: Session,
    pub plain: Session,
}

impl Pair {
    pub fn new(cluster: &Cluster, database: &str, generic: bool) -> Self {
        let [cold, plain] = SCHEMAS.map(|schema| {
            let client = cluster.connect(database);
            client.sql(&format!("SET search_path = {schema}, public"));
            if generic {
                client.sql("SET plan_cache_mode = force_generic_plan");
            }
            client.sql(others::PREPARE);
            Session::new(client)
        });
        Self { cold, plain }
    }

    /// Runs a statement of the test's own on both sides, which cannot fail.
    pub fn must(&self, [cold, plain]: [&str; 2]) {
        self.cold.must(cold);
        self.plain.must(plain);
    }
}

/// What the answers of both sides come to.
pub enum Verdict {
    /// They are alike; true when it worked.
    Alike(bool),
    /// One of them has to give up its transaction, and the other gives it up with it.
    GaveUp,
}

/// Whether a transaction has to begin anew.
pub fn is_conflict(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| ["40001", "40P01"].contains(&error.code.as_str()))
}

/// An answer as it is shown when there is a difference.
pub fn show(answer: &Answer, but: &Answer) -> String {
    match (answer, but) {
        (Ok(done), Ok(other)) => {
            let only: Vec<&str> = done
                .rows
                .iter()
                .filter(|row| !other.rows.contains(row))
                .map(String::as_str)
                .collect();
            format!(
                "{} rows, count {}, only here:\n{}",
                done.rows.len(),
                done.count,
                only.join("\n")
            )
        }
        (Ok(done), Err(_)) => format!(
            "{} rows, count {}:\n{}",
            done.rows.len(),
            done.count,
            done.rows.join("\n")
        ),
        (Err(error), _) => format!("{error}\n  CONTEXT: {}", error.context),
    }
}
