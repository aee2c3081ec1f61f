//! Applications: six schemas as their programmers write them, the tables stretched that an administrator would choose,
//! and a day of statements on them and on plain twins, while batches move rows: the same rows, the same SQLSTATEs, the
//! same content.
//!
//! `STRETCH_SEED` replays a run, with all moments at which rows move; `STRETCH_STATEMENTS` says how many statements
//! each application runs.

#[path = "schemas/app.rs"]
mod app;
#[path = "schemas/chat.rs"]
mod chat;
#[path = "schemas/day.rs"]
mod day;
#[path = "schemas/ledger.rs"]
mod ledger;
#[path = "schemas/metrics.rs"]
mod metrics;
#[path = "schemas/shop.rs"]
mod shop;
#[path = "schemas/sides.rs"]
mod sides;
#[path = "schemas/tally.rs"]
mod tally;
#[path = "schemas/tracker.rs"]
mod tracker;
#[path = "schemas/workflow.rs"]
mod workflow;

use crate::differential::draw::Draw;
use crate::differential::statement::Statement;

#[test]
fn an_issue_tracker_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&tracker::APP);
}

#[test]
fn a_workflow_engine_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&workflow::APP);
}

#[test]
fn a_chat_server_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&chat::APP);
}

#[test]
fn a_shop_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&shop::APP);
}

#[test]
fn a_monitoring_system_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&metrics::APP);
}

#[test]
fn a_payment_ledger_works_on_stretched_tables_as_on_plain_ones() {
    day::run(&ledger::APP);
}
