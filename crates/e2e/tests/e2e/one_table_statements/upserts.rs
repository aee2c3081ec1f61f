//! INSERT … ON CONFLICT through a partitioned table, and by several parts of one statement.

use super::Twins;
use std::thread;
use testkit::{PATIENCE, wait_until};

/// Four partitions, one with its columns in another order, two of them below another; a key of each partition's own.
const STOCK: &str = "
    CREATE TABLE stock (id int, place text, n int, note text, PRIMARY KEY (id, place), UNIQUE (place, n))
        PARTITION BY LIST (place);
    CREATE TABLE stock_a PARTITION OF stock FOR VALUES IN ('a');
    CREATE TABLE stock_b (note text, gone int, n int, place text NOT NULL, id int NOT NULL);
    ALTER TABLE stock_b DROP gone;
    ALTER TABLE stock ATTACH PARTITION stock_b FOR VALUES IN ('b');
    CREATE TABLE stock_c PARTITION OF stock FOR VALUES IN ('c', 'd') PARTITION BY LIST (place);
    CREATE TABLE stock_cc PARTITION OF stock_c FOR VALUES IN ('c');
    CREATE TABLE stock_cd PARTITION OF stock_c FOR VALUES IN ('d');
    CREATE UNIQUE INDEX ON stock_a (note) WHERE n < 50;
    INSERT INTO stock SELECT g, substr('abcd', 1 + g % 4, 1), g, 'n' || g FROM generate_series(1, 400) g;
    CREATE TABLE log (what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
        INSERT INTO log VALUES (format('%s %s: %s -> %s', TG_WHEN, TG_OP, OLD, NEW)); RETURN NEW; END $f$;
    CREATE TRIGGER late AFTER INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION note()";

/// Keys of cold rows, hot ones, and new ones, in all partitions.
const MIXED: &str = "SELECT id, substr('abcd', 1 + id % 4, 1), id, 'again'
    FROM unnest('{1, 2, 3, 4, 5, 6, 7, 8, 1001, 1002, 1003, 1004}'::int[]) id";

#[test]
fn upserts_go_through_a_partitioned_table() {
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        let name = format!("upserts-{}", level.to_lowercase().replace(' ', "-"));
        let twins = Twins::new(&name, STOCK, &[("stock", "n % 3 = 1")]);
        let level = format!("SET default_transaction_isolation = '{level}'");
        twins.works(&level);
        for statement in [
            format!("INSERT INTO stock {MIXED} ON CONFLICT DO NOTHING RETURNING *, tableoid::regclass::text"),
            format!(
                "INSERT INTO stock {MIXED} ON CONFLICT (id, place) DO UPDATE
                    SET note = excluded.note || stock.note, n = stock.n + 2000 RETURNING *"
            ),
            "INSERT INTO stock SELECT id + 20000, place, n, 'key' FROM stock WHERE id BETWEEN 41 AND 60
                ON CONFLICT (place, n) DO UPDATE SET note = stock.note || '!' WHERE stock.id > 50 RETURNING *"
                .to_owned(),
            // The same key again, which is hot by now; and keys of other cold rows.
            "INSERT INTO stock VALUES (9, 'b', 9, 'x'), (10, 'c', 10, 'y'), (11, 'd', 11, 'z')
                ON CONFLICT (id, place) DO UPDATE SET note = 'first' RETURNING *"
                .to_owned(),
            "INSERT INTO stock VALUES (9, 'b', 9, 'x'), (13, 'b', 13, 'y'), (15, 'd', 15, 'z')
                ON CONFLICT (id, place) DO UPDATE SET n = -stock.n, note = 'second' RETURNING *"
                .to_owned(),
            "INSERT INTO stock_c VALUES (19, 'd', 19, 'x'), (18, 'c', 18, 'y'), (17777, 'c', 3, 'z')
                ON CONFLICT (id, place) DO UPDATE SET note = 'below' RETURNING *"
                .to_owned(),
            "INSERT INTO stock SELECT id, place, n, 'all' FROM stock WHERE id BETWEEN 100 AND 200
                ON CONFLICT (id, place) DO UPDATE SET note = excluded.note"
                .to_owned(),
        ] {
            twins.works(&statement);
            twins.works("SELECT *, tableoid::regclass::text FROM stock");
        }
        // Conflicts that are not those of the statement, a row met twice, and a row that would leave its partition.
        for (statement, code) in [
            (
                "INSERT INTO stock VALUES (21, 'c', 501, 'x'), (5005, 'd', 27, 'x')
                    ON CONFLICT (id, place) DO UPDATE SET note = 'x'",
                "23505",
            ),
            (
                "INSERT INTO stock VALUES (23, 'd', 23, 'x'), (23, 'd', 24, 'y')
                    ON CONFLICT (id, place) DO UPDATE SET note = 'x'",
                "21000",
            ),
            (
                "INSERT INTO stock VALUES (9999, 'd', 1, 'x'), (9999, 'd', 2, 'y')
                    ON CONFLICT (id, place) DO UPDATE SET note = 'x'",
                "21000",
            ),
            (
                "INSERT INTO stock VALUES (27, 'd', 27, 'x') ON CONFLICT (id, place) DO UPDATE SET place = 'a'",
                "0A000",
            ),
        ] {
            twins.fails(statement, code);
        }
        // A key that only a partition has.
        twins.works("INSERT INTO stock VALUES (7001, 'a', 1, 'n16') ON CONFLICT DO NOTHING RETURNING *");
        twins.works("INSERT INTO stock_a VALUES (7002, 'a', 2, 'n28') ON CONFLICT (note) WHERE n < 50 DO NOTHING");
        twins.works("BEGIN");
        twins.works("INSERT INTO stock VALUES (31, 'd', 31, 'x') ON CONFLICT (id, place) DO UPDATE SET note = '1'");
        twins.works("INSERT INTO stock VALUES (31, 'd', 31, 'x') ON CONFLICT (id, place) DO UPDATE SET note = '2'");
        twins.works("SAVEPOINT s");
        twins.works("INSERT INTO stock VALUES (35, 'd', 35, 'x') ON CONFLICT (id, place) DO UPDATE SET note = '3'");
        twins.works("ROLLBACK TO s");
        twins.works("SELECT * FROM stock WHERE id IN (31, 35)");
        twins.works("COMMIT");
        twins.works(
            "PREPARE put AS INSERT INTO stock VALUES ($1, $2, $1, $3) ON CONFLICT (id, place)
            DO UPDATE SET note = $3 RETURNING *",
        );
        for id in [39, 40, 41, 42, 43, 8001] {
            let place = ["a", "b", "c", "d"][id as usize % 4];
            twins.works(&format!("EXECUTE put ({id}, '{place}', 'put')"));
        }
        twins.works("SELECT *, tableoid::regclass::text FROM stock");
        twins.works("SELECT what, count(*) FROM log GROUP BY what");
    }
}

