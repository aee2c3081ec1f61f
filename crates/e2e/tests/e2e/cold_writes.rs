//! UPDATE and DELETE of cold rows: every statement does to the stretched table what it does to a plain twin.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, digest, wait_until};

fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "100ms")
        .conf("autovacuum", "off")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// What a table `{t}` needs besides its rows: keys, checks, a dropped column, so that layouts differ, and a generated
/// one.
const TABLE: &str =
    "CREATE TABLE {t} (gone text, id int PRIMARY KEY, grp int NOT NULL, n numeric(12,2) CHECK (n > -1000),
        s text, u int UNIQUE, twice int GENERATED ALWAYS AS (grp * 2) STORED);
    INSERT INTO {t} (id, grp, n, s, u) SELECT g, g % 10, g / 7.0, CASE WHEN g % 5 > 0 THEN 'row ' || g END, g * 10
        FROM generate_series(1, 1000) g;
    ALTER TABLE {t} DROP COLUMN gone";

/// Tables `t` (stretched, rows below 800 cold) and `plain`, alike in everything else; both carry the triggers of
/// `more`.
fn twins(db: &Client, more: &str) {
    for table in ["t", "plain"] {
        db.sql(&TABLE.replace("{t}", table));
        db.sql(&more.replace("{t}", table));
    }
    enable_table(db, "t", "id < 800");
    assert_eq!(drain(db, "t"), 799);
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
}

/// Runs a statement over `{t}` on both tables: the same rows come back, or the same error; then both hold the same
/// rows.
fn both(db: &Client, statement: &str) {
    let run = |table: &str| {
        let text = statement.replace("{t}", table);
        let mut rows = db
            .try_rows(&text)
            .map_err(|error| (error.code, error.message.replace("plain", "t")));
        // Which of the matching rows comes first is nobody's promise.
        if let Ok(rows) = &mut rows {
            rows.sort();
        }
        rows
    };
    let (stretched, plain) = (run("t"), run("plain"));
    assert_eq!(stretched, plain, "{statement}");
    assert_eq!(
        digest::multiset_digest(db, "t"),
        digest::multiset_digest(db, "plain"),
        "{statement}"
    );
}

/// Rows affected, as the command tag says.
fn count(db: &Client, statement: &str) -> String {
    let rows = format!("WITH x AS ({statement} RETURNING 1) SELECT count(*) FROM x");
    db.text(&rows)
}

/// Errors of users' code cross frames of ours that own something: every part of them arrives, and handlers are reached.
#[test]
fn errors_keep_every_part_on_their_way_through_cold_writes() {
    let (cluster, _endpoint, db) = server("cw-errors");
    db.sql(
        "CREATE FUNCTION raise_it(code text) RETURNS bool LANGUAGE plpgsql AS $$
         BEGIN
             RAISE EXCEPTION 'no % in stock', 'tea' USING ERRCODE = code, DETAIL = 'd', HINT = 'h', COLUMN = 'co', \
             CONSTRAINT = 'cn',
                 DATATYPE = 'dt', TABLE = 'ta', SCHEMA = 'sc';
         END $$;
         CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM raise_it('APP01'); RETURN NULL; \
         END $$;",
    );
    twins(
        &db,
        "CREATE TRIGGER b BEFORE UPDATE OF n ON {t} FOR EACH ROW EXECUTE FUNCTION guard();
         CREATE TRIGGER a AFTER DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION guard();",
    );
    let told = |statement: &str, table: &str| {
        let output = cluster
            .command("psql")
            .args(["-X", "-v", "VERBOSITY=verbose", "-v", "SHOW_CONTEXT=always"])
            .args(["-c", &statement.replace("{t}", table)])
            .output()
            .expect("psql runs");
        String::from_utf8_lossy(&output.stderr).replace("plain", "t")
    };
    for statement in [
        "UPDATE {t} SET n = 0 WHERE id = 5",
        "DELETE FROM {t} WHERE id = 6",
        "UPDATE {t} SET s = 'x' WHERE id = 7 RETURNING raise_it('45000')",
        "UPDATE {t} SET s = 'x' WHERE id < 9 AND raise_it('22P99')",
        "SELECT count(*) FROM {t} WHERE id < 9 AND raise_it('HV00Z')",
        "SELECT id FROM {t} WHERE id < 9 ORDER BY raise_it('ST015')",
        "INSERT INTO {t} (id, grp) SELECT 5000, 1 WHERE raise_it('APP02') ON CONFLICT DO NOTHING",
        "UPDATE {t} SET id = 900 WHERE id = 5",
        "UPDATE {t} SET u = NULL, grp = NULL WHERE id = 5",
        "DO $$BEGIN DELETE FROM {t} WHERE id = 6; EXCEPTION WHEN SQLSTATE 'APP01' THEN \
         RAISE EXCEPTION 'caught %', SQLERRM; END$$",
        "BEGIN; SAVEPOINT s; DELETE FROM {t} WHERE id = 6; ROLLBACK TO s; UPDATE {t} SET s = 'x' \
         WHERE raise_it('45000')",
    ] {
        let plain = told(statement, "plain");
        assert!(plain.contains("LOCATION:"), "{statement} raised nothing: {plain}");
        assert_eq!(told(statement, "t"), plain, "{statement}");
    }
}

