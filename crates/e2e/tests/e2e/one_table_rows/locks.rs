//! Row locks of cold rows: which conflict, what becomes of who waited, and how many there may be.

use super::{at, at_or_home, cold, first, meets, outcome};
use testkit::{Client, PATIENCE, wait_until};

const STRENGTHS: [&str; 4] = ["KEY SHARE", "SHARE", "NO KEY UPDATE", "UPDATE"];

#[test]
fn row_locks_conflict_as_documented() {
    let (cluster, _endpoint, db) = cold("otr-locks", 10);
    let other = cluster.connect("postgres");
    let compatible = |a: usize, b: usize| a + b < 3 && a.max(b) < 3;
    for (a, one) in STRENGTHS.iter().enumerate() {
        for (b, two) in STRENGTHS.iter().enumerate() {
            db.sql("BEGIN");
            db.sql(&format!("SELECT 1 FROM t WHERE {} FOR {one}", at(4)));
            let select = format!("SELECT id, s FROM t WHERE {} FOR {two}", at(4));
            if compatible(a, b) {
                assert_eq!(
                    outcome(other.try_rows(&format!("{select} NOWAIT"))),
                    "4|row 4",
                    "{one} {two}"
                );
                assert_eq!(outcome(other.try_rows(&format!("{select} SKIP LOCKED"))), "4|row 4");
                db.sql("COMMIT");
            } else {
                let error = other.fails(&format!("{select} NOWAIT"), "55P03");
                assert_eq!(
                    error.message, "could not obtain lock on row in relation \"t\"",
                    "{one} {two}"
                );
                assert_eq!(
                    outcome(other.try_rows(&format!("{select} SKIP LOCKED"))),
                    "",
                    "{one} {two}"
                );
                assert_eq!(meets(&db, &other, &select, "COMMIT"), "4|row 4", "{one} {two}");
            }
            // Another row is free.
            assert_eq!(
                db.lines(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(5))),
                ["5"]
            );
        }
    }
    // Writers keep all lockers out: a lock on the old version would not hold the new one.
    for write in ["UPDATE t SET n = 1", "UPDATE t SET id = 77", "DELETE FROM t"] {
        db.sql("BEGIN");
        db.sql(&format!("{write} WHERE {}", at(4)));
        for strength in STRENGTHS {
            let select = format!("SELECT 1 FROM t WHERE {} FOR {strength} SKIP LOCKED", at(4));
            assert_eq!(outcome(other.try_rows(&select)), "", "{write} {strength}");
        }
        db.sql("ROLLBACK");
    }
    other.sql("SET lock_timeout = '50ms'");
    db.sql(&format!("BEGIN; SELECT 1 FROM t WHERE {} FOR UPDATE", at(4)));
    other.fails(&format!("DELETE FROM t WHERE {}", at(4)), "55P03");
    // A rolled back savepoint gives its locks back.
    db.sql(&format!(
        "SAVEPOINT s; SELECT 1 FROM t WHERE {} FOR UPDATE; ROLLBACK TO s",
        at(5)
    ));
    assert_eq!(
        outcome(other.try_rows(&format!("SELECT 1 FROM t WHERE {} FOR UPDATE NOWAIT", at(5)))),
        "1"
    );
    db.sql("COMMIT");
}

