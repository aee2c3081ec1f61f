//! Object mappers: scripts that use Django and SQLAlchemy run on stretched tables and on plain ones, whose rows are
//! cold, hot or new, and find the same: what each call returns, which errors it raises, and the content at the end.

use crate::differential::tables::{SCHEMAS, differences};
use std::path::Path;
use std::process::Command;
use std::thread;
use testkit::setup::enable_database;
use testkit::{Cluster, Endpoint, os, tree};

/// What the scripts have to kill of cold rows, to prove anything.
const KILLED: u64 = 200;

#[test]
fn django_finds_stretched_tables_as_plain_ones() {
    alike("django_calls.py");
}

#[test]
fn sqlalchemy_finds_stretched_tables_as_plain_ones() {
    alike("sqlalchemy_calls.py");
}

fn alike(script: &str) {
    let cluster = Cluster::builder("mappers")
        .conf("stretch.naptime", "1h")
        .conf("autovacuum", "off")
        .conf("max_prepared_transactions", "4")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    for schema in SCHEMAS {
        db.sql(&format!("CREATE SCHEMA {schema}"));
    }
    let [cold, plain] = thread::scope(|scope| {
        SCHEMAS
            .map(|schema| scope.spawn(|| run(script, &cluster, schema)))
            .map(|script| script.join().expect("a script ends"))
    });
    let (told, compared): (Vec<&str>, Vec<&str>) = cold.lines().partition(|line| line.starts_with('#'));
    println!("{script}: {} lines compared; {}", compared.len(), told.join("; "));
    let mut scenario = "";
    let mut found = Vec::new();
    for (one, other) in compared.iter().zip(plain.lines()) {
        if one.starts_with("===") {
            scenario = one;
        }
        if *one != other {
            found.push(format!("{scenario}\n  stretched: {one}\n  plain:     {other}"));
        }
    }
    assert!(found.is_empty(), "{script}:\n{}", found.join("\n"));
    assert_eq!(
        compared.len(),
        plain.lines().count(),
        "{script} printed more on one side"
    );
    let tables = db.lines("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'plain'");
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    let differences = differences(&db, &tables);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let killed = told
        .iter()
        .find_map(|line| line.rsplit(", ").next()?.split(' ').next()?.parse::<u64>().ok());
    assert!(killed.is_some_and(|killed| killed > KILLED), "{told:?}");
}

/// What a script prints about the tables of a schema.
fn run(script: &str, cluster: &Cluster, schema: &str) -> String {
    let python = tree::build_dir().with_file_name("venv").join("bin/python");
    assert!(
        python.exists(),
        "{} is missing; run `cargo xtask prepare`",
        python.display()
    );
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/object_mappers");
    // Nothing is to be written beside the sources.
    os::run_ok(
        Command::new(python)
            .arg("-B")
            .arg(scripts.join(script))
            .arg(cluster.socket_dir())
            .arg(schema),
    )
}