#[test]
fn cold_rows_are_changed_as_hot_ones_are() {
    let (_cluster, _endpoint, db) = server("cw-alike");
    twins(&db, "");
    for purge in [false, true] {
        if purge {
            db.sql("SELECT stretch.purge_staged('t')");
        }
        for statement in [
            "UPDATE {t} SET s = 'new' WHERE id = 5 RETURNING id, grp, n, s, u, twice",
            "UPDATE {t} SET grp = grp + 1, n = n * 2 WHERE id BETWEEN 790 AND 810 RETURNING *",
            "DELETE FROM {t} WHERE id IN (6, 7, 900) RETURNING id, s, twice",
            "DELETE FROM {t} WHERE id = 6",
            // Joins, also such as find a row more than once.
            "UPDATE {t} x SET s = x.s || v.a FROM (VALUES (20, 'a'), (20, 'a'), (850, 'b'), (850, 'b')) v(i, a) \
             WHERE v.i = x.id RETURNING x.*",
            "DELETE FROM {t} x USING (SELECT generate_series(30, 32) i UNION ALL SELECT generate_series(30, 32)) v \
             WHERE v.i = x.id RETURNING x.id",
            "WITH a AS (DELETE FROM {t} WHERE id = 40 RETURNING id) DELETE FROM {t} WHERE id = 40 RETURNING id",
            "WITH a AS (UPDATE {t} SET s = 'x' WHERE id = 41 RETURNING s) SELECT s, (SELECT s FROM {t} \
             WHERE id = 41) FROM a",
            "WITH a AS (DELETE FROM {t} WHERE id BETWEEN 100 AND 300) SELECT count(*) FROM {t}",
            "UPDATE {t} SET s = (SELECT max(s) FROM {t}) WHERE id = 50 RETURNING s",
            // Constraints of the table hold for the new version; nothing of a failed statement stays.
            "UPDATE {t} SET n = -5000 WHERE id = 51",
            "UPDATE {t} SET grp = NULL WHERE id IN (51, 999)",
            "UPDATE {t} SET id = 999 WHERE id = 51",
            "UPDATE {t} SET twice = 5 WHERE id = 51",
            "UPDATE {t} SET id = 5000 WHERE id = 52 RETURNING id",
            "UPDATE {t} SET id = 52 WHERE id = 5000 RETURNING id",
            "INSERT INTO {t} (id, grp, u) VALUES (6, 1, 60) RETURNING id",
            "DELETE FROM {t} WHERE id = 6 RETURNING u",
        ] {
            both(&db, statement);
        }
        // The rows that the second round needs again.
        for table in ["t", "plain"] {
            db.sql(&format!(
                "INSERT INTO {table} (id, grp, n, s, u) SELECT g, 1, g, 'again', g * 10 FROM generate_series(1, 1000) g
                 WHERE g NOT IN (SELECT id FROM {table})"
            ));
        }
        db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
        drain(&db, "t");
        db.sql("SELECT stretch.set_migration_state('t', 'paused')");
        assert_eq!(
            db.int("SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND id < 800"),
            0,
            "all is cold again"
        );
    }
    for table in ["t", "plain"] {
        assert_eq!(
            count(&db, &format!("UPDATE {table} SET s = 'k' WHERE grp = 1")),
            count(&db, "UPDATE plain SET s = s WHERE grp = 1")
        );
    }
    both(&db, "DELETE FROM {t}");
    assert_eq!(db.int("SELECT count(*) FROM t"), 0);
}