#[test]
fn parts_of_a_statement_put_rows_into_one_table() {
    let setup = "CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, n int);
        INSERT INTO t SELECT g, 'c' || g, g FROM generate_series(1, 60) g;
        CREATE FUNCTION put(int) RETURNS int LANGUAGE sql AS
            $f$ INSERT INTO t VALUES ($1, 'f' || $1, 0) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING n $f$;
        CREATE TABLE parted (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (50);
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (50) TO (100);
        INSERT INTO parted SELECT g, g FROM generate_series(1, 60) g";
    let twins = Twins::new("upserts-parts", setup, &[("t", "n % 3 = 0"), ("parted", "n % 3 = 0")]);
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        twins.works(&format!("BEGIN ISOLATION LEVEL {level}"));
        // The first is by another key than the second; rows are cold, hot and new in both.
        twins.works(
            "WITH a AS (INSERT INTO t VALUES (3, 'x3', 1), (4, 'x4', 1), (103, 'x103', 1)
                    ON CONFLICT (id) DO UPDATE SET n = -t.n RETURNING *),
                b AS (INSERT INTO t VALUES (106, 'c6', 1), (107, 'c7', 1), (108, 'x108', 1)
                    ON CONFLICT (code) DO UPDATE SET n = t.n + 1000 RETURNING *)
             INSERT INTO t SELECT id + 9, 'y' || id, n FROM a UNION ALL SELECT id + 9, 'z' || id, n FROM b
                ON CONFLICT (id) DO UPDATE SET code = excluded.code RETURNING *",
        );
        twins.works(
            "WITH a AS (INSERT INTO t VALUES (21, 'x', 1), (22, 'y', 1) ON CONFLICT DO NOTHING RETURNING *)
             INSERT INTO t VALUES (21, 'v', 1), (22, 'w', 1), (24, 'c27', 5) ON CONFLICT (id) DO UPDATE SET n = 77
             RETURNING *",
        );
        twins.works("SAVEPOINT s");
        for (statement, code) in [
            (
                "WITH a AS (INSERT INTO t VALUES (30, 'x', 1) ON CONFLICT (id) DO UPDATE SET n = 1)
                 INSERT INTO t VALUES (30, 'v', 1) ON CONFLICT (id) DO UPDATE SET n = 2",
                "21000",
            ),
            // The code is a conflict of the other part alone.
            (
                "WITH a AS (INSERT INTO t VALUES (33, 'x', 1) ON CONFLICT (id) DO UPDATE SET n = 1)
                 INSERT INTO t VALUES (133, 'c36', 1) ON CONFLICT (id) DO UPDATE SET n = 2",
                "23505",
            ),
        ] {
            twins.fails(statement, code);
            twins.works("ROLLBACK TO s");
        }
        twins.works(
            "WITH a AS (INSERT INTO parted VALUES (12, 1), (13, 1), (57, 1), (70, 1)
                    ON CONFLICT (id) DO UPDATE SET n = 500 RETURNING *)
             INSERT INTO parted SELECT id + 3, n FROM a ON CONFLICT (id) DO UPDATE SET n = parted.n + 2000 RETURNING *",
        );
        // A function that does the same inside.
        twins.works(
            "INSERT INTO t SELECT g, 'g' || g, put(g + 3) FROM generate_series(39, 41) g
            ON CONFLICT (id) DO UPDATE SET n = excluded.n + 5000 RETURNING *",
        );
        twins.works("SELECT * FROM t");
        twins.works("SELECT * FROM parted");
        twins.works("ROLLBACK");
    }
}

