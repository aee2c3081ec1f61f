//! Dumps and copies of stretched tables: nothing is left out without a word, and nothing is restored over what is there
//! (C-2, F47).

use crate::tables::stretched;
use std::process::Output;
use testkit::setup::{drain, enable_table, purge, reauthorize};
use testkit::{Client, Cluster, digest};

/// Ten orders, of which four are cold; a generated column, and a role that may read two columns.
fn orders(db: &Client) {
    db.sql(
        "CREATE ROLE reader LOGIN;
         CREATE TABLE orders (id int PRIMARY KEY, note text, twice int GENERATED ALWAYS AS (id * 2) STORED);
         CREATE TABLE plain (id int PRIMARY KEY);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 10) n;
         INSERT INTO plain SELECT generate_series(1, 10);
         GRANT SELECT (id, note) ON orders TO reader;
         SELECT stretch.enable_table('orders', 'id < 5')",
    );
    drain(db, "orders");
}

fn lines(bytes: Vec<u8>) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8(bytes)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_by_key(|line| line.split('\t').next().and_then(|id| id.parse::<i32>().ok()));
    lines
}

#[test]
fn copy_to_leaves_nothing_out_without_a_word() {
    let (cluster, _endpoint, db) = stretched("dumps-copy");
    orders(&db);
    let db = cluster.connect("postgres");
    let all: Vec<String> = (1..=10).map(|n| format!("{n}\tnote {n}")).collect();
    let error = db.fails("COPY orders TO STDOUT", "ST015");
    assert!(error.message.contains("would leave out 4 cold rows"), "{error}");
    assert!(error.hint.contains("'all'") && error.hint.contains("'hot'"), "{error}");
    db.fails("COPY orders (id) TO STDOUT (FORMAT binary)", "ST015");
    // What says what it takes, and what has no cold rows, is not concerned.
    assert_eq!(lines(db.copy_out("COPY (SELECT id, note FROM orders) TO STDOUT")), all);
    assert_eq!(
        lines(db.copy_out("COPY (SELECT id FROM ONLY orders WHERE ctid < '(2147483648,0)') TO STDOUT")).len(),
        6
    );
    assert_eq!(lines(db.copy_out("COPY plain TO STDOUT")).len(), 10);
    db.sql("SET stretch.copy_to = hot");
    assert_eq!(lines(db.copy_out("COPY orders TO STDOUT")), all[4..]);
    db.sql("SET stretch.copy_to = 'all'");
    assert_eq!(lines(db.copy_out("COPY orders TO STDOUT")), all);
    assert_eq!(
        lines(db.copy_out("COPY public.orders (note, id) TO STDOUT (FORMAT csv, FORCE_QUOTE (note))")).len(),
        10
    );
    assert!(lines(db.copy_out("COPY orders (note) TO STDOUT (FORMAT csv, HEADER)")).contains(&"note".to_owned()));
    assert!(db.notices().is_empty());
    // Rights are those of the table and its columns; a prepared statement and a function are no way around.
    let reader = cluster.connect_as("reader", "postgres");
    reader.fails("COPY orders (id) TO STDOUT", "ST015");
    reader.sql("SET stretch.copy_to = 'all'");
    assert_eq!(lines(reader.copy_out("COPY orders (id, note) TO STDOUT")), all);
    db.sql("REVOKE SELECT ON orders FROM reader; REVOKE SELECT (id, note) ON orders FROM reader");
    cluster
        .connect_as("reader", "postgres")
        .fails("COPY orders TO STDOUT", "42501");
    reader.fails("COPY orders TO STDOUT", "42501");
    // Policies hold.
    db.sql(
        "GRANT SELECT ON orders TO reader; CREATE POLICY odd ON orders USING (id % 2 = 1); \
        ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    );
    assert_eq!(
        lines(reader.copy_out("COPY orders (id, note) TO STDOUT")),
        all.iter().step_by(2).cloned().collect::<Vec<_>>()
    );
    let file = cluster.scratch("copies").join("orders");
    testkit::os::give(file.parent().expect("a folder"));
    db.sql(&format!("COPY orders TO '{}'", file.display()));
    assert_eq!(lines(std::fs::read(&file).expect("the file")), all);
}

fn pg_dump(cluster: &Cluster, options: &[&str], environment: &[(&str, &str)], file: &str) -> Output {
    let mut dump = cluster.command("pg_dump");
    dump.args(options).envs(environment.iter().copied()).arg("--no-sync");
    dump.arg("--file")
        .arg(cluster.scratch("dumps").join(file))
        .arg("postgres");
    dump.output().expect("pg_dump runs")
}

#[test]
fn a_partial_dump_fails_and_a_whole_one_is_silent() {
    let (cluster, _endpoint, db) = stretched("dumps-partial");
    orders(&db);
    let renamed = [("PGAPPNAME", "nightly")];
    for (number, (options, environment)) in [
        (vec!["-Fc"], &renamed[..0]),
        (vec!["-Fc"], &renamed[..]),
        (vec!["-Fp", "-a"], &renamed[..]),
        (vec!["-Fp", "--inserts"], &renamed[..]),
        (vec!["-Fp", "--column-inserts", "--rows-per-insert=3"], &renamed[..0]),
        (vec!["-Fp", "--serializable-deferrable"], &renamed[..0]),
        (vec!["-Fd", "-j2"], &renamed[..]),
        (vec!["-Fd", "-j2", "--inserts"], &renamed[..0]),
        (vec!["-Fc", "-s"], &renamed[..0]),
        (vec!["-Fc", "-t", "plain"], &renamed[..0]),
        // The setting is for partial dumps.
        (vec!["-Fp"], &[("PGOPTIONS", "-c stretch.copy_to=all")][..]),
    ]
    .into_iter()
    .enumerate()
    {
        let out = pg_dump(&cluster, &options, environment, &format!("whole{number}"));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.is_empty(), "{options:?}: {said}");
        if options.contains(&"-Fp") {
            let text =
                std::fs::read_to_string(cluster.scratch("dumps").join(format!("whole{number}"))).expect("a script");
            assert!(
                text.contains("note 10") && !text.contains("note 3"),
                "{options:?}: the hot rows and no other"
            );
        }
    }
    for (number, options) in [
        vec!["-Fc", "-t", "orders"],
        vec!["-Fp", "-t", "orders", "--inserts"],
        vec!["-Fp", "-t", "orders", "--column-inserts"],
        vec!["-Fp", "-n", "public"],
        vec!["-Fp", "-a", "-t", "orders", "-t", "plain"],
        vec!["-Fd", "-j2", "-t", "orders", "-t", "plain"],
        vec!["-Fp", "--exclude-schema=stretch"],
        vec!["-Fp", "--exclude-table-data=stretch.*"],
    ]
    .into_iter()
    .enumerate()
    {
        let out = pg_dump(&cluster, &options, &renamed, &format!("part{number}"));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && said.contains("would leave out 4 cold rows"),
            "{options:?}: {said}"
        );
        assert!(
            said.contains("PGOPTIONS='-c stretch.copy_to=all'"),
            "{options:?}: {said}"
        );
        if options.contains(&"-Fp") {
            for (value, rows) in [("all", 10), ("hot", 6)] {
                let file = format!("part{number}{value}");
                let out = pg_dump(
                    &cluster,
                    &options,
                    &[("PGOPTIONS", &format!("-c stretch.copy_to={value}"))],
                    &file,
                );
                assert!(
                    out.status.success() && out.stderr.is_empty(),
                    "{options:?}: {}",
                    String::from_utf8_lossy(&out.stderr)
                );
                let text = std::fs::read_to_string(cluster.scratch("dumps").join(&file)).expect("a script");
                let notes = text.split("note ").skip(1);
                let found = notes
                    .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                    .count();
                assert_eq!(found, rows, "{options:?} {value}");
            }
        }
    }
    assert!(!cluster.log().contains("a dump without cold rows was taken"));
}