#[test]
fn savepoints_and_rollback_take_cold_writes_back() {
    let (cluster, _endpoint, db) = server("cw-rollback");
    twins(&db, "");
    let before = digest::multiset_digest(&db, "t");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "BEGIN; DELETE FROM {table} WHERE id < 10; SAVEPOINT a; UPDATE {table} SET s = 'x' WHERE id < 20; \
             DELETE FROM {table} WHERE id < 500"
        ));
        assert_eq!(db.int(&format!("SELECT count(*) FROM {table}")), 501);
        db.sql(&format!("ROLLBACK TO a; UPDATE {table} SET s = 'y' WHERE id = 15"));
        assert_eq!(db.int(&format!("SELECT count(*) FROM {table}")), 991);
        // Nobody else sees it yet.
        assert_eq!(
            digest::multiset_digest(&cluster.connect("postgres"), table),
            before,
            "{table}"
        );
        db.sql("COMMIT");
    }
    assert_eq!(digest::multiset_digest(&db, "t"), digest::multiset_digest(&db, "plain"));
    db.sql("BEGIN; DELETE FROM t");
    assert_eq!(db.int("SELECT count(*) FROM t"), 0);
    db.sql("ROLLBACK");
    assert_eq!(digest::multiset_digest(&db, "t"), digest::multiset_digest(&db, "plain"));
    assert_eq!(db.int("SELECT cold_rows FROM stretch.tables") + hot_rows(&db, "t"), 991);
}

/// Notes what each row trigger sees; BEFORE triggers change and skip rows.
const TRIGGERS: &str = "CREATE TABLE log_{t} (n bigserial, what text);
    CREATE FUNCTION note_{t}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO log_{t} (what) VALUES (format('%s %s %s old %s new %s rows %s', TG_WHEN, TG_OP, TG_NAME,
            CASE WHEN TG_OP <> 'INSERT' THEN OLD END, CASE WHEN TG_OP <> 'DELETE' THEN NEW END,
            CASE WHEN TG_WHEN = 'AFTER' THEN (SELECT count(*) FROM {t}) END));
        IF TG_WHEN = 'AFTER' THEN RETURN NULL; END IF;
        IF TG_OP = 'DELETE' THEN RETURN CASE WHEN OLD.id % 7 = 0 THEN NULL ELSE OLD END; END IF;
        IF NEW.id % 7 = 0 THEN RETURN NULL; END IF;
        NEW.s := 'by trigger ' || coalesce(NEW.s, ''); NEW.grp := NEW.grp + 100; RETURN NEW; END $$;
    CREATE TRIGGER b BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION note_{t}();
    CREATE TRIGGER a AFTER UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION note_{t}();
    CREATE TRIGGER c AFTER UPDATE OF n ON {t} FOR EACH ROW WHEN (OLD.n IS DISTINCT FROM NEW.n) \
    EXECUTE FUNCTION note_{t}();
    CREATE CONSTRAINT TRIGGER d AFTER UPDATE OR DELETE ON {t} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
    EXECUTE FUNCTION note_{t}()";

#[test]
fn row_triggers_fire_for_cold_rows_as_for_hot_ones() {
    let (_cluster, _endpoint, db) = server("cw-triggers");
    twins(&db, TRIGGERS);
    for statement in [
        "UPDATE {t} SET n = n + 1 WHERE id IN (5, 14, 900) RETURNING id, grp, s, twice",
        "UPDATE {t} SET s = 'x' WHERE id IN (6, 901) RETURNING id, grp, s, twice",
        "DELETE FROM {t} WHERE id IN (8, 21, 902) RETURNING id, s",
        "DELETE FROM {t} WHERE id = 9",
        "UPDATE {t} SET id = 3000 WHERE id = 10 RETURNING id, grp",
    ] {
        both(&db, statement);
        let log = |table: &str| {
            let mut lines = db.lines(&format!("SELECT what FROM log_{table} ORDER BY n"));
            // Which of the matching rows comes first is nobody's promise.
            lines.sort();
            lines
        };
        assert_eq!(log("t"), log("plain"), "{statement}");
    }
    assert!(db.int("SELECT count(*) FROM log_t") >= 20);
    // What AFTER triggers read of the old rows is nowhere in the heap.
    assert_eq!(
        db.int("SELECT count(*) FROM ONLY t WHERE ctid < '(2147483648,0)' AND id IN (8, 9, 10)"),
        0
    );
    db.sql("VACUUM t");
    assert_eq!(digest::multiset_digest(&db, "t"), digest::multiset_digest(&db, "plain"));
    // A BEFORE trigger that changes the very row: the same error as for a hot one.
    for table in ["t", "plain"] {
        db.sql(&format!(
            "CREATE FUNCTION meddle_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF pg_trigger_depth() = 1 THEN DELETE FROM {table} WHERE id = OLD.id; END IF; \
                 RETURN COALESCE(NEW, OLD); END $$;
             DROP TRIGGER b ON {table};
             CREATE TRIGGER m BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION meddle_{table}()"
        ));
        db.fails(&format!("UPDATE {table} SET n = 1 WHERE id = 60"), "27000");
    }
}

