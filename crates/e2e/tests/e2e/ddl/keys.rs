//! Unique keys that are made over cold rows, and that go.

use super::twin::Twin;
use testkit::setup::drain;

/// Rows 1 to 12 are cold: a pair of cold rows with `c` equal, a cold and a hot one with `x`, two hot ones with `h`.
const PAIRS: &str = "
    CREATE TABLE {t} (id int PRIMARY KEY, c int, x int, h int, good int, word text, part int);
    INSERT INTO {t} SELECT g, g, g, g, g, 'w' || g, nullif(g % 4, 0) FROM generate_series(1, 20) g;
    UPDATE {t} SET c = 3 WHERE id = 7; UPDATE {t} SET x = 5 WHERE id = 15; UPDATE {t} SET h = 16 WHERE id = 18";

#[test]
fn a_new_key_is_compared_with_all_rows() {
    let twin = Twin::new("ddl-keys");
    for form in [
        "ALTER TABLE {t} ADD UNIQUE ($)",
        "ALTER TABLE {t} ADD CONSTRAINT k_{t} UNIQUE ($) INCLUDE (word) DEFERRABLE INITIALLY DEFERRED",
        "CREATE UNIQUE INDEX k_{t} ON {t} ($) WHERE id <> 100",
        "CREATE UNIQUE INDEX k_{t} ON {t} (($ + 0), id) WHERE id <> 100; DROP INDEX k_{t}; \
         CREATE UNIQUE INDEX k_{t} ON {t} (($ * 2))",
        "CREATE UNIQUE INDEX CONCURRENTLY k_{t} ON {t} ($)",
    ] {
        for (column, is_unique) in [("c", false), ("x", false), ("h", false), ("good", true)] {
            twin.make(PAIRS, "id <= 12", "");
            let command = form.replace('$', column);
            assert_eq!(run(&twin, &command), is_unique, "{command}");
            twin.compare(&command);
            if is_unique {
                enforced(&twin, "good", &command);
            } else if form.contains("CONCURRENTLY") {
                twin.db.sql("DROP INDEX k_t; DROP INDEX k_plain");
            }
        }
    }
    // An equality of somebody's own is not asked of cold rows: the index comes before the table is stretched.
    let own_equality =
        "CREATE OPERATOR CLASS mine FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
        OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int)";
    twin.db.sql(own_equality);
    twin.make(PAIRS, "id <= 12", "");
    let error = twin.db.fails("CREATE UNIQUE INDEX ON t (good mine)", "0A000");
    assert!(
        error.hint.contains("Give the table the index before it is stretched"),
        "{error}"
    );
    twin.make(
        &format!("{PAIRS}; CREATE UNIQUE INDEX ON {{t}} (good mine)"),
        "id <= 12",
        "",
    );
    enforced(&twin, "good", "an index of before");
    twin.make(PAIRS, "id <= 12", "");
    // NULL keys, text, keys of more columns, a new primary key instead of the old one.
    twin.both("ALTER TABLE {t} ADD UNIQUE NULLS NOT DISTINCT (part)")
        .expect_err("two NULLs");
    twin.both("ALTER TABLE {t} ADD UNIQUE (part)").expect_err("equal ones");
    twin.works("ALTER TABLE {t} ADD UNIQUE (part, id), ADD UNIQUE (word)");
    twin.both("INSERT INTO {t} (id, word) VALUES (100, 'w3')")
        .expect_err("a cold word");
    twin.works("ALTER TABLE {t} DROP CONSTRAINT {t}_pkey; INSERT INTO {t} (id, word) VALUES (3, 'again')");
    twin.both("ALTER TABLE {t} ADD PRIMARY KEY (id)")
        .expect_err("3 is there twice");
    drain(&twin.db, "t");
    twin.both("ALTER TABLE {t} ADD PRIMARY KEY (id)")
        .expect_err("3 is there twice, both cold");
    twin.works("DELETE FROM {t} WHERE word = 'again'; ALTER TABLE {t} ADD PRIMARY KEY (id)");
    twin.both("INSERT INTO {t} (id) VALUES (3)").expect_err("a cold key");
    twin.works("INSERT INTO {t} (id, c) VALUES (3, 50), (101, 51) ON CONFLICT (id) DO UPDATE SET c = excluded.c");
    twin.live_on("a new primary key");
    // What goes is not enforced any more.
    let keys = "SELECT unique_keys::text FROM stretch.stretched_table";
    assert!(twin.db.text(keys).contains("word"));
    twin.works("ALTER TABLE {t} DROP CONSTRAINT {t}_word_key; INSERT INTO {t} (id, word) VALUES (200, 'w1')");
    assert!(!twin.db.text(keys).contains("word"));
    twin.works("ALTER TABLE {t} DROP COLUMN part; INSERT INTO {t} (id) VALUES (201)");
    twin.works("ALTER TABLE {t} ADD COLUMN u int UNIQUE, ADD COLUMN k int CHECK (k IS NULL) REFERENCES {t}");
    twin.both("ALTER TABLE {t} ADD COLUMN w int DEFAULT 1 UNIQUE")
        .expect_err("all rows have it");
    twin.live_on("keys dropped");
}

fn run(twin: &Twin, command: &str) -> bool {
    command.split("; ").all(|statement| twin.both(statement).is_ok())
}

/// Cold and hot values cannot come again.
fn enforced(twin: &Twin, column: &str, after: &str) {
    for value in [2, 15] {
        let insert = format!("INSERT INTO {{t}} (id, {column}) VALUES (300, {value})");
        twin.both(&insert).expect_err("a key that is there");
    }
    twin.both(&format!("UPDATE {{t}} SET {column} = 2 WHERE id = 15"))
        .expect_err("a cold key");
    twin.compare(after);
}

#[test]
fn a_key_that_is_made_in_a_transaction_of_before_sees_rows_of_now() {
    let twin = Twin::new("ddl-keys-snapshot");
    twin.make(PAIRS, "id <= 12", "");
    let db = &twin.db;
    let other = twin.cluster.connect("postgres");
    db.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(db.int("SELECT count(*) FROM pg_class WHERE relname = 't'"), 1);
    other.sql("INSERT INTO t (id, good) VALUES (-1, 9)");
    drain(&other, "t");
    db.fails("ALTER TABLE t ADD UNIQUE (good)", "23505");
    db.sql("ROLLBACK");
    // Policies of the owner's own do not hide rows from his key.
    db.sql(
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 100);
         CREATE ROLE owns LOGIN; GRANT CREATE ON SCHEMA public TO owns; ALTER TABLE t OWNER TO owns; SET ROLE owns",
    );
    assert_eq!(db.int("SELECT count(*) FROM t"), 0);
    db.fails("CREATE UNIQUE INDEX ON t (good)", "23505");
    db.sql("CREATE UNIQUE INDEX ON t (good, id); RESET ROLE");
}
