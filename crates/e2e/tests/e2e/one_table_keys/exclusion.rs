//! Exclusion constraints over hot and cold rows.

use super::{alike, make_twins};
use crate::tables::stretched;
use testkit::setup::drain;
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

const COLUMNS: &str = "id int PRIMARY KEY, room int, name text, during int4range, state text DEFAULT 'kept'";

/// Bookings of ten rooms, each of ten units of time; those up to the fifth are cold.
const ROWS: &str = "SELECT g, g % 10, 'n' || g % 10, int4range(g / 10 * 10, g / 10 * 10 + 10), 'kept', g < 50
    FROM generate_series(0, 99) g";

/// Such bookings with these constraints, stretched and plain.
fn bookings(name: &str, constraints: &[&str]) -> (Cluster, Endpoint, Client) {
    let (cluster, endpoint, db) = stretched(name);
    db.sql("CREATE EXTENSION btree_gist");
    make_twins(&db, "t", "plain", COLUMNS, constraints, ROWS);
    (cluster, endpoint, db)
}

#[test]
fn cold_rows_exclude_new_ones() {
    let constraints = [
        "ALTER TABLE {t} ADD CONSTRAINT {t}_rooms EXCLUDE USING gist (room WITH =, during WITH &&)",
        "ALTER TABLE {t} ADD CONSTRAINT {t}_names EXCLUDE USING gist (lower(name) WITH =, during WITH &&)
            WHERE (state = 'kept')",
    ];
    let (_cluster, _endpoint, db) = bookings("exclusion", &constraints);
    let insert = |id: i32, room: &str, name: &str, from: i32, to: i32, more: &str| {
        format!("INSERT INTO {{t}} VALUES ({id}, {room}, {name}, int4range({from}, {to}), {more})")
    };
    let refused = [
        insert(200, "3", "'x'", 5, 6, "'kept', false"),
        insert(200, "3", "'x'", 75, 76, "'kept', false"),
        insert(200, "NULL", "'N3'", 5, 6, "'kept', false"),
        "UPDATE {t} SET room = 4 WHERE id = 93".into(),
        "UPDATE {t} SET during = int4range(0, 5) WHERE id = 93".into(),
        "UPDATE {t} SET during = int4range(15, 25) WHERE id = 3".into(),
        // Two new rows that exclude one another.
        insert(200, "3", "'x'", 500, 510, "'kept', false") + ", (201, 3, 'y', int4range(509, 600), 'kept', false)",
    ];
    for statement in refused {
        assert_eq!(alike(&db, &statement), "23P01", "{statement}");
    }
    let allowed = [
        insert(200, "NULL", "NULL", 5, 6, "'kept', false"),
        insert(201, "11", "'n3'", 5, 6, "'lost', false"),
        // Ranges that only touch.
        insert(202, "3", "'x'", 100, 110, "'kept', false"),
        "UPDATE {t} SET during = int4range(0, 5) WHERE id = 3".into(),
        insert(203, "3", "'y'", 5, 10, "'kept', false"),
        "DELETE FROM {t} WHERE id = 4".into(),
        insert(204, "4", "'n4'", 2, 8, "'kept', false"),
        insert(205, "5", "'z'", 3, 4, "'kept', false") + " ON CONFLICT DO NOTHING",
        insert(6, "77", "'z'", 3, 4, "'kept', false") + " ON CONFLICT (id) DO UPDATE SET state = 'taken'",
        "UPDATE {t} SET state = 'free' WHERE id = 7".into(),
        insert(207, "99", "'n7'", 3, 4, "'kept', false"),
    ];
    for statement in allowed {
        assert_eq!(alike(&db, &statement), "ok", "{statement}");
    }
    let all = |table: &str| db.md5_of(&format!("SELECT * FROM {table} ORDER BY id"));
    assert_eq!(all("t"), all("plain"));
}

#[test]
fn deferred_exclusion_sees_cold_rows_at_commit() {
    let constraint = "ALTER TABLE {t} ADD CONSTRAINT {t}_rooms EXCLUDE USING gist (room WITH =, during WITH &&)
        DEFERRABLE INITIALLY DEFERRED";
    let (_cluster, _endpoint, db) = bookings("exclusion-deferred", &[constraint]);
    let new = "INSERT INTO {t} VALUES (300, 3, 'x', int4range(5, 6), 'kept', false)";
    assert_eq!(alike(&db, &format!("BEGIN; {new}; COMMIT")), "23P01");
    db.sql("ROLLBACK");
    assert_eq!(
        alike(&db, &format!("BEGIN; {new}; DELETE FROM {{t}} WHERE id = 3; COMMIT")),
        "ok"
    );
    assert_eq!(
        alike(&db, "BEGIN; UPDATE {t} SET room = 1 - room WHERE id IN (0, 1); COMMIT"),
        "ok"
    );
    let all = |table: &str| db.md5_of(&format!("SELECT * FROM {table} ORDER BY id"));
    assert_eq!(all("t"), all("plain"));
}

/// Who makes room deletes the cold row; whoever wants its place waits for him.
#[test]
fn a_new_row_waits_for_who_deletes_the_cold_one() {
    let (cluster, _endpoint, db) = stretched("exclusion-waits");
    db.sql(
        "CREATE EXTENSION btree_gist;
         CREATE TABLE t (id int PRIMARY KEY, room int, during int4range,
            EXCLUDE USING gist (room WITH =, during WITH &&));
         INSERT INTO t SELECT g, 1, int4range(g, g + 1) FROM generate_series(1, 20) g;
         SELECT stretch.enable_table('t', 'id <= 10')",
    );
    assert_eq!(drain(&db, "t"), 10);
    for (end, code) in [("ROLLBACK", "23P01"), ("COMMIT", "")] {
        db.sql("BEGIN; DELETE FROM t WHERE id = 5");
        let other = cluster.connect("postgres");
        let pid = other.pid();
        let waits = std::thread::spawn(move || other.try_sql("INSERT INTO t VALUES (50, 1, int4range(5, 6))"));
        let watcher = cluster.connect("postgres");
        wait_until("the new row to wait", PATIENCE, || {
            watcher.bool(&format!("SELECT cardinality(pg_blocking_pids({pid})) > 0"))
        });
        db.sql(end);
        let outcome = waits.join().expect("the thread ends").map_err(|error| error.code);
        assert_eq!(outcome.err().unwrap_or_default(), code, "{end}");
    }
}
