//! Single cold rows of a table that is stretched by the access method: named by their tid, they are fetched, changed
//! and locked (`locks.rs`) as hot rows are.

#[path = "one_table_rows/locks.rs"]
mod locks;

use testkit::setup::{drain, enable_database, enable_table, purge};
use testkit::{Client, Cluster, Endpoint, PATIENCE, SqlError, wait_until};

fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "100ms")
        .conf("autovacuum", "off")
        .conf("max_prepared_transactions", "5")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// A cluster with the table `t` of so many rows, all of them cold and in one segment: the row with `id` N is number N
/// in it.
fn cold(name: &str, rows: i32) -> (Cluster, Endpoint, Client) {
    let (cluster, endpoint, db) = server(name);
    db.sql(&format!(
        "CREATE TABLE t (id int NOT NULL, s text, n int CHECK (n < 1000000)); CREATE INDEX ON t (id);
         INSERT INTO t SELECT g, 'row ' || g, g * 2 FROM generate_series(0, {rows} - 1) g"
    ));
    stretch(&db, "t", rows);
    for row in [0, 1, rows - 1] {
        assert_eq!(db.int(&format!("SELECT id FROM t WHERE {}", at(row))), i64::from(row));
    }
    (cluster, endpoint, db)
}

fn stretch(db: &Client, table: &str, rows: i32) {
    enable_table(db, table, "id >= 0");
    assert_eq!(drain(db, table), i64::from(rows));
    db.sql(&format!("SELECT stretch.set_migration_state('{table}', 'paused')"));
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment"), 1);
}

/// The tid of a row of the first segment of a table.
fn tid(row: i32) -> String {
    format!("({},{})", 0x8000_0000u32 + row as u32 / 65_000, 300 + row % 65_000)
}

/// The condition that names a row.
fn at(row: i32) -> String {
    format!("ctid = '{}'", tid(row))
}

/// The condition that names the first rows.
fn first(rows: i32) -> String {
    format!(
        "ctid = ANY (ARRAY(SELECT format('(%s,%s)', 2147483648 + g / 65000, 300 + g % 65000)::tid
            FROM generate_series(0, {rows} - 1) g))"
    )
}

/// The condition that names a row and, as the server compares the tid of a new version too, any hot one with its `id`.
fn at_or_home(row: i32) -> String {
    format!(
        "ctid = ANY ('{}'::tid || ARRAY(SELECT format('(%s,%s)', b, o)::tid
            FROM generate_series(0, 5) b, generate_series(1, 250) o)) AND id = {row}",
        tid(row)
    )
}

/// The new versions of updated cold rows.
fn at_home(db: &Client) -> Vec<String> {
    db.lines("SELECT t.id, t.s, t.n FROM t JOIN stretch.tombstone d ON t.ctid = d.home ORDER BY 1")
}

/// What became of a statement: its rows, or the code of its error.
fn outcome(result: Result<Vec<Vec<Option<String>>>, SqlError>) -> String {
    match result {
        Ok(rows) => {
            let line = |row: Vec<Option<String>>| row.into_iter().flatten().collect::<Vec<_>>().join("|");
            rows.into_iter().map(line).collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.code,
    }
}

/// Runs `second` while the transaction of `db` has done something that it must wait for, which then ends by `end`.
fn meets(db: &Client, other: &Client, second: &str, end: &str) -> String {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| outcome(other.try_rows(second)));
        let pid = other.pid();
        wait_until("the second session to wait", PATIENCE, || {
            waiting.is_finished() || db.bool(&format!("SELECT cardinality(pg_blocking_pids({pid})) > 0"))
        });
        assert!(!waiting.is_finished(), "{second} does not wait");
        db.sql(end);
        waiting.join().expect("no panic")
    })
}

