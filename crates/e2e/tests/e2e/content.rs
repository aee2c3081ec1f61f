//! Random tables keep exactly their content: stretched, purged, restarted, dumped and restored.
//!
//! `STRETCH_SEED` replays a run, `STRETCH_TABLES` sets the number of tables.

#[path = "content/compare.rs"]
mod compare;
#[path = "content/filter.rs"]
mod filter;
#[path = "content/kinds.rs"]
mod kinds;
#[path = "content/table.rs"]
mod table;
#[path = "content/values.rs"]
mod values;

use crate::seed;
use compare::Contents;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::time::Instant;
use table::{Deck, Occurred, Shape, Table};
use testkit::setup::IS_HOT;
use testkit::{Client, Cluster, Endpoint, PATIENCE, odd, setup, wait_until};

const SCHEMA: &str = "CREATE SCHEMA other_schema";

fn tables(r: &mut StdRng, db: &Client) -> Vec<Table> {
    let count: usize = std::env::var("STRETCH_TABLES").map_or(22, |text| text.parse().expect("a number of tables"));
    let mut deck = Deck::new();
    let shape = |number| match number {
        0 => Shape::Long,
        1 => Shape::Many,
        2 | 3 => Shape::Empty,
        _ => Shape::Usual,
    };
    (0..count)
        .map(|number| Table::create(r, &mut deck, db, number, shape(number)))
        .collect()
}

#[test]
fn random_tables_keep_their_content() {
    let mut r = StdRng::seed_from_u64(seed::seed());
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1} s  {what}", began.elapsed().as_secs_f64());

    let cluster = Cluster::builder("content").conf("stretch.batch_rows", "500").start();
    cluster.create_database("original");
    let db = cluster.connect("original");
    db.sql(SCHEMA);
    db.sql(kinds::OWN_TYPES);
    let tables = tables(&mut r, &db);
    let before = Contents::of(&db, &tables);
    step("loaded");

    let endpoint = Endpoint::new();
    // The worker meets them when it starts, which enabling the database makes it do; our own sessions stay as they are.
    odd::set_for_database(&cluster, "original", "LATIN1");
    setup::enable_database(&db, &endpoint.url());
    odd::reset_for_database(&cluster, "original");
    for table in &tables {
        db.sql(&table.enable());
    }
    before.must_be(&db, &tables, "while migrating");
    let drained = db.try_sql("SELECT stretch.drain()");
    let failures = db.lines(
        "SELECT DISTINCT relation, sqlstate, message FROM stretch.migration_batch JOIN stretch.stretched_table \
         USING (table_id)
          WHERE sqlstate IS NOT NULL",
    );
    assert!(
        drained.is_ok() && failures.is_empty(),
        "{drained:?}\n{}",
        failures.join("\n")
    );
    step("drained");

    let mut occurred = Occurred::new();
    for table in &tables {
        let left = format!(
            "SELECT count(*) FROM ONLY {} WHERE {IS_HOT} AND ({})",
            table.name,
            table.filter.as_deref().unwrap_or("true")
        );
        assert_eq!(
            db.int(&left),
            0,
            "rows stayed hot that the filter of {} selects: {:?}",
            table.name,
            table.filter
        );
        table.count(&db, &mut occurred);
    }
    check(&occurred);
    before.must_be(&db, &tables, "after the drain");
    step("compared");

    db.sql("SELECT stretch.purge_staged()");
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.staged_chunk"),
        0,
        "everything is purged"
    );
    before.must_be(&db, &tables, "after the purge");
    drop(db);
    cluster.restart();
    let db = cluster.connect("original");
    before.must_be(&db, &tables, "after a restart");
    step("purged and restarted");

    let plain = cluster.pg_dump("original", &[]);
    cluster.create_database("from_plain");
    cluster.psql_file("from_plain", &plain);
    restored(&cluster, "from_plain", &tables, &before);
    step("restored by psql");
    let custom = cluster.pg_dump("original", &["-Fc"]);
    cluster.create_database("from_custom");
    cluster.pg_restore("from_custom", &["-j", "2"], &custom);
    restored(&cluster, "from_custom", &tables, &before);
    step("restored by pg_restore");

    wait_until("the original to be itself after its restart", PATIENCE, || {
        db.text("SELECT state FROM stretch.status") == "connected"
    });
    before.must_be(&db, &tables, "in the original, at the end");
    compacted_and_home(&cluster, &db, &tables, &before);
    step("done");
}

/// Segments are written anew, and then all rows come back.
fn compacted_and_home(cluster: &Cluster, db: &Client, tables: &[Table], before: &Contents) {
    cluster.set_conf(&[("stretch.batch_rows", "100000")]);
    cluster.reload();
    wait_until("the setting", PATIENCE, || {
        cluster.connect("original").int("SHOW stretch.batch_rows") == 100_000
    });
    let replaced = "SELECT sum(stretch.compact(relation)) FROM stretch.tables";
    let replaced = db.int(replaced);
    assert!(replaced >= 4, "only {replaced} segments were written anew");
    before.must_be(db, tables, "compacted");
    for relation in db.lines("SELECT relation FROM stretch.tables") {
        let name = relation.replace('\'', "''");
        db.sql(&format!(
            "SELECT stretch.disable_table('{name}', leave_remote_data => false)"
        ));
    }
    before.must_be(db, tables, "at home");
}

fn restored(cluster: &Cluster, name: &str, tables: &[Table], before: &Contents) {
    let db = cluster.connect(name);
    let cold = db.text(
        "SELECT relation FROM stretch.stretched_table JOIN stretch.manifest USING (table_id) WHERE row_total > 0",
    );
    db.fails(&format!("SELECT * FROM {cold}"), "ST001");
    for line in setup::reauthorize(&db) {
        assert!(line.ends_with("|t"), "{line}");
    }
    before.must_be(&db, tables, name);
}

/// The run counts only when everything that it is about was there.
fn check(occurred: &Occurred) {
    for (what, count) in occurred {
        println!("{count:8}  {what}");
    }
    let count = |what: &str| occurred.get(what).copied().unwrap_or(0);
    let mut wanted: Vec<String> = kinds::KINDS
        .iter()
        .map(|kind| format!("cold: type {}", kind.sql))
        .collect();
    for what in [
        "Native",
        "Fallback",
        "NULL",
        "megabyte",
        "outside the tuple",
        "NaN",
        "infinity",
        "BC",
    ] {
        wanted.push(format!("cold: {what}"));
    }
    for what in [
        "empty table",
        "dropped column",
        "generated column",
        "rows left by a filter",
    ] {
        wanted.push(what.to_owned());
    }
    let never: Vec<&String> = wanted.iter().filter(|what| count(what) == 0).collect();
    assert!(never.is_empty(), "these never occurred: {never:?}");
    let (cold, rows) = (count("cold: rows"), count("rows"));
    assert!(cold * 10 >= rows * 6, "only {cold} of {rows} rows are cold");
}
