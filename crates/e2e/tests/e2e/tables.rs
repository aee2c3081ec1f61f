//! Stretching tables: refusals, filters, settings, unique keys, views, dumps (design §4, F1, F3, F28, F47).

use testkit::digest::assert_same;
use testkit::setup::{drain, enable_database, enable_table, hot_rows};
use testkit::{Client, Cluster, Endpoint};

/// A private server whose database `postgres` is stretch-enabled.
pub fn stretched(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name).conf("wal_level", "logical").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    (cluster, endpoint, db)
}

/// 1000 orders, of which 365 are old.
fn orders(db: &Client) {
    db.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, day date NOT NULL, note text, number int,
            UNIQUE (day, note), UNIQUE NULLS NOT DISTINCT (number));
         INSERT INTO orders SELECT n, date '2024-01-01' + n, 'note', n FROM generate_series(1, 1000) n;
         UPDATE orders SET number = NULL WHERE id = 5;
         ANALYZE orders",
    );
}

const OLD: &str = "day < date '2025-01-01'";

pub fn enable_orders(db: &Client) {
    orders(db);
    db.sql(&format!("SELECT stretch.enable_table('orders', $${OLD}$$)"));
}

#[test]
fn every_refusal_comes_at_once_with_its_way_out() {
    let (_cluster, _endpoint, db) = stretched("tables-refusals");
    db.sql(
        "CREATE TABLE other (id int PRIMARY KEY);
         CREATE TABLE bad (a int PRIMARY KEY, b int UNIQUE, EXCLUDE USING gist (int4range(b, b + 1) WITH &&));
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER repack_trigger AFTER UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION nothing();
         CREATE TRIGGER copies AFTER UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION nothing();
         ALTER TABLE bad ENABLE ALWAYS TRIGGER copies;
         CREATE RULE redirects AS ON UPDATE TO bad DO ALSO NOTHING;
         CREATE PUBLICATION shows FOR TABLE bad",
    );
    let error = db.fails("SELECT stretch.enable_table('bad', 'nosuch = 1')", "ST011");
    let reasons = [
        "bad_int4range_excl",
        "pg_repack",
        "copies",
        "redirects",
        "shows",
        "nosuch",
    ];
    for reason in reasons {
        assert!(error.detail.contains(reason), "{reason} is not in\n{}", error.detail);
    }
    let lines = db.lines("SELECT severity, item, reason, hint FROM stretch.check_table('bad', 'nosuch = 1')");
    assert_eq!(lines.len(), error.detail.lines().count(), "{lines:#?}");
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("error|") && !line.ends_with('|')),
        "{lines:#?}"
    );

    db.sql(
        "CREATE TABLE parted (a int) PARTITION BY RANGE (a);
         CREATE UNLOGGED TABLE part PARTITION OF parted DEFAULT;
         CREATE UNLOGGED TABLE unlogged (a int);
         CREATE TEMP TABLE temporary (a int);
         CREATE VIEW looks AS SELECT 1 AS a;
         CREATE TYPE shape AS (a int);
         CREATE TABLE typed OF shape",
    );
    for table in [
        "parted",
        "unlogged",
        "temporary",
        "looks",
        "typed",
        "pg_class",
        "stretch.segment",
    ] {
        let error = db.fails(&format!("SELECT stretch.enable_table('{table}')"), "ST011");
        assert!(error.detail.contains("kind: "), "{table}: {error}");
    }
    // All that was only checked or refused left nothing behind.
    assert_eq!(db.int("SELECT count(*) FROM stretch.stretched_table"), 0);
    assert_eq!(
        db.int("SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE amname = 'stretch'"),
        0
    );
}