#[test]
fn a_cursor_finds_the_row_that_became_cold_under_it() {
    let (cluster, _endpoint, db) = cold("otr-cursor", 10);
    let other = cluster.connect("postgres");
    let state = |state: &str| other.sql(&format!("SELECT stretch.set_migration_state('t', '{state}')"));
    for (row, before) in [(100, ""), (101, "UPDATE t SET s = 'new' WHERE id = 101")] {
        db.sql(&format!("INSERT INTO t VALUES ({row}, 'hot', {row})"));
        db.sql(&format!("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE id = {row}"));
        assert_eq!(db.int("FETCH c"), row);
        other.sql(before);
        state("outbound");
        drain(&other, "t");
        state("paused");
        let found = db.lines("UPDATE t SET n = n + 1 WHERE CURRENT OF c RETURNING n");
        assert_eq!(found, [(row + 1).to_string()]);
        db.sql("COMMIT");
        assert_eq!(
            db.lines(&format!("SELECT n FROM t WHERE id = {row}")),
            [(row + 1).to_string()]
        );
    }
    db.sql("INSERT INTO t VALUES (103, 'hot', 1)");
    // One that another deleted is not there any more, as ever.
    db.sql("UPDATE t SET n = -1 WHERE id = 103");
    db.sql("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 103; FETCH c");
    other.sql("DELETE FROM t WHERE id = 103");
    assert_eq!(db.lines("UPDATE t SET n = 0 WHERE CURRENT OF c RETURNING id"), [""; 0]);
    db.sql("COMMIT");
}

const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN short AS text CHECK (length(value) < 40);
    CREATE TABLE plain (gone int, id int, b bool, i2 smallint, i8 bigint, r real, d double precision,
        num numeric, c char(7), v varchar(20), x text, by bytea, u uuid, da date, ti time, ts timestamp,
        tz timestamptz, iv interval, j json, jb jsonb, ia int[], ta text[], m mood, p pair, sh short, inet inet,
        rng int4range, tsv tsvector, o oid, mo money, bits bit varying, twice int GENERATED ALWAYS AS (id * 2) STORED);
    ALTER TABLE plain DROP COLUMN gone;
    INSERT INTO plain SELECT g, g % 3 = 0, g % 100, g * 10000000000, g / 7.0, g / 3.0, g / 7.0, 'c' || g, 'v' || g,
        repeat('text ' || g, 1 + g % 50), decode(md5(g::text), 'hex'), md5(g::text)::uuid, '2020-01-01'::date + g,
        '00:00'::time + g * interval '1 minute', '2020-01-01'::timestamp + g * interval '1 hour',
        '2020-01-01 00:00+00'::timestamptz + g * interval '1 hour', g * interval '1 day 3 minutes',
        json_build_object('g', g), jsonb_build_object('g', array[g, g + 1]), array[g, NULL, g + 1],
        array['a' || g, NULL], (array['sad', 'ok', 'happy'])[1 + g % 3]::mood, row(g, 'p' || g)::pair, 'sh' || g,
        ('10.0.' || g % 256 || '.1')::inet, int4range(g, g + 5), to_tsvector('word' || g), g::oid, g::money,
        (g % 64)::bit(6)
        FROM generate_series(0, 2999) g;
    INSERT INTO plain (id) VALUES (3000);
    CREATE TABLE t (LIKE plain INCLUDING ALL)";

#[test]
fn rows_of_every_type_are_fetched_by_tid() {
    let (cluster, _endpoint, db) = server("otr-fetch");
    db.sql(TYPES);
    db.sql(
        "DO $$ DECLARE names text; BEGIN SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) INTO names
            FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attnum > 0 AND NOT attisdropped
            AND attgenerated = ''; EXECUTE format('INSERT INTO t (%s) SELECT %s FROM plain ORDER BY id', names, names);
            END $$",
    );
    stretch(&db, "t", 3001);
    for remote in [false, true] {
        if remote {
            purge(&db, "t");
        }
        // What a session keeps of row groups is its own.
        let db = cluster.connect("postgres");
        let all = db.md5_of(&format!("SELECT * FROM t WHERE {} ORDER BY id", first(3001)));
        assert_eq!(all, db.md5_of("SELECT * FROM plain ORDER BY id"));
        for row in [0, 17, 2999, 3000] {
            assert_eq!(
                db.lines(&format!("SELECT t, t.* FROM t WHERE {}", at(row))),
                db.lines(&format!("SELECT plain, plain.* FROM plain WHERE id = {row}"))
            );
        }
        assert_eq!(
            db.lines(&format!("SELECT ctid, xmin, tableoid::regclass FROM t WHERE {}", at(5))),
            [format!("{}|4294967295|t", tid(5))]
        );
    }
    // What stands for no row.
    for nothing in [
        "(2147483648,0)",
        "(2147483648,299)",
        "(2147483648,65300)",
        "(4294967295,300)",
        "(2999999999,400)",
    ] {
        assert_eq!(
            db.lines(&format!("SELECT id FROM t WHERE ctid = '{nothing}'")),
            [""; 0],
            "{nothing}"
        );
    }
    assert_eq!(db.lines(&format!("SELECT id FROM t WHERE {}", at(3001))), [""; 0]);
}