#[test]
fn policies_privileges_and_views_hold_for_cold_writes() {
    let (cluster, _endpoint, db) = server("cw-rights");
    twins(&db, "");
    db.sql("CREATE ROLE app LOGIN; CREATE ROLE nobody LOGIN");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "GRANT SELECT, UPDATE (s, grp), DELETE ON {table} TO app;
             ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY p ON {table} TO app USING (grp < 5) WITH CHECK (grp < 4);
             CREATE VIEW v_{table} AS SELECT * FROM {table} WHERE grp = 3 WITH CHECK OPTION;
             GRANT SELECT, UPDATE ON v_{table} TO app"
        ));
    }
    let app = cluster.connect_as("app", "postgres");
    for statement in [
        "UPDATE {t} SET s = 'mine' WHERE id BETWEEN 10 AND 19 AND grp < 4 RETURNING id",
        "UPDATE {t} SET grp = 9 WHERE id = 11",
        "DELETE FROM {t} WHERE id BETWEEN 20 AND 29 RETURNING id",
        "UPDATE {t} SET n = 1 WHERE id = 12",
        "UPDATE v_{t} SET grp = 2 WHERE id = 33",
        "UPDATE v_{t} SET s = 'by view' WHERE id = 43 RETURNING id, s",
    ] {
        let run = |table: &str| {
            app.try_rows(&statement.replace("{t}", table))
                .map_err(|error| (error.code, error.message.replace("plain", "t")))
        };
        assert_eq!(run("t"), run("plain"), "{statement}");
        assert_eq!(
            digest::multiset_digest(&db, "t"),
            digest::multiset_digest(&db, "plain"),
            "{statement}"
        );
    }
    cluster
        .connect_as("nobody", "postgres")
        .fails("DELETE FROM t WHERE id = 1", "42501");
}

/// Rows under a cursor are changed as ever, hot and cold ones.
#[test]
fn where_current_of_works() {
    let (_cluster, _endpoint, db) = server("cw-cursor");
    twins(&db, "");
    for table in ["t", "plain"] {
        db.sql(&format!(
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM {table} WHERE id >= 899 ORDER BY id FOR UPDATE; FETCH 2 FROM c;
             UPDATE {table} SET s = 'current' WHERE CURRENT OF c; FETCH c; \
             DELETE FROM {table} WHERE CURRENT OF c; COMMIT"
        ));
        db.sql(&format!(
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM {table} WHERE grp = 3; FETCH 1 FROM c;
             UPDATE {table} SET s = 'simple' WHERE CURRENT OF c; COMMIT"
        ));
    }
    assert_eq!(db.int("SELECT count(*) FROM t WHERE s = 'current' AND id = 900"), 1);
    assert_eq!(db.int("SELECT count(*) FROM t WHERE id = 901"), 0);
    assert_eq!(db.int("SELECT count(*) FROM t WHERE s = 'simple'"), 1);
    db.sql("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 5; FETCH 1 FROM c");
    assert_eq!(db.lines("UPDATE t SET s = 'x' WHERE CURRENT OF c RETURNING id"), ["5"]);
    db.sql("ROLLBACK");
}

