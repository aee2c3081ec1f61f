//! The guard: what would treat the hot rows only is refused by whatever route, with a way out (F9, F30, F45, C-5).

use testkit::setup::{drain, enable_database, hot_rows};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

/// A stretched table with cold rows.
fn cold_orders(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name).conf("wal_level", "logical").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE ROLE somebody LOGIN;
         CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note' FROM generate_series(1, 100) n;
         CREATE TABLE other (id int PRIMARY KEY);
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         SELECT stretch.enable_table('orders', 'id <= 60')",
    );
    drain(&db, "orders");
    assert_eq!(hot_rows(&db, "orders"), 40);
    (cluster, endpoint, db)
}

#[test]
fn commands_that_treat_only_hot_rows_are_refused() {
    let (_cluster, _endpoint, db) = cold_orders("guard-refused");
    let refused = [
        "ALTER TABLE orders ADD COLUMN more float DEFAULT random()",
        "ALTER TABLE orders DROP COLUMN id",
        "ALTER TABLE orders ALTER note TYPE varchar(10)",
        "ALTER TABLE orders ADD EXCLUDE USING btree (note WITH =)",
        "ALTER TABLE orders SET UNLOGGED",
        "CREATE RULE r AS ON INSERT TO orders DO ALSO NOTHING",
        "CREATE TRIGGER repack_trigger AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing()",
        "ALTER SCHEMA stretch RENAME TO mine",
        "DROP SCHEMA stretch CASCADE",
        "DROP EXTENSION pg_stretch CASCADE",
        "ALTER EXTENSION pg_stretch DROP TABLE stretch.segment",
        "CREATE TABLE stretch.mine (a int)",
        "ALTER TABLE stretch.segment ADD COLUMN mine int",
        "TRUNCATE stretch.segment",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE orders DROP COLUMN id'; END $$",
        "ALTER TABLE orders SET ACCESS METHOD heap",
        "CREATE PUBLICATION p FOR TABLE orders",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA stretch",
    ];
    for sql in refused {
        let error = db.fails(sql, "0A000");
        assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{sql}: {error}");
    }
    // Members of the extension are safe by PostgreSQL's own rules.
    for sql in [
        "DROP ACCESS METHOD stretch CASCADE",
        "DROP TABLE stretch.segment CASCADE",
    ] {
        db.fails(sql, "2BP01");
    }
    db.sql("CREATE PUBLICATION p FOR TABLE other");
    db.fails("ALTER PUBLICATION p ADD TABLE orders", "0A000");
    db.sql("CREATE SCHEMA shown; DROP PUBLICATION p; CREATE PUBLICATION p FOR TABLES IN SCHEMA shown");
    db.fails("ALTER TABLE orders SET SCHEMA shown", "0A000");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 100);
}

#[test]
fn commands_that_change_nothing_about_cold_rows_pass() {
    let (_cluster, _endpoint, db) = cold_orders("guard-passes");
    db.sql(
        "CREATE INDEX orders_note ON orders (note); ALTER INDEX orders_note RENAME TO notes; DROP INDEX notes;
         ALTER TABLE orders ALTER note SET DEFAULT 'x'; ALTER TABLE orders ALTER note SET STATISTICS 10;
         ALTER TABLE orders SET (fillfactor = 90); ALTER TABLE orders ENABLE TRIGGER ALL;
         GRANT SELECT ON orders TO somebody; COMMENT ON TABLE orders IS 'x'; REINDEX TABLE orders; ANALYZE orders;
         CREATE POLICY everybody ON orders USING (true);
         CREATE TRIGGER t AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
         ALTER TABLE orders RENAME TO purchases; ALTER TABLE purchases RENAME TO orders;
         CREATE SCHEMA there; ALTER TABLE orders SET SCHEMA there; ALTER TABLE there.orders SET SCHEMA public;
         BEGIN; LOCK TABLE orders; COMMIT",
    );
    db.sql("VACUUM FULL orders");
    db.sql("CLUSTER orders USING orders_pkey");
    db.fails("ALTER TABLE orders ENABLE ALWAYS TRIGGER t", "0A000");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 100);
}

