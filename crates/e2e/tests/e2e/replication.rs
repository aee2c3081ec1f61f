//! Logical decoding: what users change is decoded from a stretched table as from any other, whether the row was hot or
//! cold; what migration moves has an origin; and publications without deletes hold stretched tables.

use testkit::setup::{drain, enable_database, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

/// A stretched table whose rows up to 60 are cold, and a plain one with the same rows; each has a child.
fn twins(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name).conf("wal_level", "logical").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    for table in ["cold", "plain"] {
        db.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, note text, code int UNIQUE DEFERRABLE);
             INSERT INTO {table} SELECT n, 'note', n FROM generate_series(1, 100) n;
             CREATE TABLE {table}_child (id int PRIMARY KEY, of int REFERENCES {table} ON DELETE CASCADE);
             INSERT INTO {table}_child SELECT n, n + 20 FROM generate_series(1, 10) n"
        ));
    }
    (cluster, endpoint, db)
}

fn stretch(db: &Client) {
    db.sql("SELECT stretch.enable_table('cold', 'id <= 60'), stretch.enable_table('cold_child', 'id <= 5')");
    drain(db, "cold");
    drain(db, "cold_child");
    assert_eq!((hot_rows(db, "cold"), hot_rows(db, "cold_child")), (40, 5));
}

/// What the slot has of our tables, without the names that tell them apart, in any order; taken unless it is only
/// looked at.
fn decoded(db: &Client, function: &str, only_local: bool) -> Vec<String> {
    let mut lines = db.lines(&format!(
        "SELECT replace(replace(data, 'public.cold', 'public.'), 'public.plain', 'public.')
         FROM pg_logical_slot_{function}_changes('tap', NULL, NULL, 'include-xids', '0', 'only-local', '{only_local}')
         WHERE data LIKE 'table public.%'"
    ));
    lines.sort();
    lines
}

#[test]
fn changes_of_cold_rows_are_decoded_as_those_of_hot_ones() {
    let (_cluster, _endpoint, db) = twins("replication-decodes");
    db.sql("SELECT pg_create_logical_replication_slot('tap', 'test_decoding')");
    stretch(&db);
    let moved = decoded(&db, "peek", false);
    assert_eq!(
        moved.iter().filter(|line| line.contains("DELETE")).count(),
        65,
        "{moved:#?}"
    );
    assert_eq!(
        decoded(&db, "get", true),
        Vec::<String>::new(),
        "migration has an origin"
    );
    let statements = [
        "UPDATE {t} SET note = 'new' WHERE id = 1",
        "UPDATE {t} SET id = 1002 WHERE id = 2",
        "DELETE FROM {t} WHERE id = 3",
        "INSERT INTO {t} VALUES (4, 'up', 4) ON CONFLICT (id) DO UPDATE SET note = excluded.note",
        "INSERT INTO {t} VALUES (5, 'up', 5) ON CONFLICT DO NOTHING",
        "MERGE INTO {t} USING (VALUES (6), (7), (500)) AS new (id) ON new.id = {t}.id
         WHEN MATCHED AND {t}.id = 6 THEN UPDATE SET note = 'merged' WHEN MATCHED THEN DELETE
         WHEN NOT MATCHED THEN INSERT VALUES (new.id, 'new', new.id)",
        "BEGIN; UPDATE {t} SET note = 'gone' WHERE id = 8; ROLLBACK",
        "BEGIN; SAVEPOINT a; UPDATE {t} SET note = 'gone' WHERE id = 8; ROLLBACK TO a;
         DELETE FROM {t} WHERE id = 9; COMMIT",
        "UPDATE {t} SET note = note || '!' WHERE id IN (10, 11, 100)",
        "BEGIN; UPDATE {t} SET note = 'one' WHERE id = 12; UPDATE {t} SET note = 'two' WHERE id = 12;
         DELETE FROM {t} WHERE id = 12; COMMIT",
        "WITH gone AS (DELETE FROM {t} WHERE id = 13 RETURNING *) INSERT INTO {t} SELECT 1013, note, 1013 FROM gone",
        "BEGIN; SELECT * FROM {t} WHERE id = 14 FOR UPDATE; UPDATE {t} SET note = repeat('long', 2000) WHERE id = 14;
         COMMIT",
        "UPDATE {t} SET code = code + 1 WHERE id IN (15, 16)",
        "UPDATE {t} SET code = 17 WHERE id = 17",
        // Cascades to a cold child and to a hot one.
        "DELETE FROM {t} WHERE id IN (22, 28)",
        "DELETE FROM {t}_child WHERE id = 1",
        "UPDATE {t}_child SET of = 30 WHERE id = 3",
        "DELETE FROM {t} WHERE id BETWEEN 40 AND 59",
    ];
    for statement in statements {
        let [cold, plain] = ["cold", "plain"].map(|table| {
            let outcome = db.try_sql(&statement.replace("{t}", table)).map_err(|error| error.code);
            db.sql("ROLLBACK");
            (outcome, decoded(&db, "get", true))
        });
        assert_eq!(cold, plain, "{statement}");
        println!(
            "{}: {} changes",
            statement.split_whitespace().collect::<Vec<_>>().join(" "),
            cold.1.len()
        );
    }
    for table in ["", "_child"] {
        let all = |side: &str| db.md5_of(&format!("SELECT * FROM {side}{table} ORDER BY id"));
        assert_eq!(all("cold"), all("plain"));
    }
    drain(&db, "cold");
    assert_eq!(decoded(&db, "get", true), Vec::<String>::new());
    db.sql("TRUNCATE cold CASCADE");
    assert!(decoded(&db, "get", true).iter().any(|line| line.contains("TRUNCATE")));
}

