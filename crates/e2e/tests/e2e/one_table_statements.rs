//! Statements that name rows, on tables stretched by the access method: row locks, upserts, MERGE, foreign keys with
//! all their actions, triggers with transition tables, partitions. Each runs in two schemas, of which one is stretched
//! and drained, and gives the same rows, the same SQLSTATE and the same content.

#[path = "one_table_statements/cursors.rs"]
mod cursors;
#[path = "one_table_statements/foreign_keys.rs"]
mod foreign_keys;
#[path = "one_table_statements/indexes.rs"]
mod indexes;
#[path = "one_table_statements/partitioned_parents.rs"]
mod partitioned_parents;
#[path = "one_table_statements/partitions.rs"]
mod partitions;
#[path = "one_table_statements/upserts.rs"]
mod upserts;

use testkit::setup::{drain, enable_database};
use testkit::{Client, Cluster, Endpoint};

/// Two sessions of one database: in the schema `cold` tables are stretched, in `plain` they are not.
pub struct Twins {
    cluster: Cluster,
    _endpoint: Endpoint,
    cold: Client,
    plain: Client,
}

impl Twins {
    /// Both schemas with what `setup` makes; each table with its filter is stretched and drained in one of them.
    pub fn new(name: &str, setup: &str, stretched: &[(&str, &str)]) -> Self {
        let cluster = Cluster::builder(name)
            .conf("stretch.naptime", "1h")
            .conf("autovacuum", "off")
            .start();
        let endpoint = Endpoint::new();
        let db = cluster.connect("postgres");
        enable_database(&db, &endpoint.url());
        let session = |schema: &str| {
            let session = cluster.connect("postgres");
            session.sql(&format!("CREATE SCHEMA {schema}"));
            session.sql(&format!("SET search_path = {schema}, public"));
            session.sql(setup);
            session
        };
        let twins = Self {
            cold: session("cold"),
            plain: session("plain"),
            cluster,
            _endpoint: endpoint,
        };
        for (table, filter) in stretched {
            twins
                .cold
                .sql(&format!("SELECT stretch.enable_table('{table}', $f${filter}$f$)"));
            assert!(drain(&twins.cold, table) > 0, "{table} has no cold row");
        }
        twins
    }

    /// Runs a statement in both: the same rows in any order, or the same SQLSTATE. The answer is that of the plain one.
    #[track_caller]
    pub fn both(&self, statement: &str) -> Result<Vec<String>, String> {
        let (cold, plain) = (outcome(&self.cold, statement), outcome(&self.plain, statement));
        assert_eq!(cold, plain, "{statement}");
        plain
    }

    /// The same for a statement that succeeds.
    #[track_caller]
    pub fn works(&self, statement: &str) -> Vec<String> {
        self.both(statement)
            .unwrap_or_else(|code| panic!("{code} from {statement}"))
    }

    /// The same for one that fails with a SQLSTATE.
    #[track_caller]
    pub fn fails(&self, statement: &str, code: &str) {
        assert_eq!(self.both(statement), Err(code.to_owned()), "{statement}");
    }
}

fn outcome(db: &Client, statement: &str) -> Result<Vec<String>, String> {
    let rows = db.try_rows(statement).map_err(|error| {
        if error.code.starts_with("ST") || error.code.starts_with("XX") {
            panic!("{error} from {statement}");
        }
        error.code
    })?;
    let text = |row: Vec<Option<String>>| -> String {
        let values: Vec<String> = row.into_iter().map(|value| value.unwrap_or("NULL".into())).collect();
        values.join("|")
    };
    let mut lines: Vec<String> = rows.into_iter().map(text).collect();
    lines.sort();
    Ok(lines)
}

const ORDERS: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, sku text NOT NULL, state text NOT NULL, n int, UNIQUE (sku, n));
    INSERT INTO orders SELECT g, 's' || g % 40, CASE WHEN g <= 400 THEN 'done' ELSE 'open' END, g
        FROM generate_series(1, 600) g;
    CREATE TABLE news (id int, state text);
    INSERT INTO news VALUES (5, 'x'), (405, 'y'), (1005, 'z'), (6, NULL)";