#[test]
fn the_second_writer_goes_on_with_the_new_version() {
    let (cluster, _endpoint, db) = cold("otr-follow", 100);
    let other = cluster.connect("postgres");
    let mut row = 0;
    for (first, second, committed, undone) in [
        ("UPDATE t SET s = s || 'a'", "UPDATE t SET s = s || 'b'", "ab", "b"),
        (
            "UPDATE t SET s = s || 'a'",
            "UPDATE t SET s = s || 'b', id = id + 500",
            "ab",
            "b",
        ),
        ("UPDATE t SET s = s || 'a'", "DELETE FROM t", "a", ""),
        ("UPDATE t SET s = s || 'a'", "SELECT s FROM t", "a", ""),
        ("DELETE FROM t", "UPDATE t SET s = s || 'b'", "-", "b"),
        ("DELETE FROM t", "DELETE FROM t", "-", ""),
        ("DELETE FROM t", "SELECT s FROM t", "-", ""),
        // The new version is not one that the second writer looks for.
        ("UPDATE t SET n = -1", "UPDATE t SET s = s || 'b'", "-", "b"),
        ("UPDATE t SET n = -1", "SELECT s FROM t", "-", ""),
    ] {
        for (end, expected) in [("ROLLBACK", undone), ("COMMIT", committed)] {
            row += 1;
            db.sql("BEGIN");
            db.sql(&format!("{first} WHERE {}", at(row)));
            let tail = if second.starts_with("SELECT") {
                "FOR UPDATE"
            } else {
                "RETURNING s"
            };
            // The condition on n is checked again after the wait.
            let statement = format!("{second} WHERE {} AND n >= 0 {tail}", at_or_home(row));
            let found = meets(&db, &other, &statement, end);
            let expected = match expected {
                "-" => String::new(),
                more => format!("row {row}{more}"),
            };
            assert_eq!(found, expected, "{first} {end}: {second}");
        }
    }
    // Once more over: the new version was itself updated while the second waits.
    db.sql("BEGIN");
    db.sql(&format!("UPDATE t SET s = s || 'a' WHERE {}", at(50)));
    db.sql("UPDATE t SET s = s || 'c' WHERE id = 50 AND ctid <> '(2147483648,350)'");
    let statement = format!("UPDATE t SET s = s || 'b' WHERE {} RETURNING s", at_or_home(50));
    assert_eq!(meets(&db, &other, &statement, "COMMIT"), "row 50acb");
    // A transaction with one snapshot cannot go on.
    let mut row = 60;
    for first in ["UPDATE t SET s = 'a'", "DELETE FROM t"] {
        for (second, tail, undone) in [
            ("UPDATE t SET s = 'b'", "RETURNING id", true),
            ("DELETE FROM t", "RETURNING id", true),
            ("SELECT id FROM t", "FOR UPDATE", true),
            ("SELECT id FROM t", "FOR KEY SHARE", true),
        ] {
            for (end, expected) in [("ROLLBACK", undone), ("COMMIT", false)] {
                row += 1;
                other.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
                let look = format!("SELECT id FROM t WHERE {}", at(row));
                assert_eq!(other.lines(&look), [row.to_string()]);
                db.sql("BEGIN");
                db.sql(&format!("{first} WHERE {}", at(row)));
                let found = meets(&db, &other, &format!("{second} WHERE {} {tail}", at(row)), end);
                let expected = if expected { row.to_string() } else { "40001".into() };
                assert_eq!(found, expected, "{first} {end}: {second} {tail}");
                other.sql("ROLLBACK");
            }
            row += 1;
            other.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM t WHERE ctid = '(0,1)'");
            db.sql(&format!("{first} WHERE {}", at(row)));
            let late = other.try_rows(&format!("{second} WHERE {} {tail}", at(row)));
            assert_eq!(outcome(late), "40001", "{first}, then {second} {tail}");
            other.sql("ROLLBACK");
        }
    }
}

/// Counts the locks of a session on rows and segments.
fn held(db: &Client) -> i64 {
    db.int("SELECT count(*) FROM pg_locks WHERE locktype = 'tuple'")
}

#[test]
fn many_row_locks_become_one_of_the_segment() {
    let (cluster, _endpoint, db) = cold("otr-many", 20_000);
    let other = cluster.connect("postgres");
    let watch = cluster.connect("postgres");
    for strength in STRENGTHS {
        db.sql("BEGIN; SAVEPOINT s");
        let lock = format!(
            "SELECT count(*) FROM (SELECT FROM t WHERE {} FOR {strength}) x",
            first(20_000)
        );
        assert_eq!(db.int(&lock), 20_000);
        assert!(held(&watch) <= 70, "{strength}: {}", held(&watch));
        let stronger = format!("SELECT id FROM t WHERE {} FOR UPDATE", at(19_999));
        assert_eq!(
            outcome(other.try_rows(&format!("{stronger} NOWAIT"))),
            "55P03",
            "{strength}"
        );
        assert_eq!(outcome(other.try_rows(&format!("{stronger} SKIP LOCKED"))), "");
        let weaker = format!("SELECT id FROM t WHERE {} FOR KEY SHARE SKIP LOCKED", at(19_999));
        let expected = if strength == "UPDATE" { "" } else { "19999" };
        assert_eq!(outcome(other.try_rows(&weaker)), expected, "{strength}");
        // What was counted is no lock.
        db.sql("ROLLBACK TO s");
        assert_eq!(held(&watch), 0, "{strength}");
        assert_eq!(outcome(other.try_rows(&format!("{stronger} NOWAIT"))), "19999");
        db.sql(&format!("SELECT FROM t WHERE {} FOR UPDATE", at(19_999)));
        assert_eq!(
            outcome(other.try_rows(&format!("{stronger} NOWAIT"))),
            "55P03",
            "{strength}"
        );
        assert_eq!(
            outcome(other.try_rows(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(3)))),
            "3"
        );
        db.sql("COMMIT");
    }
    // While others have rows, row locks stay single, and nobody waits for rows that nobody has.
    other.sql(&format!("BEGIN; SELECT FROM t WHERE {} FOR UPDATE", at(15_000)));
    db.sql("BEGIN");
    assert_eq!(
        db.int(&format!(
            "SELECT count(*) FROM (SELECT FROM t WHERE {} FOR UPDATE) x",
            first(1000)
        )),
        1000
    );
    assert_eq!(
        outcome(other.try_rows(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(15_001)))),
        "15001"
    );
    assert_eq!(
        outcome(other.try_rows(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(999)))),
        "55P03"
    );
    db.sql("ROLLBACK");
    other.sql("ROLLBACK");
    // Very many changes take one lock too.
    db.sql("BEGIN");
    db.sql(&format!("DELETE FROM t WHERE {}", first(10_000)));
    assert!(held(&watch) <= 70, "{}", held(&watch));
    assert_eq!(
        outcome(other.try_rows(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(19_999)))),
        "55P03"
    );
    db.sql("COMMIT");
    assert_eq!(
        db.int(&format!("SELECT count(*) FROM t WHERE {}", first(20_000))),
        10_000
    );
}