#[test]
fn cold_writes_can_be_refused() {
    let (_cluster, _endpoint, db) = server("cw-refuse");
    twins(&db, "");
    db.sql("SET stretch.cold_writes = refuse");
    for statement in [
        "UPDATE t SET s = 'x' WHERE id = 5",
        "DELETE FROM t WHERE id < 10",
        "DELETE FROM t",
    ] {
        let error = db.fails(statement, "ST015");
        assert!(
            error.message.contains("cold row of table public.t"),
            "{}",
            error.message
        );
    }
    db.sql("UPDATE t SET s = 'x' WHERE id = 900; DELETE FROM t WHERE s = 'x'");
    assert_eq!(db.int("SELECT count(*) FROM t"), 999);
    db.sql("RESET stretch.cold_writes; UPDATE t SET s = 'x' WHERE id = 5");
    assert_eq!(
        db.text("SELECT s FROM ONLY t WHERE ctid < '(2147483648,0)' AND id = 5"),
        "x"
    );
}

#[test]
fn many_deletes_become_a_bitmap_and_old_tombstones_are_folded() {
    let (cluster, _endpoint, db) = server("cw-bitmap");
    db.sql(
        "CREATE TABLE t (id int, s text); INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 20000) g;
         CREATE TABLE plain AS TABLE t",
    );
    enable_table(&db, "t", "id <= 20000");
    assert_eq!(drain(&db, "t"), 20_000);
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    let tombstones =
        || db.lines("SELECT row_no >= 0, count(*), sum(dead_rows) FROM stretch.tombstone GROUP BY 1 ORDER BY 1");
    both(&db, "DELETE FROM {t} WHERE id % 2 = 0");
    assert_eq!(tombstones(), ["f|1|10000"], "one bitmap for half of the segment");
    both(&db, "DELETE FROM {t} WHERE id % 4 = 1");
    assert_eq!(tombstones(), ["f|1|15000"], "the bitmap grows");
    assert_eq!(db.int("SELECT cold_rows FROM stretch.tables"), 5000);
    assert_eq!(db.int("SELECT live_rows FROM stretch.segments"), 5000);
    // An older snapshot keeps its rows, and keeps new tombstones from being folded.
    let old = cluster.connect("postgres");
    old.sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(old.int("SELECT count(*) FROM t"), 5000);
    for id in 0..300 {
        db.sql(&format!(
            "DELETE FROM t WHERE id = {0}; DELETE FROM plain WHERE id = {0}",
            id * 4 + 3
        ));
    }
    assert_eq!(tombstones(), ["f|1|15000", "t|300|300"]);
    assert_eq!(old.int("SELECT count(*) FROM t"), 5000);
    // Who sees a row alive that is dead meanwhile, by bitmap or not, is told so.
    old.fails("DELETE FROM t WHERE id = 3", "40001");
    old.sql("ROLLBACK");
    wait_until("the fold", PATIENCE, || tombstones() == ["f|1|15300"]);
    assert_eq!(digest::multiset_digest(&db, "t"), digest::multiset_digest(&db, "plain"));
    db.sql("DELETE FROM t; DELETE FROM plain");
    assert_eq!(db.int("SELECT count(*) FROM t"), 0);
    assert_eq!(db.lines("SELECT missing, corrupt FROM stretch.verify('t')"), ["0|0"]);
}

/// Two writers that meet: the later one waits. When the first one commits, it goes on at READ COMMITTED with what the
/// row has become, and is told to try again at REPEATABLE READ.
#[test]
fn the_second_writer_of_a_cold_row_waits() {
    let (cluster, _endpoint, db) = server("cw-race");
    twins(&db, "");
    let other = cluster.connect("postgres");
    for (first, second) in [
        ("DELETE FROM t WHERE id = 1", "DELETE FROM t WHERE id = 1"),
        ("UPDATE t SET s = 'a' WHERE id = 2", "UPDATE t SET s = 'b' WHERE id = 2"),
        // Bitmap against single and single against bitmap.
        ("DELETE FROM t WHERE id < 300", "UPDATE t SET s = 'b' WHERE id = 200"),
        (
            "DELETE FROM t WHERE id = 700",
            "DELETE FROM t WHERE id BETWEEN 500 AND 750",
        ),
    ] {
        for (level, commits) in [
            ("READ COMMITTED", false),
            ("READ COMMITTED", true),
            ("REPEATABLE READ", false),
            ("REPEATABLE READ", true),
        ] {
            other.sql(&format!("BEGIN ISOLATION LEVEL {level}"));
            other.sql("SELECT count(*) FROM t");
            db.sql("BEGIN");
            db.sql(first);
            let result = std::thread::scope(|scope| {
                let waiting = scope.spawn(|| other.try_sql(second));
                let pid = other.pid();
                wait_until("the second writer to wait", PATIENCE, || {
                    waiting.is_finished() || db.bool(&format!("SELECT cardinality(pg_blocking_pids({pid})) > 0"))
                });
                assert!(!waiting.is_finished(), "{second} does not wait for {first}");
                db.sql(if commits { "COMMIT" } else { "ROLLBACK" });
                waiting.join().expect("no panic")
            });
            match commits && level == "REPEATABLE READ" {
                true => assert_eq!(result.expect_err("it lost").code, "40001", "{first}; {second}"),
                false => result.expect("it goes on"),
            }
            other.sql("COMMIT");
            // Undo their work by hand, so that the next round meets cold rows again.
            other.sql("SELECT stretch.set_migration_state('t', 'outbound')");
            other.sql(
                "INSERT INTO t (id, grp, n, s, u) SELECT g, g % 10, 1, 'again', g * 10 \
                     FROM generate_series(1, 799) g
                     WHERE g NOT IN (SELECT id FROM t)",
            );
            drain(&other, "t");
            other.sql("SELECT stretch.set_migration_state('t', 'paused')");
        }
    }
    // Different rows of one segment do not meet.
    db.sql("BEGIN; DELETE FROM t WHERE id = 460");
    other.sql("DELETE FROM t WHERE id = 461");
    db.sql("COMMIT");
}