#[test]
fn what_object_mappers_do_to_a_row() {
    let twins = Twins::new("one-mappers", ORDERS, &[("orders", "state = 'done'")]);
    for id in [3, 403, 9999] {
        // get_or_create, update_or_create, select_for_update, save, delete.
        twins.works("BEGIN");
        twins.works(&format!("SELECT * FROM orders WHERE id = {id} FOR UPDATE"));
        twins.works(&format!("SELECT n FROM orders WHERE id = {id} FOR SHARE SKIP LOCKED"));
        twins.works(&format!(
            "UPDATE orders SET n = n + 1000 WHERE id = {id} RETURNING id, n"
        ));
        twins.works(&format!("SELECT * FROM orders WHERE id = {id}"));
        twins.works(&format!("UPDATE orders SET n = n + 1000 WHERE id = {id} RETURNING *"));
        twins.works("SAVEPOINT s");
        twins.works(&format!("DELETE FROM orders WHERE id = {id} RETURNING *"));
        twins.works(&format!("SELECT count(*) FROM orders WHERE id = {id}"));
        twins.works("ROLLBACK TO s");
        twins.works(&format!("SELECT * FROM orders WHERE id = {id}"));
        twins.works("COMMIT");
    }
    for (id, sku) in [(7, "a"), (407, "b"), (7007, "c")] {
        twins.works(&format!(
            "INSERT INTO orders VALUES ({id}, '{sku}', 'done', 1) ON CONFLICT DO NOTHING RETURNING id"
        ));
        twins.works(&format!(
            "INSERT INTO orders VALUES ({id}, '{sku}', 'open', {id}) ON CONFLICT (id) DO UPDATE
                SET state = excluded.state, n = orders.n + excluded.n RETURNING *"
        ));
        twins.works(&format!(
            "INSERT INTO orders VALUES ({id}, 'q', 'open', {id}) ON CONFLICT (id) DO UPDATE SET n = 0
                WHERE orders.n < 0 RETURNING *"
        ));
    }
    twins.fails("INSERT INTO orders VALUES (9, 'x', 'open', 1)", "23505");
    twins.fails("INSERT INTO orders VALUES (10001, 's9', 'open', 9)", "23505");
    twins.fails(
        "INSERT INTO orders VALUES (11, 'x', 'open', 1), (11, 'y', 'open', 2) ON CONFLICT (id) DO UPDATE SET n = 5",
        "21000",
    );
    twins.works(
        "WITH moved AS (DELETE FROM orders WHERE id IN (15, 415) RETURNING *)
         INSERT INTO orders SELECT id + 20000, sku, state, n FROM moved RETURNING *",
    );
    twins.works("UPDATE orders o SET n = w.id FROM news w WHERE w.id = o.id RETURNING o.*, w.state");
    twins.works("DELETE FROM orders o USING news w WHERE w.id = o.id AND w.state IS NULL RETURNING o.*");
    twins.works("SELECT * FROM orders");
}

#[test]
fn merge_does_what_it_does_to_a_plain_table() {
    let twins = Twins::new("one-merge", ORDERS, &[("orders", "state = 'done'")]);
    twins.works(
        "MERGE INTO orders o USING news w ON w.id = o.id
         WHEN MATCHED AND w.state IS NULL THEN DELETE
         WHEN MATCHED AND w.state = 'x' THEN DO NOTHING
         WHEN MATCHED THEN UPDATE SET state = w.state, n = -o.n
         WHEN NOT MATCHED THEN INSERT VALUES (w.id, 'new', 'open', w.id)",
    );
    twins.works("SELECT * FROM orders WHERE id IN (5, 6, 405, 1005)");
    twins.fails(
        "MERGE INTO orders o USING (VALUES (8), (8)) w (id) ON w.id = o.id WHEN MATCHED THEN UPDATE SET n = 1",
        "21000",
    );
    twins.fails(
        "MERGE INTO orders o USING (VALUES (9), (9)) w (id) ON w.id = o.id WHEN MATCHED THEN DELETE",
        "21000",
    );
    twins.works(
        "MERGE INTO orders o USING generate_series(390, 410) w (id) ON w.id = o.id
         WHEN MATCHED THEN UPDATE SET n = o.n * 2, sku = 'merged'",
    );
    twins.works("SELECT * FROM orders");
}

#[test]
fn triggers_see_cold_rows_as_hot_ones() {
    let setup = format!(
        "{ORDERS};
         CREATE TABLE log (what text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
             INSERT INTO log VALUES (format('%s %s %s: %s -> %s', TG_NAME, TG_WHEN, TG_OP, OLD, NEW));
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
             RETURN NEW; END $f$;
         CREATE FUNCTION tables() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
             INSERT INTO log SELECT TG_OP || ' of ' || o::text FROM olds o; RETURN NULL; END $f$;
         CREATE TRIGGER early BEFORE UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note();
         CREATE TRIGGER late AFTER UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note();
         CREATE TRIGGER olds_u AFTER UPDATE ON orders REFERENCING OLD TABLE AS olds
             FOR EACH STATEMENT EXECUTE FUNCTION tables();
         CREATE TRIGGER olds_d AFTER DELETE ON orders REFERENCING OLD TABLE AS olds
             FOR EACH STATEMENT EXECUTE FUNCTION tables()"
    );
    let twins = Twins::new("one-triggers", &setup, &[("orders", "state = 'done'")]);
    twins.works("UPDATE orders SET n = n + 1000 WHERE id IN (1, 2, 401, 9999)");
    twins.works("DELETE FROM orders WHERE id IN (1, 3, 403)");
    twins.works("SELECT what, count(*) FROM log GROUP BY what");
    twins.works("SELECT * FROM orders");
}