#[test]
fn updates_and_deletes_by_tid() {
    let (_cluster, _endpoint, db) = cold("otr-change", 100);
    let tombstones = || db.lines("SELECT row_no, home IS NOT NULL FROM stretch.tombstone ORDER BY 1");
    let updated = db.lines(&format!("UPDATE t SET s = s || '!' WHERE {} RETURNING id, s, n", at(5)));
    assert_eq!(updated, ["5|row 5!|10"]);
    assert_eq!(tombstones(), ["5|t"]);
    assert_eq!(at_home(&db), ["5|row 5!|10"]);
    assert_eq!(db.lines(&format!("SELECT id FROM t WHERE {}", at(5))), [""; 0]);
    let deleted = db.lines(&format!("DELETE FROM t WHERE {} RETURNING id, s, n", at(6)));
    assert_eq!(deleted, ["6|row 6|12"]);
    assert_eq!(tombstones(), ["5|t", "6|f"]);
    for statement in ["UPDATE t SET n = 0", "DELETE FROM t"] {
        assert_eq!(db.lines(&format!("{statement} WHERE {} RETURNING 1", at(6))), [""; 0]);
    }
    // Undone as a whole, and in part.
    db.sql(&format!(
        "BEGIN; UPDATE t SET n = -1 WHERE {}; DELETE FROM t WHERE {}",
        at(7),
        at(8)
    ));
    assert_eq!(tombstones().len(), 4);
    db.sql("ROLLBACK");
    assert_eq!(tombstones().len(), 2);
    db.sql(&format!(
        "BEGIN; SAVEPOINT s; UPDATE t SET n = -1 WHERE {}; ROLLBACK TO s",
        at(7)
    ));
    db.sql(&format!("UPDATE t SET n = -2 WHERE {}; COMMIT", at(7)));
    assert_eq!(at_home(&db), ["5|row 5!|10", "7|row 7|-2"]);
    // The new version is an ordinary row, found by its index.
    db.sql("SET enable_seqscan = off");
    assert_eq!(db.lines("SELECT n FROM t WHERE id = 7"), ["-2"]);
    db.fails(&format!("UPDATE t SET n = 1000000 WHERE {}", at(9)), "23514");
    db.fails(&format!("UPDATE t SET id = NULL WHERE {}", at(9)), "23502");
    assert_eq!(tombstones().len(), 3);
    // A row twice in one statement counts once.
    let twice = format!(
        "UPDATE t SET n = n + 1 FROM (VALUES (1), (2)) v (x) WHERE {} RETURNING t.n",
        at(10)
    );
    assert_eq!(db.lines(&twice), ["21"]);
    // Many, by a key too.
    let many = format!(
        "WITH x AS (UPDATE t SET id = id + 1000 WHERE {} RETURNING 1) SELECT count(*) FROM x",
        first(100)
    );
    assert_eq!(db.int(&many), 96);
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.tombstone WHERE home IS NOT NULL"),
        99
    );
    assert_eq!(db.int(&format!("SELECT count(*) FROM t WHERE {}", first(100))), 0);
    assert_eq!(
        db.int("SELECT sum(id) FROM t"),
        (0..100).filter(|id| *id != 6).sum::<i64>() + 96_000
    );
}

