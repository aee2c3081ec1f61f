//! The guard: the types of columns, and rights on content (C-3, C-5).

use testkit::setup::{drain, enable_database, hot_rows};
use testkit::{Cluster, Endpoint};

#[test]
fn what_the_cold_side_would_not_follow_is_refused() {
    let cluster = Cluster::builder("guard-types").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TYPE free AS ENUM ('a', 'b');
         CREATE DOMAIN moods AS mood[];
         CREATE TABLE orders (id int PRIMARY KEY, ts int NOT NULL CONSTRAINT small CHECK (ts < 1000), m moods);
         INSERT INTO orders SELECT n, n, ARRAY['sad']::mood[] FROM generate_series(1, 100) n;
         SELECT stretch.enable_table('orders', 'id <= 60', order_by => 'ts DESC, \"id\" asc nulls first')",
    );
    assert_eq!(
        db.text("SELECT order_by FROM stretch.stretched_table"),
        "ts DESC, id NULLS FIRST"
    );
    db.fails("SELECT stretch.alter_table('orders', order_by => 'gone DESC')", "22023");
    drain(&db, "orders");
    assert_eq!(hot_rows(&db, "orders"), 40);
    let error = db.fails("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "0A000");
    assert!(!error.detail.is_empty() && !error.hint.is_empty(), "{error}");
    db.sql(
        "ALTER TYPE mood ADD VALUE 'calm';
         ALTER TYPE free RENAME VALUE 'a' TO 'c';
         ALTER TABLE ONLY orders ALTER ts SET STATISTICS 10",
    );
    db.sql("ALTER TABLE ONLY orders DROP CONSTRAINT small; ALTER TABLE orders ALTER ts DROP NOT NULL");
    assert_eq!(db.int("SELECT count(*) FROM orders WHERE ts < 1000 OR ts IS NULL"), 100);
}

#[test]
fn composite_types_in_use_keep_their_attributes() {
    let cluster = Cluster::builder("guard-composite").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TYPE inner_part AS (a int, b text);
         CREATE TYPE outer_part AS (p inner_part[], q int);
         CREATE TYPE unused AS (a int);
         CREATE TABLE orders (id int PRIMARY KEY, part outer_part);
         SELECT stretch.enable_table('orders', 'id <= 60')",
    );
    for sql in [
        "ALTER TYPE inner_part ADD ATTRIBUTE c int",
        "ALTER TYPE inner_part DROP ATTRIBUTE b",
        "ALTER TYPE inner_part ALTER ATTRIBUTE b TYPE varchar",
        "ALTER TYPE inner_part RENAME ATTRIBUTE b TO c",
        "ALTER TYPE outer_part ADD ATTRIBUTE c int CASCADE",
    ] {
        db.fails(sql, "0A000");
    }
    db.sql("ALTER TYPE unused ADD ATTRIBUTE b int; ALTER TYPE unused RENAME ATTRIBUTE b TO c");
}

#[test]
fn content_closes_when_its_readers_lose_a_table() {
    let cluster = Cluster::builder("guard-content").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE ROLE mine LOGIN; CREATE ROLE guest LOGIN;
         ALTER DATABASE postgres OWNER TO mine;
         CREATE TABLE orders (id int PRIMARY KEY);
         ALTER TABLE orders OWNER TO mine;
         SELECT stretch.enable_table('orders', 'id <= 60')",
    );
    let readable = "SELECT has_table_privilege('pg_database_owner', 'stretch.staged_chunk', 'SELECT')";
    assert!(db.bool(readable));
    db.sql("ALTER TABLE orders ENABLE ROW LEVEL SECURITY");
    assert!(db.bool(readable));
    db.sql("ALTER TABLE orders FORCE ROW LEVEL SECURITY");
    assert!(!db.bool(readable));
    db.sql(
        "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
         GRANT SELECT ON stretch.staged_chunk, stretch.segment_detail TO pg_database_owner",
    );
    db.sql("ALTER DATABASE postgres OWNER TO guest");
    assert!(!db.bool(readable));
}

#[test]
fn constraints_of_domains_are_checked_on_cold_rows() {
    let cluster = Cluster::builder("guard-domains").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE DOMAIN inner_d AS int; CREATE DOMAIN d AS inner_d; CREATE DOMAIN free AS int; \
         CREATE TABLE plain (v free);
         CREATE DOMAIN item AS int; CREATE TYPE pair AS (a int, b item);
         CREATE TABLE orders (id int PRIMARY KEY, v d, vs item[], p pair);
         INSERT INTO orders SELECT n, n, ARRAY[n], ROW(n, n)::pair FROM generate_series(1, 100) n;
         SELECT stretch.enable_table('orders', 'id <= 60')",
    );
    drain(&db, "orders");
    db.fails("ALTER DOMAIN d ADD CHECK (value <> 7)", "23514");
    db.fails("ALTER DOMAIN inner_d ADD CONSTRAINT c CHECK (value <> 7)", "23514");
    db.sql("UPDATE orders SET v = NULL WHERE id = 9");
    drain(&db, "orders");
    db.fails("ALTER DOMAIN d SET NOT NULL", "23502");
    db.fails("DO $$ BEGIN ALTER DOMAIN inner_d SET NOT NULL; END $$", "23502");
    db.sql("ALTER DOMAIN d ADD CONSTRAINT holds CHECK (value > 0); ALTER DOMAIN d DROP CONSTRAINT holds");
    for sql in [
        "ALTER DOMAIN item ADD CHECK (value <> 7)",
        "ALTER DOMAIN item ADD CHECK (value <> 7) NOT VALID",
        "ALTER DOMAIN item SET NOT NULL",
    ] {
        db.fails(sql, "0A000");
    }
    // Nothing is looked at, so nothing is believed; rows from before stay as they are, also when they are changed
    // elsewhere.
    db.sql("ALTER DOMAIN d ADD CONSTRAINT later CHECK (value <> 7) NOT VALID");
    db.fails("ALTER DOMAIN d VALIDATE CONSTRAINT later", "23514");
    assert_eq!(db.int("SELECT count(*) FROM orders WHERE v = 7 AND vs[1] = 7"), 1);
    db.sql("UPDATE orders SET id = 1007 WHERE id = 7");
    assert_eq!(db.text("SELECT v || ' ' || vs[1] FROM orders WHERE id = 1007"), "7 7");
    db.fails("UPDATE orders SET v = 7 WHERE id = 8", "23514");
    db.sql(
        "ALTER DOMAIN d DROP CONSTRAINT later; ALTER DOMAIN d SET DEFAULT 1; ALTER DOMAIN d DROP NOT NULL;
         ALTER DOMAIN free ADD CHECK (value > 0); ALTER DOMAIN free SET NOT NULL",
    );
}
