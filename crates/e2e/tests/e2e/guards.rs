//! The guard: what would see the hot rows only is refused by whatever route, with a way out (F9, F30, F45, C-5).

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

fn child(db: &Client) -> String {
    db.text("SELECT child::text FROM stretch.stretched_table")
}

#[test]
fn commands_that_see_only_hot_rows_are_refused() {
    let (_cluster, _endpoint, db) = cold_orders("guard-refused");
    let child = child(&db);
    let refused = [
        "ALTER TABLE orders ADD CHECK (id > 0)",
        "ALTER TABLE orders ADD CHECK (id > 0) NOT VALID",
        "ALTER TABLE orders ALTER note SET NOT NULL",
        "ALTER TABLE orders ADD COLUMN more int",
        "ALTER TABLE orders ADD COLUMN more int DEFAULT 1",
        "ALTER TABLE orders DROP COLUMN note",
        "ALTER TABLE orders ALTER note TYPE varchar",
        "ALTER TABLE orders RENAME note TO remark",
        "ALTER TABLE orders ADD UNIQUE (note)",
        "ALTER TABLE orders ADD EXCLUDE USING btree (note WITH =)",
        "ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES other",
        "ALTER TABLE other ADD FOREIGN KEY (id) REFERENCES orders",
        "ALTER TABLE other ADD COLUMN o int REFERENCES orders",
        "CREATE TABLE refers (o int REFERENCES orders)",
        "CREATE TABLE refers (o int, FOREIGN KEY (o) REFERENCES orders)",
        "ALTER TABLE orders OWNER TO somebody",
        "ALTER TABLE orders SET UNLOGGED",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "ALTER TABLE orders DISABLE TRIGGER stretch_unique_insert",
        "ALTER TRIGGER stretch_unique_insert ON orders RENAME TO mine",
        "DROP TRIGGER stretch_unique_insert ON orders",
        "CREATE UNIQUE INDEX ON orders (note)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON orders (note)",
        "CREATE RULE r AS ON INSERT TO orders DO ALSO NOTHING",
        "TRUNCATE orders",
        "TRUNCATE other, orders",
        "CREATE TABLE heir () INHERITS (orders)",
        "ALTER TABLE other INHERIT orders",
        "CREATE TRIGGER repack_trigger AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing()",
        "CREATE TRIGGER t AFTER UPDATE ON orders REFERENCING OLD TABLE AS o FOR EACH STATEMENT \
         EXECUTE FUNCTION nothing()",
        "DO $$ BEGIN EXECUTE 'TRUNCATE orders'; END $$",
        "ALTER TABLE CHILD NO INHERIT orders",
        "ALTER FOREIGN TABLE CHILD ADD COLUMN more int",
        "ALTER FOREIGN TABLE CHILD OPTIONS (a '1')",
        "ALTER FOREIGN TABLE CHILD RENAME TO mine",
        "ALTER FOREIGN TABLE CHILD SET SCHEMA public",
        "ALTER FOREIGN TABLE CHILD DROP CONSTRAINT stretch_filter",
        "ALTER FOREIGN TABLE CHILD OWNER TO somebody",
        "DROP FOREIGN TABLE CHILD",
        "DROP FOREIGN TABLE CHILD CASCADE",
        "GRANT SELECT ON CHILD TO somebody",
        "GRANT SELECT ON ALL TABLES IN SCHEMA stretch_remote TO somebody",
        "GRANT USAGE ON FOREIGN SERVER stretch TO somebody",
        "GRANT USAGE ON FOREIGN DATA WRAPPER pg_stretch TO somebody",
        "CREATE SERVER mine FOREIGN DATA WRAPPER pg_stretch",
        "CREATE FOREIGN TABLE mine (id int) SERVER stretch",
        "CREATE FOREIGN TABLE mine () INHERITS (orders) SERVER stretch",
        "ALTER SERVER stretch OPTIONS (a '1')",
        "ALTER SERVER stretch OWNER TO somebody",
        "ALTER SCHEMA stretch_remote RENAME TO mine",
        "ALTER SCHEMA stretch RENAME TO mine",
        "DROP SCHEMA stretch CASCADE",
        "DROP EXTENSION pg_stretch CASCADE",
        "ALTER EXTENSION pg_stretch DROP TABLE stretch.segment",
        "CREATE TABLE stretch.mine (a int)",
        "ALTER TABLE stretch.segment ADD COLUMN mine int",
        "TRUNCATE stretch.segment",
        "CREATE PUBLICATION p FOR TABLE orders",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA stretch",
    ];
    for sql in refused {
        let error = db.fails(&sql.replace("CHILD", &child), "0A000");
        assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{sql}: {error}");
    }
    // Members of the extension are safe by PostgreSQL's own rules.
    for sql in [
        "DROP SERVER stretch CASCADE",
        "DROP SCHEMA stretch_remote CASCADE",
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
    let always = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'stretch_unique%' AND tgenabled = 'A'";
    assert_eq!(db.int(always), 2);
    assert_eq!(db.int("SELECT count(*) FROM orders"), 100);
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
    db.sql("BEGIN");
    db.sql("SAVEPOINT s");
    db.fails(&format!("DROP FOREIGN TABLE {}", child(&db)), "0A000");
    db.sql("ROLLBACK TO s");
    assert_eq!(db.text(state), "1 1 1");
    db.sql("ROLLBACK");
    // A column that goes with its type.
    db.sql(
        "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE moods (id int, m mood); \
        SELECT stretch.enable_table('moods', 'id < 5')",
    );
    db.fails("DROP TYPE mood CASCADE", "0A000");
    db.sql("DROP TABLE orders CASCADE; DROP TABLE moods CASCADE");
    assert_eq!(db.text(state), "0 0 0");
    assert_eq!(db.int("SELECT count(*) FROM stretch.segment WHERE retired"), 1);
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