#[test]
fn writes_of_cold_rows_can_be_refused() {
    let (_cluster, _endpoint, db) = cold("otr-refuse", 10);
    db.sql("SET stretch.cold_writes = refuse");
    for statement in ["UPDATE t SET n = 0", "DELETE FROM t"] {
        let error = db.fails(&format!("{statement} WHERE {}", at(3)), "ST015");
        assert!(
            error.message.contains("cold row of table public.t"),
            "{}",
            error.message
        );
    }
    db.sql("RESET stretch.cold_writes");
    db.sql("SELECT stretch.set_query_mode('DISABLED')");
    db.fails(&format!("SELECT * FROM t WHERE {}", at(3)), "ST020");
    db.sql("SELECT stretch.set_query_mode('LOCAL_ONLY')");
    db.fails(&format!("UPDATE t SET n = 0 WHERE {}", at(3)), "ST015");
    assert_eq!(db.int("SELECT count(*) FROM stretch.tombstone"), 0);
}

#[test]
fn triggers_see_cold_rows_and_may_change_them() {
    let (_cluster, _endpoint, db) = cold("otr-triggers", 50);
    db.sql(
        "CREATE TABLE log (what text, old t, new t);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO log SELECT TG_WHEN || ' ' || TG_OP, OLD, CASE WHEN TG_OP = 'UPDATE' THEN NEW END;
            RETURN CASE WHEN TG_OP = 'UPDATE' THEN NEW ELSE OLD END; END $$;
         CREATE TRIGGER a BEFORE UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note();
         CREATE TRIGGER b AFTER UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION note();
         CREATE CONSTRAINT TRIGGER c AFTER UPDATE OR DELETE ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION note()",
    );
    db.sql(&format!(
        "UPDATE t SET s = 'new' WHERE {}; DELETE FROM t WHERE {}",
        at(1),
        at(2)
    ));
    assert_eq!(
        db.lines("SELECT what, (old).id, (old).s, (new).s, count(*) FROM log GROUP BY 1, 2, 3, 4 ORDER BY 2, 1"),
        [
            "AFTER UPDATE|1|row 1|new|2",
            "BEFORE UPDATE|1|row 1|new|1",
            "AFTER DELETE|2|row 2||2",
            "BEFORE DELETE|2|row 2||1"
        ]
    );
    // A trigger that gets hold of the row first.
    db.sql(
        "DROP TRIGGER a ON t; DROP TRIGGER b ON t; DROP TRIGGER c ON t;
         CREATE TABLE act (what text);
         CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE todo text;
            BEGIN FOR todo IN SELECT what FROM act LOOP
                IF pg_trigger_depth() = 1 THEN EXECUTE todo; END IF; END LOOP;
            RETURN CASE WHEN TG_OP = 'UPDATE' THEN NEW ELSE OLD END; END $$;
         CREATE TRIGGER a BEFORE UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION act()",
    );
    let mut row = 10;
    for inner in ["UPDATE t SET n = -1", "DELETE FROM t"] {
        for outer in ["UPDATE t SET n = -2", "DELETE FROM t"] {
            row += 1;
            db.sql(&format!(
                "TRUNCATE act; INSERT INTO act VALUES ($$ {inner} WHERE {} $$)",
                at(row)
            ));
            let error = db.fails(&format!("{outer} WHERE {}", at(row)), "27000");
            assert!(error.message.contains("already modified"), "{}", error.message);
            assert_eq!(
                db.lines(&format!("SELECT id FROM t WHERE {}", at(row))),
                [row.to_string()]
            );
        }
    }
}

#[test]
fn serializable_transactions_find_conflicts_over_cold_rows() {
    let (cluster, _endpoint, db) = cold("otr-ssi", 10);
    let other = cluster.connect("postgres");
    for session in [&db, &other] {
        session.sql("BEGIN ISOLATION LEVEL SERIALIZABLE");
        assert_eq!(
            session.int(&format!("SELECT count(*) FROM t WHERE {} OR {}", at(1), at(2))),
            2
        );
    }
    db.sql(&format!("DELETE FROM t WHERE {}", at(1)));
    other.sql(&format!("UPDATE t SET n = -1 WHERE {}", at(2)));
    db.sql("COMMIT");
    assert_eq!(other.try_sql("COMMIT").expect_err("a write skew").code, "40001");
}