#[test]
fn an_upsert_waits_for_who_changes_the_cold_row() {
    let twins = Twins::new("upserts-races", STOCK, &[("stock", "n % 3 = 1")]);
    let statement = |id: i32| {
        format!(
            "INSERT INTO stock VALUES ({id}, 'b', {id}, 'put') ON CONFLICT (id, place)
                DO UPDATE SET note = stock.note || '+' RETURNING note"
        )
    };
    let mut outcomes = Vec::new();
    for schema in ["cold", "plain"] {
        let first = twins.cluster.connect("postgres");
        let watch = twins.cluster.connect("postgres");
        first.sql(&format!("SET search_path = {schema}"));
        let mut seen = Vec::new();
        // Rows of which every second one is cold.
        for (level, ids) in [
            ("READ COMMITTED", [1, 5, 13, 17]),
            ("REPEATABLE READ", [25, 29, 37, 41]),
        ] {
            for (id, change) in ids.into_iter().zip([
                "UPDATE stock SET note = 'first'",
                "UPDATE stock SET note = 'first'",
                "DELETE FROM stock",
                "DELETE FROM stock",
            ]) {
                let second = twins.cluster.connect("postgres");
                second.sql(&format!(
                    "SET search_path = {schema}; BEGIN ISOLATION LEVEL {level}; SELECT 1 FROM stock"
                ));
                let (pid, wanted) = (second.pid(), statement(id));
                first.sql(&format!("BEGIN; {change} WHERE id = {id}"));
                let outcome = thread::scope(|scope| {
                    let waiting = scope.spawn(move || {
                        let outcome = second.try_text(&wanted);
                        second.sql(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" });
                        outcome
                    });
                    wait_until("the upsert to wait", PATIENCE, || {
                        watch.bool(&format!(
                            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted)"
                        ))
                    });
                    first.sql("COMMIT");
                    waiting.join().expect("no panic")
                });
                seen.push(format!("{level} {id} {:?}", outcome.map_err(|error| error.code)));
            }
        }
        outcomes.push(seen);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert!(
        outcomes[0].iter().any(|outcome| outcome.contains("first+")),
        "{outcomes:?}"
    );
    twins.works("SELECT * FROM stock");
}

#[test]
fn rows_that_are_skipped_leave_cold_ones_cold() {
    let twins = Twins::new("upserts-skip", STOCK, &[("stock", "n % 3 = 1")]);
    let skips = |statement: &str| {
        let found = twins.works(statement);
        // Who came home would have left a tombstone.
        assert_eq!(
            twins.cold.int("SELECT count(*) FROM stretch.tombstone"),
            0,
            "{statement}"
        );
        found
    };
    // Keys of the root, in partitions of both orders of columns and at both depths.
    for target in ["", "(id, place)", "(place, n)"] {
        skips(&format!(
            "INSERT INTO stock {MIXED} ON CONFLICT {target} DO NOTHING RETURNING *"
        ));
    }
    skips("INSERT INTO stock_c VALUES (19, 'd', -1, 'x'), (18, 'c', -1, 'y') ON CONFLICT (id, place) DO NOTHING");
    skips(
        "WITH new AS (INSERT INTO stock SELECT id, place, -2, 'z' FROM stock ON CONFLICT DO NOTHING RETURNING *)
        SELECT * FROM new",
    );
    skips("PREPARE put AS INSERT INTO stock VALUES ($1, $2, -3, 'put') ON CONFLICT DO NOTHING RETURNING *");
    for id in 1..=9 {
        let place = ["a", "b", "c", "d"][id % 4];
        skips(&format!("EXECUTE put ({id}, '{place}')"));
    }
    twins.fails(
        "INSERT INTO stock VALUES (1, 'nowhere', 1, 'x') ON CONFLICT DO NOTHING",
        "23514",
    );
    twins.works("SELECT *, tableoid::regclass::text FROM stock");
    twins.works("SELECT what, count(*) FROM log GROUP BY what");
    // A key of one partition alone, which is made of other than plain columns: the row comes home.
    twins.works("INSERT INTO stock VALUES (7001, 'a', 1, 'n16') ON CONFLICT DO NOTHING RETURNING *");
}