#[test]
fn commands_that_read_all_rows_see_cold_ones() {
    let (_cluster, _endpoint, db) = cold_orders("guard-sees");
    db.fails("ALTER TABLE orders ADD CHECK (id > 1)", "23514");
    db.fails("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES other", "23503");
    db.sql("UPDATE orders SET note = NULL WHERE id = 7");
    drain(&db, "orders");
    db.fails("ALTER TABLE orders ALTER note SET NOT NULL", "23502");
    db.sql("UPDATE orders SET note = '' WHERE id = 7");
    drain(&db, "orders");
    db.sql(
        "ALTER TABLE orders ALTER note SET NOT NULL, ADD CHECK (id > 0);
         ALTER TABLE orders ADD CONSTRAINT later CHECK (id <> 200) NOT VALID;
         ALTER TABLE orders VALIDATE CONSTRAINT later;
         CREATE TABLE refers (o int REFERENCES orders ON DELETE CASCADE DEFERRABLE);
         INSERT INTO refers VALUES (3);
         ALTER TABLE refers ALTER CONSTRAINT refers_o_fkey DEFERRABLE INITIALLY DEFERRED;
         ALTER TABLE orders OWNER TO somebody; ALTER TABLE orders OWNER TO CURRENT_USER;
         ALTER TABLE orders DISABLE TRIGGER ALL; ALTER TABLE orders ENABLE TRIGGER ALL",
    );
    assert_eq!(hot_rows(&db, "orders"), 40);
    db.fails("INSERT INTO refers VALUES (101)", "23503");
    db.sql("TRUNCATE orders CASCADE");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 0);
}

