//! The migrations of three public applications, release after release, on tables that are 90 % cold and on plain twins:
//! the same definitions, the same content, and the same answers to what the application does after each release.
//!
//! A history is a file of plain SQL; `script.rs` says what its `--:` lines mean. They name exactly the statements that
//! need `stretch.rewrite` or the rows at home, so that a line goes when the product gets better.

#[path = "migration_histories/check.rs"]
mod check;
#[path = "migration_histories/run.rs"]
mod run;
#[path = "migration_histories/script.rs"]
mod script;
#[path = "migration_histories/sides.rs"]
mod sides;

#[test]
fn the_migrations_of_an_issue_tracker_run_over_cold_rows() {
    run::history("tracker", include_str!("migration_histories/tracker.sql"));
}

#[test]
fn the_migrations_of_a_workflow_engine_run_over_cold_rows() {
    run::history("workflow", include_str!("migration_histories/workflow.sql"));
}

#[test]
fn the_migrations_of_a_chat_server_run_over_cold_rows() {
    run::history("chat", include_str!("migration_histories/chat.sql"));
}