/// A dump of one table with all its rows becomes an ordinary table, when who restores it says so.
#[test]
fn all_rows_of_one_table_can_be_restored() {
    let (cluster, _endpoint, db) = stretched("dumps-one");
    orders(&db);
    purge(&db, "orders");
    let all = [("PGOPTIONS", "-c stretch.copy_to=all")];
    for (number, options) in [&[][..], &["--no-table-access-method"]].into_iter().enumerate() {
        let file = format!("one{number}");
        let out = pg_dump(&cluster, &["-Fc", "-t", "orders"], &all, &file);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let name = format!("copy{number}");
        cluster.create_database(&name);
        let copy = cluster.connect(&name);
        copy.sql("CREATE EXTENSION pg_stretch");
        cluster.pg_restore(&name, options, &cluster.scratch("dumps").join(&file));
        if options.is_empty() {
            let error = copy.fails("SELECT count(*) FROM orders", "ST010");
            let way = "ALTER TABLE public.orders SET ACCESS METHOD heap";
            assert!(error.hint.contains(way), "{error}");
            copy.sql(way);
        }
        assert_eq!(copy.int("SELECT count(*) FROM orders"), 10);
    }
}

/// While no cold row can be read, foreign keys are restored as the dump has them, and hold again afterwards.
#[test]
fn foreign_keys_between_cold_rows_are_restored() {
    let (cluster, _endpoint, db) = stretched("dumps-foreign");
    db.sql(
        "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 10);
         CREATE TABLE child (id int PRIMARY KEY, of int REFERENCES parent)",
    );
    db.sql("INSERT INTO child SELECT g, g FROM generate_series(1, 8) g; CREATE TABLE plain (of int REFERENCES parent)");
    db.sql("INSERT INTO plain VALUES (2), (9)");
    for table in ["parent", "child"] {
        enable_table(&db, table, "id <= 5");
        assert_eq!(drain(&db, table), 5);
        purge(&db, table);
    }
    let archive = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("keys");
    cluster.pg_restore("keys", &[], &archive);
    let copy = cluster.connect("keys");
    assert_eq!(
        copy.int("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"),
        2
    );
    reauthorize(&copy);
    assert_eq!(copy.int("SELECT count(*) FROM child JOIN parent ON parent.id = of"), 8);
    for wrong in [
        "DELETE FROM parent WHERE id = 3",
        "DELETE FROM parent WHERE id = 9",
        "INSERT INTO child VALUES (20, 30)",
    ] {
        copy.fails(wrong, "23503");
    }
    copy.sql("INSERT INTO child VALUES (20, 4)");
    // Whoever is not restoring a dump is checked.
    db.fails("ALTER TABLE plain ADD FOREIGN KEY (of) REFERENCES child (id)", "23503");
}