#[test]
fn what_is_done_to_a_parent_is_done_to_stretched_tables_below() {
    let (_cluster, _endpoint, db) = cold_orders("guard-below");
    db.sql(
        "CREATE TABLE parent (id int NOT NULL, note text) PARTITION BY RANGE (id);
         CREATE TABLE middle PARTITION OF parent FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (id);
         ALTER TABLE middle ATTACH PARTITION orders FOR VALUES FROM (0) TO (200);
         CREATE TABLE classic (id int, note text); CREATE TABLE heir () INHERITS (classic);
         INSERT INTO heir SELECT g, '' FROM generate_series(1, 10) g; SELECT stretch.enable_table('heir', 'id < 5')",
    );
    drain(&db, "heir");
    for sql in [
        "ALTER TABLE parent ALTER note TYPE varchar(10)",
        "CREATE PUBLICATION p FOR TABLE parent",
        "ALTER TABLE classic ADD COLUMN more float DEFAULT random()",
        "ALTER TABLE classic DROP COLUMN id",
    ] {
        let error = db.fails(sql, "0A000");
        assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{sql}: {error}");
    }
    db.sql(
        "CREATE UNIQUE INDEX ON middle (id); ALTER TABLE classic ADD COLUMN more int DEFAULT 1;
         CREATE INDEX ON parent (note); ALTER TABLE parent ADD CHECK (id > 0); CREATE UNIQUE INDEX ON classic (id);
         ALTER TABLE middle DETACH PARTITION orders; ALTER TABLE heir NO INHERIT classic",
    );
    // What is published reaches the partitions.
    db.sql(
        "CREATE SCHEMA s; CREATE TABLE s.published (id int NOT NULL, note text) PARTITION BY RANGE (id);
         CREATE TABLE s.leaf PARTITION OF s.published FOR VALUES FROM (1000) TO (2000);
         CREATE PUBLICATION p FOR TABLE s.published",
    );
    db.fails(
        "ALTER TABLE s.published ATTACH PARTITION orders FOR VALUES FROM (0) TO (200)",
        "0A000",
    );
    let error = db.fails("SELECT stretch.enable_table('s.leaf')", "ST011");
    assert!(
        error
            .detail
            .contains("ALTER PUBLICATION p SET (publish = 'insert, update, truncate')"),
        "{error}"
    );
    db.sql("DROP PUBLICATION p; CREATE PUBLICATION p FOR TABLES IN SCHEMA s");
    let error = db.fails("SELECT stretch.enable_table('s.leaf')", "ST011");
    assert!(
        error
            .detail
            .contains("ALTER PUBLICATION p SET (publish = 'insert, update, truncate')"),
        "{error}"
    );
    db.sql("DROP PUBLICATION p");
    // The partition gets an index of all its rows.
    db.sql(
        "CREATE TABLE unique_parent (id int NOT NULL, note text, UNIQUE (note, id)) PARTITION BY RANGE (id);
         ALTER TABLE unique_parent ATTACH PARTITION orders FOR VALUES FROM (0) TO (200)",
    );
    let keys = "SELECT unique_keys::text FROM stretch.stretched_table WHERE relation = 'orders'::regclass";
    assert!(db.text(keys).contains(r#"["note", "id"]"#));
    db.sql("ALTER TABLE unique_parent DETACH PARTITION orders; ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE");
    db.fails("INSERT INTO orders VALUES (3, 'note')", "23505");
    db.sql("ALTER TABLE orders DROP CONSTRAINT orders_note_id_key");
    db.sql("BEGIN; INSERT INTO orders VALUES (3, 'note'); ROLLBACK");
    assert_eq!(db.int("SELECT count(*) FROM orders"), 100);
    assert_eq!(db.int("SELECT count(*) FROM heir"), 10);
}

#[test]
fn a_dropped_table_retires_its_segments_by_every_route() {
    let (_cluster, _endpoint, db) = cold_orders("guard-drop");
    let state =
        "SELECT (SELECT count(*) FROM stretch.stretched_table) || ' ' || (SELECT count(*) FROM stretch.manifest)
        || ' ' || (SELECT count(*) FROM stretch.segment WHERE NOT retired)";
    assert_eq!(db.text(state), "1 1 1");
    for route in [
        "DROP TABLE orders CASCADE",
        "DROP SCHEMA public CASCADE",
        "DO $$ BEGIN DROP TABLE orders CASCADE; END $$",
    ] {
        db.sql("BEGIN");
        db.sql(route);
        assert_eq!(db.text(state), "0 0 0", "{route}");
        db.sql("ROLLBACK");
    }
    // A column that goes with its type leaves the rows.
    db.sql(
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE moods (id int, m mood); \
        INSERT INTO moods VALUES (1, 'a'), (9, 'a'); SELECT stretch.enable_table('moods', 'id < 5')",
    );
    drain(&db, "moods");
    db.sql("DROP TYPE mood CASCADE");
    assert_eq!(db.lines("SELECT * FROM moods ORDER BY id"), ["1", "9"]);
    db.sql("DROP TABLE orders CASCADE; DROP TABLE moods CASCADE");
    assert_eq!(db.text(state), "0 0 0");
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment WHERE retired"), 2);
}

#[test]
fn databases_can_be_renamed_copied_and_dropped_while_their_worker_runs() {
    let cluster = Cluster::builder("guard-databases").start();
    let endpoint = Endpoint::new();
    cluster.create_database("first");
    let db = cluster.connect("first");
    enable_database(&db, &endpoint.url());
    drop(db);
    let admin = cluster.connect("postgres");
    let worker = |name: &str| {
        admin.int(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'pg_stretch worker'"
        )) > 0
    };
    wait_until("the worker", PATIENCE, || worker("first"));
    admin.sql("ALTER DATABASE first RENAME TO second");
    wait_until("the worker to come back", PATIENCE, || worker("second"));
    admin.sql("CREATE DATABASE third TEMPLATE second");
    wait_until("the worker to come back", PATIENCE, || worker("second"));
    admin.sql("DROP DATABASE second");
    admin.sql("DROP DATABASE third");
}

#[test]
fn a_database_without_the_extension_is_not_touched() {
    let cluster = Cluster::builder("guard-absent").start();
    let db = cluster.connect("postgres");
    db.sql(
        "CREATE SCHEMA stretch; CREATE TABLE stretch.stretched_table (a int); \
         ALTER TABLE stretch.stretched_table ADD b int;
         CREATE TABLE t (a int); ALTER TABLE t ADD UNIQUE (a); TRUNCATE t; DROP TABLE t; DROP SCHEMA stretch CASCADE",
    );
    db.sql("CREATE EXTENSION pg_stretch");
    db.sql("BEGIN; CREATE TABLE t (a int)");
    db.fails("SELECT 1/0", "22012");
    db.fails("DROP TABLE t", "25P02");
    db.sql("ROLLBACK; DROP EXTENSION pg_stretch CASCADE");
    db.sql("CREATE EXTENSION pg_stretch");
}