/// So many rows of the segment, from one on, locked by a session; their number.
fn lock(db: &Client, from: i32, rows: i32) -> String {
    let tids =
        format!("SELECT format('(2147483648,%s)', 300 + g)::tid FROM generate_series({from}, {from} + {rows} - 1) g");
    let locked = format!("SELECT FROM t WHERE ctid = ANY (ARRAY({tids})) FOR UPDATE");
    outcome(db.try_rows(&format!("SELECT count(*) FROM ({locked}) x")))
}

#[test]
fn of_two_who_lock_very_many_rows_one_waits() {
    let (cluster, _endpoint, db) = cold("otr-two", 20_000);
    let other = cluster.connect("postgres");
    // Other rows of one segment: each has some before either has many.
    db.sql("BEGIN");
    other.sql("BEGIN");
    assert_eq!(lock(&db, 0, 1), "1");
    assert_eq!(lock(&other, 10_000, 2000), "2000");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(&db, 0, 5000));
        wait_until("the first to wait for the segment", PATIENCE, || {
            waiting.is_finished() || is_blocked(&cluster.connect("postgres"), db.pid())
        });
        assert_eq!(lock(&other, 10_000, 5000), "5000");
        other.sql("COMMIT");
        assert_eq!(waiting.join().expect("no panic"), "5000");
    });
    db.sql("COMMIT");
    // The same rows: who waits for the first of them is in nobody's way.
    db.sql("BEGIN");
    assert_eq!(lock(&db, 0, 1), "1");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(&other, 0, 5000));
        wait_until("the second to wait for a row", PATIENCE, || {
            waiting.is_finished() || is_blocked(&cluster.connect("postgres"), other.pid())
        });
        assert_eq!(lock(&db, 0, 10_000), "10000");
        assert!(!waiting.is_finished(), "the row is locked");
        db.sql("COMMIT");
        assert_eq!(waiting.join().expect("no panic"), "5000");
    });
}

fn is_blocked(db: &Client, pid: i32) -> bool {
    db.bool(&format!("SELECT cardinality(pg_blocking_pids({pid})) > 0"))
}

#[test]
fn a_prepared_transaction_keeps_its_row_locks() {
    let (cluster, _endpoint, db) = cold("otr-prepare", 10);
    db.sql(&format!(
        "BEGIN; SELECT FROM t WHERE {} FOR SHARE; DELETE FROM t WHERE {}",
        at(1),
        at(2)
    ));
    db.sql("PREPARE TRANSACTION 'p'");
    for restarted in [false, true] {
        if restarted {
            cluster.kill9();
            cluster.start();
        }
        let db = cluster.wait_ready("postgres");
        for row in [1, 2] {
            db.fails(&format!("SELECT FROM t WHERE {} FOR UPDATE NOWAIT", at(row)), "55P03");
        }
        assert_eq!(
            db.lines(&format!("SELECT id FROM t WHERE {} FOR SHARE NOWAIT", at(1))),
            ["1"]
        );
    }
    let db = cluster.connect("postgres");
    db.sql("COMMIT PREPARED 'p'");
    assert_eq!(
        db.lines(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(1))),
        ["1"]
    );
    assert_eq!(
        db.lines(&format!("SELECT id FROM t WHERE {} FOR UPDATE NOWAIT", at(2))),
        [""; 0]
    );
}
