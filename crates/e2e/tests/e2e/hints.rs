//! Every hint of the guard, of `check_table` and of refused statements is carried out: the situation is made, what the
//! user wanted fails, the hint's statements are run, and then what the user wanted works.
//!
//! A hint that no row names fails the last test, which reads the sources for hints.

#[path = "hints/others.rs"]
mod others;
#[path = "hints/rows.rs"]
mod rows;

use crate::tables::stretched;
use others::{ELSEWHERE, REFUSALS};
use rows::{Row, SITUATION, functions, statements};
use std::collections::BTreeSet;
use testkit::Client;
use testkit::setup::drain;

/// The statements that a hint quotes: those between its colon and what follows them.
fn quoted(hint: &str) -> String {
    let (_, rest) = hint
        .split_once(": ")
        .unwrap_or_else(|| panic!("no statements in {hint}"));
    rest.rsplit_once("; ")
        .map_or(rest, |(statements, _)| statements)
        .to_owned()
}

/// Runs the statements one by one, as a user at a prompt would.
fn run(db: &Client, statements: &str, what: &str) {
    // Statements with a body are one; they hold semicolons.
    let whole = statements.contains("$$");
    for sql in if whole {
        vec![statements]
    } else {
        statements.split("; ").collect()
    } {
        if !sql.trim().is_empty() {
            db.try_sql(sql).unwrap_or_else(|error| panic!("{what}: {sql}: {error}"));
        }
    }
}

#[test]
fn hints_about_stretched_tables_work() {
    carry_out("hints-stretched", statements());
}

/// Makes each situation and does what the hint says.
fn carry_out(name: &str, rows: Vec<Row>) {
    let (cluster, _endpoint, db) = stretched(name);
    drop(db);
    for row in rows {
        let db = cluster.connect("postgres");
        db.sql(SITUATION);
        run(&db, row.make, row.wanted);
        for table in db.lines("SELECT relation::regclass FROM stretch.stretched_table") {
            drain(&db, &table);
        }
        db.sql("SELECT stretch.purge_staged()");
        let wanted = row.wanted;
        let error = match wanted.rsplit_once("; ") {
            Some((before, last)) => {
                run(&db, before, wanted);
                db.fails(last, row.code)
            }
            None => db.fails(wanted, row.code),
        };
        assert!(error.hint.contains(row.hint), "{wanted}: {error}");
        let way = match row.way.contains("{hint}") {
            true => row.way.replace("{hint}", &quoted(&error.hint)),
            false => row.way.to_owned(),
        };
        run(&db, &way, wanted);
        run(&db, if row.then.is_empty() { wanted } else { row.then }, wanted);
        if row.way == "{hint}" {
            assert_eq!(db.int("SELECT count(*) FROM t"), 10, "{wanted}: rows are lost");
        }
    }
}

#[test]
fn hints_of_check_table_work() {
    let (cluster, _endpoint, db) = stretched("hints-refusals");
    drop(db);
    for (make, reason, way) in REFUSALS {
        let db = cluster.connect("postgres");
        db.sql(SITUATION);
        db.sql("DROP TABLE t CASCADE");
        run(&db, make, make);
        let hints: Vec<String> = db
            .rows("SELECT reason, hint FROM stretch.check_table('x', 'id < 5')")
            .into_iter()
            .filter(|row| row[0].as_deref().is_some_and(|text| text.contains(reason)))
            .filter_map(|row| row[1].clone())
            .collect();
        assert!(!hints.is_empty(), "{make}: no reason \"{reason}\"");
        for hint in &hints {
            assert!(!hint.contains("..") && hint.ends_with('.'), "{make}: {hint}");
            // "Use STATEMENT." or "...: STATEMENTS."
            let text = hint.trim_end_matches('.');
            let statement = text
                .strip_prefix("Use ")
                .or_else(|| text.split_once(": ").map(|(_, statements)| statements));
            match (way, statement) {
                ("", Some(statement)) => run(&db, statement, make),
                ("", None) => panic!("{make}: {hint} is no statement"),
                (way, _) => run(&db, way, make),
            }
        }
        db.try_sql("SELECT stretch.enable_table('x', 'id < 5')")
            .unwrap_or_else(|error| panic!("{make}: after {hints:?}: {error}"));
    }
}

#[test]
fn hints_of_functions_work() {
    carry_out("hints-functions", functions());
}

#[test]
fn every_hint_has_a_row() {
    let here = concat!(include_str!("hints/rows.rs"), include_str!("hints/others.rs"));
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../pg_stretch/src");
    let mut missing = BTreeSet::new();
    for file in testkit::endpoint::files(sources.as_ref()) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for after in text.split(".hint(").skip(1) {
            let literal = after.trim_start().trim_start_matches("format!(").trim_start();
            let Some(literal) = literal.strip_prefix('"') else {
                continue;
            };
            let begin: String = literal.chars().take_while(|c| !"\"{".contains(*c)).take(40).collect();
            let begin = begin.trim_end_matches(['.', '\\']).to_owned();
            if !here.contains(&begin)
                && !ELSEWHERE
                    .iter()
                    .any(|(hint, _)| hint.starts_with(&begin) || begin.starts_with(hint))
            {
                missing.insert(begin);
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e");
    for (hint, place) in ELSEWHERE {
        let Some((file, test)) = place.split_once("::") else {
            continue;
        };
        let text = std::fs::read_to_string(format!("{tests}/{file}.rs")).expect("a file of tests");
        assert!(text.contains(&format!("fn {test}()")), "{hint}: there is no {place}");
    }
}