#[test]
fn many_deletes_of_a_statement_become_a_bitmap() {
    let (cluster, _endpoint, db) = cold("otr-bitmap", 20_000);
    let other = cluster.connect("postgres");
    let tombstones =
        || db.lines("SELECT row_no >= 0, count(*), sum(dead_rows) FROM stretch.tombstone GROUP BY 1 ORDER BY 1");
    let alive = |db: &Client| db.int(&format!("SELECT count(*) FROM t WHERE {}", first(20_000)));
    let some = |from: i32, to: i32| format!("{} AND id >= {from} AND id < {to}", first(20_000));
    db.sql(&format!("DELETE FROM t WHERE {}", some(0, 8000)));
    assert_eq!((tombstones(), alive(&db)), (vec!["f|1|8000".into()], 12_000));
    db.sql(&format!("BEGIN; DELETE FROM t WHERE {}", some(8000, 12_000)));
    assert_eq!((alive(&db), alive(&other)), (8000, 12_000));
    db.sql("ROLLBACK");
    assert_eq!(alive(&db), 12_000);
    // A statement that fails in the middle, inside a savepoint, leaves nothing that is written later.
    let fails = format!("DELETE FROM t WHERE {} AND 1 / (id - 12000) < 1", some(8000, 13_000));
    db.sql("BEGIN; SAVEPOINT s");
    db.fails(&fails, "22012");
    db.sql("ROLLBACK TO s");
    db.sql(&format!("DELETE FROM t WHERE {}; COMMIT", at(8000)));
    assert_eq!(
        (tombstones(), alive(&db)),
        (vec!["f|1|8000".into(), "t|1|1".into()], 11_999)
    );
    // Code that runs within the statement sees what it has done so far, and so do triggers.
    db.sql(
        "CREATE TABLE seen (n bigint);
         CREATE FUNCTION look() RETURNS bool LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen SELECT count(*) FROM t WHERE ctid = ANY (ARRAY(
                SELECT format('(2147483648,%s)', g)::tid FROM generate_series(8301, 8305) g)); RETURN true; END $$;
         CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM look(); RETURN OLD; END $$",
    );
    db.sql(&format!("DELETE FROM t WHERE {} AND look()", some(8001, 8004)));
    assert_eq!(db.lines("TABLE seen"), ["5", "4", "3"]);
    db.sql("TRUNCATE seen; CREATE TRIGGER a AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION looks()");
    db.sql(&format!("DELETE FROM t WHERE {}", some(8004, 8006)));
    assert_eq!(db.lines("TABLE seen"), ["0", "0"]);
    db.sql("DROP TRIGGER a ON t");
    assert_eq!(alive(&db), 11_994);
    // Parts of one statement that meet the same row.
    let twice = "WITH a AS (DELETE FROM t WHERE {a} RETURNING id), b AS (DELETE FROM t WHERE {a} RETURNING id)
        SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)";
    assert_eq!(db.int(&twice.replace("{a}", &some(9000, 9100))), 100);
    let both = "WITH a AS (DELETE FROM t WHERE {a} RETURNING id), b AS (UPDATE t SET n = 0 WHERE {a} RETURNING id)
        SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)";
    assert_eq!(db.int(&both.replace("{a}", &some(9100, 9200))), 100);
    let unread = "WITH a AS (DELETE FROM t WHERE {a} RETURNING id) SELECT 1";
    assert_eq!(db.int(&unread.replace("{a}", &some(9200, 9300))), 1);
    assert_eq!(alive(&db), 11_694);
    // Two that meet: the second finds its rows gone, or gone on.
    db.sql(&format!("BEGIN; DELETE FROM t WHERE {}", some(10_000, 15_000)));
    let found = meets(
        &db,
        &other,
        &format!("DELETE FROM t WHERE {} RETURNING id", some(14_999, 15_002)),
        "COMMIT",
    );
    assert_eq!(found, "15000 15001");
    assert_eq!(alive(&db), 6692);
    assert_eq!(db.lines("SELECT missing, corrupt FROM stretch.verify('t')"), ["0|0"]);
}