#[test]
fn a_subscriber_has_every_row_that_was_not_deleted() {
    let (cluster, _endpoint, db) = twins("replication-publishes");
    stretch(&db);
    db.sql("CREATE PUBLICATION p FOR TABLE cold, cold_child WITH (publish = 'insert, update, truncate')");
    let other = Cluster::builder("replication-subscribes")
        .conf("wal_level", "logical")
        .start();
    let there = other.connect("postgres");
    there.sql(
        "CREATE TABLE cold (id int PRIMARY KEY, note text, code int);
         CREATE TABLE cold_child (id int PRIMARY KEY, of int)",
    );
    let socket = cluster.socket_dir().display();
    let user = db.text("SELECT current_user");
    // The first copy is a COPY … TO, of which pg_stretch wants to know which rows it is to have.
    there.sql(&format!(
        "CREATE SUBSCRIPTION s CONNECTION
         'host={socket} dbname=postgres user={user} options=-cstretch.copy_to=all' PUBLICATION p"
    ));
    let arrives = |what: &str| {
        let rows = |db: &Client, table: &str| db.lines(&format!("SELECT * FROM {table} ORDER BY id"));
        wait_until(what, PATIENCE, || {
            ["cold", "cold_child"]
                .iter()
                .all(|table| rows(&db, table) == rows(&there, table))
        });
    };
    arrives("the first copy");
    db.sql(
        "INSERT INTO cold SELECT n, 'later', n FROM generate_series(-20, -1) n;
         UPDATE cold SET note = 'changed' WHERE id BETWEEN 50 AND 70; UPDATE cold SET id = 300 WHERE id = 40;
         INSERT INTO cold VALUES (41, 'up', 41), (301, 'new', 301) ON CONFLICT (id) DO UPDATE SET note = excluded.note;
         UPDATE cold_child SET of = 60 WHERE id = 4",
    );
    drain(&db, "cold");
    assert_eq!(db.int("SELECT count(*) FROM cold WHERE id <= 60"), 79);
    db.sql("INSERT INTO cold VALUES (400, 'last', 400)");
    arrives("what came later");
    // Deletes are what the publication leaves out.
    db.sql("DELETE FROM cold WHERE id = 55; INSERT INTO cold VALUES (401, 'last', 401)");
    wait_until("the last row", PATIENCE, || {
        there.bool("SELECT EXISTS (SELECT FROM cold WHERE id = 401)")
    });
    assert!(there.bool("SELECT EXISTS (SELECT FROM cold WHERE id = 55)"));
    there.sql("DROP SUBSCRIPTION s");
    there.sql("CREATE PUBLICATION back FOR TABLE cold");
    // A subscription's worker would look for the rows in the heap alone.
    let error = db.fails(
        &format!(
            "CREATE SUBSCRIPTION s CONNECTION 'host={} dbname=postgres user={user}' PUBLICATION back
             WITH (create_slot = false, enabled = false)",
            other.socket_dir().display()
        ),
        "0A000",
    );
    assert!(error.hint.contains("out of the subscription"), "{error}");
}

