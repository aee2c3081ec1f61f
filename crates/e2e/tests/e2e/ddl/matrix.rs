//! The matrix of commands: each on a stretched table and on a plain twin; printed, and in `docs/ddl.md`.

#[path = "matrix/rows.rs"]
mod rows;

use super::twin::Twin;
use rows::{Outcome, ROWS, Row};
use std::collections::BTreeSet;
use std::fmt::Write;
use testkit::setup::drain;

/// The subcommands of ALTER TABLE of PostgreSQL 15 that the grammar can make.
const WRITTEN: &str =
    "AddColumn ColumnDefault DropNotNull SetNotNull DropExpression SetStatistics SetOptions ResetOptions
    SetStorage SetCompression DropColumn AddIndex AddIndexConstraint AddConstraint AlterConstraint ValidateConstraint
    DropConstraint AlterColumnType ChangeOwner ClusterOn DropCluster SetLogged SetUnLogged DropOids SetAccessMethod
    SetTableSpace SetRelOptions ResetRelOptions EnableTrig EnableAlwaysTrig EnableReplicaTrig DisableTrig EnableTrigAll
    DisableTrigAll EnableTrigUser DisableTrigUser EnableRule EnableAlwaysRule EnableReplicaRule DisableRule AddInherit
    DropInherit AddOf DropOf ReplicaIdentity EnableRowSecurity DisableRowSecurity ForceRowSecurity NoForceRowSecurity
    AttachPartition DetachPartition DetachPartitionFinalize AddIdentity SetIdentity DropIdentity";

/// Makes the situation of a row, with all cold that the filter selects.
fn situation(twin: &Twin, row: &Row) {
    twin.db.sql(
        "SET client_min_messages = warning; RESET stretch.rewrite; DROP SCHEMA public CASCADE; CREATE SCHEMA public;
         GRANT USAGE ON SCHEMA public TO PUBLIC;
         DROP SCHEMA IF EXISTS there_t, there_plain CASCADE",
    );
    twin.usual();
    if !row.make.is_empty() {
        twin.works(row.make);
    }
    drain(&twin.db, "t");
}

fn check(twin: &Twin, row: &Row) {
    let (db, command) = (&twin.db, row.command);
    situation(twin, row);
    if row.outcome != Outcome::Allowed {
        let on_t = command.replace("{t}", "t");
        let before = db.md5_of("SELECT q::text FROM t q ORDER BY 1");
        let error = db.fails(on_t.split("; ").next().expect("a statement"), "0A000");
        assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{command}: {error}");
        assert_eq!(before, db.md5_of("SELECT q::text FROM t q ORDER BY 1"), "{command}");
        assert_eq!(twin.cold_rows(), 12, "{command}");
        if row.outcome == Outcome::Refused {
            return;
        }
        db.sql("SET stretch.rewrite = on");
    }
    for statement in command.split("; ") {
        let _ = twin.both(statement);
    }
    if row.outcome == Outcome::Rewrite {
        assert_eq!(twin.cold_rows(), 0, "{command}");
    }
    twin.compare(command);
    twin.live_on(command);
}

#[test]
fn every_command_does_to_cold_rows_what_it_does_to_hot_ones_or_is_refused() {
    let twin = Twin::new("ddl-matrix");
    twin.db.sql("CREATE ROLE other");
    for row in ROWS {
        println!("{:?}: {}", row.outcome, row.command);
        check(&twin, row);
    }
    let rows: BTreeSet<&str> = ROWS.iter().filter_map(|row| row.kind.strip_prefix("AT_")).collect();
    let written: BTreeSet<&str> = WRITTEN.split_whitespace().collect();
    assert_eq!(rows, written);
}

#[test]
fn the_page_about_commands_has_the_matrix() {
    let mut table = String::from("| command | on a table with cold rows |\n|---|---|\n");
    for row in ROWS {
        let said = match row.outcome {
            Outcome::Allowed => "as on a plain table",
            Outcome::Rewrite => "with `stretch.rewrite = on`, and all rows are hot then",
            Outcome::Refused => "refused",
        };
        let command = row.command.replace("{t}", "t").replace('|', "\\|");
        writeln!(table, "| `{command}` | {said} |").expect("a text");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ddl.md");
    let page = std::fs::read_to_string(path).expect("docs/ddl.md");
    if std::env::var_os("STRETCH_WRITE_DOCS").is_some() {
        let (before, _) = page.split_once("| command |").expect("the table");
        std::fs::write(path, format!("{before}{table}")).expect("docs/ddl.md");
    }
    let page = std::fs::read_to_string(path).expect("docs/ddl.md");
    assert!(
        page.ends_with(&table),
        "docs/ddl.md: run this test with STRETCH_WRITE_DOCS=1"
    );
}