#[test]
fn a_filter_is_made_of_pg_catalog_only() {
    let (cluster, _endpoint, db) = stretched("tables-filter");
    db.sql(
        "CREATE ROLE dbo LOGIN; ALTER DATABASE postgres OWNER TO dbo;
         CREATE SCHEMA evil AUTHORIZATION dbo; CREATE COLLATION evil.mine (locale = 'C'); \
         GRANT ALL ON SCHEMA public TO dbo",
    );
    let dbo = cluster.connect_as("dbo", "postgres");
    dbo.sql(
        "CREATE TABLE t (a int, s text, c text COLLATE \"C\");
         CREATE FUNCTION evil.become() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN
            EXECUTE 'CREATE ROLE pwned SUPERUSER'; END $$;
         CREATE FUNCTION evil.less(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
            PERFORM evil.become(); RETURN true; END $$;
         CREATE OPERATOR evil.<<< (FUNCTION = evil.less, LEFTARG = int, RIGHTARG = int);
         CREATE DOMAIN evil.checked AS int CHECK (evil.less(VALUE, VALUE))",
    );
    let filters = [
        "a OPERATOR(evil.<<<) 5",
        "5 OPERATOR(evil.<<<) 5",
        "evil.less(1, 2)",
        "a = 5::evil.checked",
        "s = 'x' COLLATE evil.mine",
        "s < 'x'",
        "a IN (SELECT 1)",
        "count(*) > 1",
        "ctid IS NULL",
        "t IS NULL",
        "random() < 0.5",
        "a",
        "nosuch = 1",
        "a =",
        "true) UNION SELECT (true",
        "true FROM pg_class",
        "generate_series(1, 2) = 1",
    ];
    for filter in filters {
        for caller in [&dbo, &db] {
            caller.sql("SET search_path = evil, public");
            caller.fails(
                &format!("SELECT stretch.enable_table('public.t', $f${filter}$f$)"),
                "ST012",
            );
            let reason = caller.text(&format!(
                "SELECT item FROM stretch.check_table('public.t', $f${filter}$f$) WHERE severity = 'error'"
            ));
            assert_eq!(reason, "filter", "{filter}");
        }
    }
    assert_eq!(db.int("SELECT count(*) FROM pg_roles WHERE rolname = 'pwned'"), 0);
    dbo.sql("SELECT stretch.enable_table('public.t', $$ a < 5 AND c < 'x' AND s IN ('a', 'b') AND s LIKE 'q%' $$)");
    // Other people's tables and databases are not theirs to stretch.
    db.sql("CREATE ROLE somebody LOGIN; CREATE SCHEMA theirs AUTHORIZATION somebody");
    let somebody = cluster.connect_as("somebody", "postgres");
    somebody.sql("CREATE TABLE theirs.u (a int)");
    somebody.fails("SELECT stretch.enable_table('theirs.u')", "42501");
    db.sql("GRANT USAGE ON SCHEMA theirs TO dbo");
    dbo.fails("SELECT stretch.enable_table('theirs.u')", "42501");
    assert_eq!(somebody.int("SELECT count(*) FROM stretch.tables"), 0);
    assert_eq!(dbo.int("SELECT count(*) FROM stretch.tables"), 1);
}

#[test]
fn check_table_judges_the_new_filter_of_a_stretched_table() {
    let (_cluster, _endpoint, db) = stretched("tables-judge");
    enable_orders(&db);
    let judge = |filter: &str| {
        db.lines(&format!(
            "SELECT severity, item, reason, coalesce(hint, '') FROM stretch.check_table('orders', {filter})"
        ))
    };
    let looser = "$$ day < date '2025-02-01' $$";
    let found = judge(looser);
    assert!(
        found.len() == 1 && found[0].starts_with("info|table|the table can have this filter|"),
        "{found:#?}"
    );
    let found = judge("'id < 7'");
    let error = "error|filter|it does not select every row that the present filter selects, which is (day < \
        '2025-01-01'::date)|Join what it selects and the present filter by OR.";
    assert!(found.len() == 2 && found[0] == error, "{found:#?}");
    assert!(
        found[1].starts_with("info|table|the table cannot have this filter|"),
        "{found:#?}"
    );
    let joined = format!("$$ id < 7 OR {OLD} $$");
    assert_eq!(judge(&joined).len(), 1);
    assert!(judge("'nosuch = 1'")[0].starts_with("error|filter|"));
    assert!(judge("NULL")[0].starts_with("error|table|it is stretched already|"));
    // Nothing was changed by that; and what was found is so.
    assert!(
        db.text("SELECT filter FROM stretch.tables")
            .ends_with("'2025-01-01'::date)")
    );
    db.fails("SELECT stretch.set_filter('orders', 'id < 7')", "ST013");
    db.sql(&format!("SELECT stretch.set_filter('orders', {joined})"));
    db.sql("SELECT stretch.set_filter('orders', $$ id < 7 OR day < date '2025-02-01' $$)");
}

#[test]
fn a_domain_counts_as_its_base_type_in_a_filter() {
    let (_cluster, _endpoint, db) = stretched("tables-domains");
    db.sql(
        "CREATE DOMAIN amount AS numeric(9, 2) CHECK (value >= 0); CREATE DOMAIN fee AS amount CHECK (value < 1000);
         CREATE TABLE bills (id int PRIMARY KEY, fee fee, word text);
         INSERT INTO bills SELECT g, g % 100, 'word ' || g FROM generate_series(1, 1000) g;
         CREATE TABLE plain AS TABLE bills",
    );
    enable_table(&db, "bills", "fee < 50 AND fee IS NOT NULL");
    assert_eq!(
        db.text("SELECT filter FROM stretch.tables"),
        "(((fee)::numeric < (50)::numeric) AND (fee IS NOT NULL))"
    );
    drain(&db, "bills");
    assert_eq!(hot_rows(&db, "bills"), 500);
    assert_same(&db, "bills", "plain", "stretched");
    db.sql("ALTER DOMAIN fee ADD CHECK (value <> 77.5)");
    for condition in ["fee < 10", "fee BETWEEN 49 AND 51", "fee = 3"] {
        let of = |table: &str| db.lines(&format!("SELECT * FROM {table} WHERE {condition} ORDER BY id"));
        assert_eq!(of("bills"), of("plain"), "{condition}");
    }
}

#[test]
fn settings_change_and_filters_only_get_looser() {
    let (_cluster, _endpoint, db) = stretched("tables-settings");
    enable_orders(&db);
    db.fails("SELECT stretch.enable_table('orders')", "42710");
    db.sql("SELECT stretch.enable_table('orders', if_not_exists => true)");
    db.fails(
        "SELECT stretch.set_filter('orders', $$ day < date '2024-06-01' $$)",
        "ST013",
    );
    db.fails("SELECT stretch.set_filter('orders', $$ id < 7 $$)", "ST013");
    db.sql("SELECT stretch.set_filter('orders', $$ day < date '2025-02-01' OR id < 7 $$)");
    assert!(db.text("SELECT filter FROM stretch.tables").contains("2025-02-01"));
    db.sql("SELECT stretch.set_filter('orders', NULL)");
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables WHERE filter IS NULL"), 1);
    db.fails("SELECT stretch.set_filter('orders', 'id < 7')", "ST013");
    db.fails("SELECT stretch.set_migration_state('orders', 'sideways')", "22023");
    db.sql("SELECT stretch.set_migration_state('orders', 'PAUSED')");
    db.fails("SELECT stretch.alter_table('orders', order_by => 'nosuch')", "22023");
    db.sql("SELECT stretch.alter_table('orders', strict => true, order_by => 'Day, id')");
    let shown = db.lines("SELECT filter, migration_state, strict, order_by FROM stretch.tables");
    assert_eq!(shown, ["|paused|t|day, id"]);
    db.sql("SELECT stretch.alter_table('orders', order_by => '')");
    assert_eq!(db.lines("SELECT strict, order_by FROM stretch.tables"), ["t|"]);
    db.sql("CREATE TABLE plain (a int)");
    db.fails("SELECT stretch.set_migration_state('plain', 'paused')", "ST010");
}

#[test]
fn enabling_waits_for_plans_in_use_and_gives_up_in_time() {
    let (cluster, _endpoint, db) = stretched("tables-lock");
    orders(&db);
    let other = cluster.connect("postgres");
    other.sql("BEGIN; PREPARE p AS SELECT count(*) FROM orders; EXECUTE p");
    db.sql("SET lock_timeout = '200ms'");
    db.fails("SELECT stretch.enable_table('orders')", "55P03");
    assert_eq!(db.text("SHOW lock_timeout"), "200ms");
    other.sql("COMMIT");
    db.sql("SELECT stretch.enable_table('orders')");
    assert_eq!(other.int("EXECUTE p"), 1000);
}

#[test]
fn a_dump_of_a_stretched_table_is_restored_in_every_way() {
    let (cluster, _endpoint, db) = stretched("tables-dump");
    enable_orders(&db);
    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    let looks_right = |name: &str| {
        let there = cluster.connect(name);
        assert_eq!(there.int("SELECT count(*) FROM orders"), 1000, "{name}");
        let method = "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = 'orders'::regclass";
        assert_eq!(there.text(method), "stretch", "{name}");
        there.fails("ALTER TABLE orders SET UNLOGGED", "0A000");
    };
    for (name, passes) in [
        ("plain", vec![vec![]]),
        ("parallel", vec![vec!["-j2"]]),
        ("single", vec![vec!["-1"]]),
        (
            "sections",
            vec![
                vec!["--section=pre-data"],
                vec!["--section=data"],
                vec!["--section=post-data"],
            ],
        ),
        ("data_later", vec![vec!["-s"], vec!["-a", "--disable-triggers"]]),
        ("twice", vec![vec![], vec!["--clean", "--if-exists"]]),
    ] {
        cluster.create_database(name);
        for options in passes {
            cluster.pg_restore(name, &options, &dump);
        }
        looks_right(name);
    }
    // The owner of the database can dump it.
    db.sql("CREATE ROLE dbo LOGIN");
    db.sql("CREATE DATABASE owned OWNER dbo");
    let owned = cluster.connect("owned");
    owned.sql("CREATE EXTENSION pg_stretch");
    let out = cluster
        .command("pg_dump")
        .args(["--username=dbo", "--format=custom", "--file"])
        .arg(cluster.scratch("dumps").join("owned"))
        .arg("owned")
        .output()
        .expect("pg_dump runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
