//! Random statements of every kind do to stretched tables what they do to plain twins: the same rows, the same
//! SQLSTATEs, the same content, while rows migrate and one or two sessions work on both.
//!
//! `STRETCH_SEED` replays a run's statements and how they alternate (not the moments at which the worker moves rows);
//! `STRETCH_STATEMENTS` says how many there are per isolation level.

#[path = "differential/counts.rs"]
mod counts;
#[path = "differential/draw.rs"]
pub mod draw;
#[path = "differential/ending.rs"]
mod ending;
#[path = "differential/keeper.rs"]
pub mod keeper;
#[path = "differential/locks.rs"]
mod locks;
#[path = "differential/others.rs"]
pub mod others;
#[path = "differential/pair.rs"]
pub mod pair;
#[path = "differential/reads.rs"]
mod reads;
#[path = "differential/round.rs"]
mod round;
#[path = "differential/run.rs"]
mod run;
#[path = "differential/session.rs"]
pub mod session;
#[path = "differential/statement.rs"]
pub mod statement;
#[path = "differential/tables.rs"]
pub mod tables;
#[path = "differential/transaction.rs"]
mod transaction;
#[path = "differential/upserts.rs"]
mod upserts;
#[path = "differential/writes.rs"]
mod writes;

use pair::Level;

#[test]
fn statements_at_read_committed_do_what_they_do_to_plain_tables() {
    run::run(Level::ReadCommitted);
}

#[test]
fn statements_at_repeatable_read_do_what_they_do_to_plain_tables() {
    run::run(Level::RepeatableRead);
}

#[test]
fn statements_at_serializable_do_what_they_do_to_plain_tables() {
    run::run(Level::Serializable);
}