#[test]
fn a_dump_is_not_restored_over_a_connected_database() {
    let (cluster, _endpoint, db) = stretched("dumps-over");
    orders(&db);
    purge(&db, "orders");
    let archive = cluster.pg_dump("postgres", &["-Fc"]);
    let directory = cluster.scratch("dumps").join("directory");
    testkit::os::run_ok(
        cluster
            .command("pg_dump")
            .args(["-Fd", "--file"])
            .arg(&directory)
            .arg("postgres"),
    );
    let scripts: Vec<_> = [
        vec!["--clean", "--if-exists"],
        vec!["--clean", "--if-exists", "--inserts"],
    ]
    .into_iter()
    .map(|options| cluster.pg_dump("postgres", &options))
    .collect();
    db.sql("INSERT INTO orders VALUES (11, 'later'); UPDATE plain SET id = -id; DELETE FROM orders WHERE id = 2");
    let state = || {
        [
            digest::multiset_digest(&db, "orders"),
            digest::multiset_digest(&db, "plain"),
            db.text("SELECT count(*) || ' ' || count(*) FILTER (WHERE relkind = 'i') FROM pg_class"),
        ]
    };
    let before = state();
    let clean = ["--clean", "--if-exists", "-d", "postgres"];
    for (options, what) in [
        (&["-j1"][..], &archive),
        (&["-1"][..], &archive),
        (&["-j2"][..], &directory),
        (&["-a"][..], &archive),
    ] {
        let clean = if options == ["-a"] { &clean[2..] } else { &clean[..] };
        let out = cluster
            .command("pg_restore")
            .args(options)
            .args(clean)
            .arg(what)
            .output()
            .expect("pg_restore runs");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && said.contains("stretch.deauthorize() first"),
            "{options:?}: {said}"
        );
        let now = state();
        assert_eq!(now[0], before[0], "{options:?}: {said}");
        if !options.contains(&"-a") {
            assert_eq!(now, before, "{options:?}: {said}");
        } else {
            db.sql("DELETE FROM plain WHERE id > 0");
        }
    }
    for script in &scripts {
        let out = cluster
            .command("psql")
            .arg("-q")
            .arg("-f")
            .arg(script)
            .arg("postgres")
            .output()
            .expect("psql runs");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("stretch.deauthorize() first"), "{said}");
        assert_eq!(state()[0], before[0], "{said}");
    }
    // As the hint says.
    db.sql("SELECT stretch.deauthorize()");
    let out = cluster
        .command("pg_restore")
        .args(clean)
        .arg(&archive)
        .output()
        .expect("pg_restore runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let there = cluster.connect("postgres");
    reauthorize(&there);
    assert_eq!(there.int("SELECT count(DISTINCT id) FROM orders"), 10);
    assert_eq!(there.int("SELECT count(*) FROM orders"), 10);
    assert_eq!(there.int("SELECT sum(id) FROM plain"), 55);
}

/// Rows that a dump loads by the partitioned table (`--load-via-partition-root`) are as incomplete without the catalog
/// as any.
#[test]
fn half_a_dump_of_partitions_is_loud() {
    let (cluster, _endpoint, db) = stretched("dumps-root");
    db.sql(
        "CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE r_1 PARTITION OF r FOR VALUES FROM (0) TO (10);
         CREATE TABLE r_2 PARTITION OF r FOR VALUES FROM (10) TO (20);
         INSERT INTO r SELECT generate_series(0, 19);
         SELECT stretch.enable_table('r', 'id % 2 = 0')",
    );
    assert_eq!(drain(&db, "r"), 10);
    for (number, option) in [&[][..], &["--load-via-partition-root"]].into_iter().enumerate() {
        let dump = cluster.pg_dump("postgres", &[&["-Fc"], option].concat());
        let [half, whole] = ["half", "whole"].map(|name| format!("{name}_{number}"));
        cluster.create_database(&half);
        cluster.pg_restore(&half, &["--section=pre-data"], &dump);
        let db = cluster.connect(&half);
        assert_eq!(db.int("SELECT count(*) FROM r"), 0);
        cluster.pg_restore(&half, &["-a", "-t", "r_1", "-t", "r_2"], &dump);
        for table in ["r", "r_1", "r_2"] {
            db.fails(&format!("SELECT count(*) FROM {table}"), "ST010");
        }
        cluster.create_database(&whole);
        cluster.pg_restore(&whole, &[], &dump);
        assert_eq!(cluster.connect(&whole).int("SELECT count(*) FROM r"), 20);
    }
}