/// Random statements on both tables, while rows go cold again and again.
#[test]
fn random_statements_do_the_same_to_both_tables() {
    let seed = std::env::var("STRETCH_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    println!("STRETCH_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let (_cluster, _endpoint, db) = server("cw-random");
    twins(&db, "");
    let (mut changed_cold, mut fresh) = (0, 10_000);
    for _ in 0..150 {
        let from = dice.random_range(1..1000);
        let to = from + [0, 3, 40, 400][dice.random_range(0..4)];
        let place = match dice.random_range(0..3) {
            0 => format!("id BETWEEN {from} AND {to}"),
            1 => format!("id BETWEEN {from} AND {to} AND grp = {}", from % 10),
            _ => format!("id IN (SELECT id FROM {{t}} WHERE u BETWEEN {from}0 AND {to}0)"),
        };
        let cold = |table: &str| db.int(&format!("SELECT coalesce(sum(dead_rows), 0) FROM {table}"));
        let before = cold("stretch.tombstone");
        match dice.random_range(0..10) {
            0..4 => both(
                &db,
                &format!("UPDATE {{t}} SET s = 'r{from}', n = n + 1 WHERE {place} RETURNING id, s, n"),
            ),
            4..6 => both(&db, &format!("DELETE FROM {{t}} WHERE {place} RETURNING id")),
            6 => {
                fresh += 10_000;
                both(&db, &format!("UPDATE {{t}} SET u = u + {fresh} WHERE {place}"));
            }
            7 => {
                both(
                    &db,
                    &format!(
                        "INSERT INTO {{t}} (id, grp, n, s, u) SELECT g, 1, 1, 'new', g * 10 + {fresh} \
                     FROM generate_series({from}, {to}) g
                     WHERE g NOT IN (SELECT id FROM {{t}}) RETURNING id"
                    ),
                );
                fresh += 10_000;
            }
            _ => {
                db.sql("SELECT stretch.set_migration_state('t', 'outbound')");
                drain(&db, "t");
                db.sql("SELECT stretch.set_migration_state('t', 'paused')");
            }
        }
        changed_cold += i32::from(cold("stretch.tombstone") > before);
    }
    println!("{changed_cold} statements changed cold rows");
    assert!(changed_cold >= 20, "too few statements met cold rows");
}

#[test]
fn cold_rows_need_a_preloaded_library() {
    let (cluster, _endpoint, db) = server("cold_preload");
    twins(&db, "");
    drop(db);
    cluster.set_conf(&[("shared_preload_libraries", "")]);
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    for statement in [
        "SELECT count(*) FROM t",
        "DELETE FROM t WHERE id = 3",
        "UPDATE t SET grp = grp + 1 WHERE id = 3",
    ] {
        let error = db.try_sql(statement).expect_err(statement);
        assert_eq!(error.code, "55000", "{statement}: {error:?}");
        assert!(
            error.message.contains("must be loaded when the server starts"),
            "{error:?}"
        );
    }
    drop(db);
    cluster.set_conf(&[("shared_preload_libraries", "pg_stretch")]);
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    assert_eq!(db.text("SELECT count(*) FROM t"), "1000");
}