#[test]
fn publications_with_deletes_are_refused() {
    let (_cluster, _endpoint, db) = twins("replication-guard");
    db.sql("CREATE PUBLICATION all_of_it FOR TABLE cold");
    let error = db.fails("SELECT stretch.enable_table('cold', 'id <= 60')", "ST011");
    let way_out = "ALTER PUBLICATION all_of_it SET (publish = 'insert, update, truncate')";
    assert!(error.detail.contains(way_out), "{error}");
    db.sql(way_out);
    stretch(&db);
    db.sql(
        "CREATE SCHEMA shown; CREATE PUBLICATION named FOR TABLE plain WITH (publish = 'insert');
         ALTER PUBLICATION named ADD TABLE cold; ALTER PUBLICATION named SET TABLE cold, plain;
         CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA shown, public WITH (publish = 'insert, update');
         CREATE PUBLICATION other FOR TABLE plain",
    );
    for sql in [
        "ALTER PUBLICATION all_of_it SET (publish = 'insert, delete')",
        "ALTER PUBLICATION named SET (publish = 'INSERT,UPDATE , DELETE')",
        "ALTER PUBLICATION of_schema SET (publish = 'delete')",
        "ALTER PUBLICATION other ADD TABLE cold",
        "ALTER PUBLICATION other SET TABLE cold",
        "ALTER PUBLICATION other ADD TABLES IN SCHEMA public",
        "CREATE PUBLICATION p FOR TABLE cold",
        "CREATE PUBLICATION p FOR TABLE cold WITH (publish = 'delete')",
        "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert')",
        "CREATE PUBLICATION p FOR TABLE stretch.segment WITH (publish = 'insert')",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA stretch WITH (publish = 'insert')",
    ] {
        let error = db.fails(sql, "0A000");
        assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{sql}: {error}");
    }
    db.sql(
        "ALTER PUBLICATION all_of_it SET (publish = 'insert');
         ALTER PUBLICATION of_schema SET (publish_via_partition_root);
         ALTER TABLE cold SET SCHEMA shown; ALTER TABLE shown.cold SET SCHEMA public; DROP PUBLICATION of_schema;
         CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA shown",
    );
    db.fails("ALTER TABLE cold SET SCHEMA shown", "0A000");
}

#[test]
fn slots_without_publication_are_told_of() {
    let (cluster, _endpoint, db) = twins("replication-slots");
    db.sql(
        "SELECT pg_create_logical_replication_slot('tap', 'test_decoding'),
                pg_create_logical_replication_slot('published', 'pgoutput')",
    );
    db.sql("SELECT stretch.enable_table('cold', 'id <= 60')");
    let notices = db.notices();
    let warnings: Vec<_> = notices.iter().filter(|notice| notice.severity == "WARNING").collect();
    assert_eq!(warnings.len(), 1, "{notices:?}");
    assert!(warnings[0].message.ends_with(": tap"), "{notices:?}");
    let origins = "SELECT count(*) FROM pg_replication_origin WHERE roname LIKE 'pg\\_stretch\\_%'";
    drain(&db, "cold");
    assert_eq!(db.int(origins), 1);
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    db.sql("INSERT INTO cold VALUES (0, 'more', 0)");
    wait_until("the verdict after the start", PATIENCE, || {
        db.try_sql("SELECT stretch.drain('cold')").is_ok()
    });
    assert_eq!(db.int(origins), 1, "the origin is found again");
    db.sql("DROP TABLE cold CASCADE");
    db.sql("SELECT stretch.disable_database()");
    wait_until("the worker to leave", PATIENCE, || db.int(origins) == 0);
}

/// The worker tells of a slot once, also of one that goes and comes again.
#[test]
fn slots_are_told_of_once() {
    let (cluster, _endpoint, db) = twins("replication-told");
    db.sql("SELECT stretch.enable_table('cold', 'id <= 60')");
    drain(&db, "cold");
    let told = |slot: &str| {
        let log = cluster.log();
        let warnings = log.lines().filter(|line| line.contains("decode each migrated row"));
        warnings.filter(|line| line.contains(slot)).count()
    };
    let make = |slot: &str| {
        db.sql(&format!(
            "SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"
        ))
    };
    let wait_told = |slot: &str| wait_until("a warning of the slot", PATIENCE, || told(slot) > 0);
    make("comes_and_goes");
    wait_told("comes_and_goes");
    db.sql("SELECT pg_drop_replication_slot('comes_and_goes')");
    // A round that sees this one does not see the other.
    make("between");
    wait_told("between");
    make("comes_and_goes");
    make("afterwards");
    wait_told("afterwards");
    for slot in ["comes_and_goes", "between", "afterwards"] {
        assert_eq!(told(slot), 1, "{slot}");
    }
}
