//! The tables that are compared: every kind of key, foreign keys with all their actions, triggers, partitions.

use testkit::setup::{drain, enable_table};
use testkit::{Client, Cluster};

/// Items 1 to this many are there at first.
pub const ITEMS: u32 = 160;
/// Parts 1 to this many.
pub const PARTS: u32 = 200;
/// Events 1 to this many.
pub const EVENTS: u32 = 240;
/// Tables that are stretched, with their filters.
pub const STRETCHED: [(&str, &str); 5] = [
    ("item", "state = 'done'"),
    ("part", "shipped"),
    ("note", "id % 3 > 0"),
    ("ev_1", "n < 70"),
    ("ev_2", "kind = 'old' AND n IS NOT NULL"),
];
/// Filters that select more.
pub const LOOSER: [(&str, &str); 3] = [
    ("item", "state = 'done' OR state = 'void'"),
    ("part", "shipped OR qty < 10"),
    ("ev_1", "n < 90"),
];
/// All tables whose content is compared.
pub const ALL: [&str; 6] = ["item", "part", "note", "bill", "ev", "audit"];
/// The twins: the schema of the stretched tables, and that of the plain ones.
pub const SCHEMAS: [&str; 2] = ["cold", "plain"];

const TABLES: &str = "
    CREATE TABLE item (id int PRIMARY KEY, code text NOT NULL UNIQUE, grp int NOT NULL, n int, label text,
        gone text, state text NOT NULL CHECK (state IN ('open', 'done', 'void')), qty int NOT NULL DEFAULT 0,
        amount numeric(12,2), at timestamptz NOT NULL DEFAULT '2024-01-01', doc jsonb, tags text[],
        up int REFERENCES item ON DELETE SET NULL, pos int,
        twice int GENERATED ALWAYS AS (qty * 2) STORED,
        CONSTRAINT item_pos UNIQUE (pos) DEFERRABLE, CHECK (qty < 1000000));
    ALTER TABLE item DROP COLUMN gone;
    CREATE UNIQUE INDEX item_part ON item (grp, n) WHERE state <> 'void';
    CREATE UNIQUE INDEX item_expr ON item (lower(label));
    CREATE INDEX item_grp ON item (grp, id);
    CREATE INDEX item_amount ON item (amount DESC);
    CREATE INDEX item_up ON item (up);
    CREATE TABLE part (id int PRIMARY KEY, item int NOT NULL REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE,
        line int NOT NULL, sku text COLLATE \"C\", qty int, shipped boolean NOT NULL, UNIQUE (item, line));
    CREATE TABLE note (id int PRIMARY KEY, text text,
        item int REFERENCES item ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
    CREATE INDEX ON note (item);
    CREATE TABLE bill (id int PRIMARY KEY, item int REFERENCES item ON DELETE RESTRICT, total numeric(10,2));
    CREATE INDEX ON bill (item);
    CREATE TABLE ev (id int, day date NOT NULL, kind text, n int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM ('2024-01-01') TO ('2024-05-01');
    CREATE TABLE ev_2 PARTITION OF ev FOR VALUES FROM ('2024-05-01') TO ('2024-09-01');
    CREATE TABLE ev_3 PARTITION OF ev FOR VALUES FROM ('2024-09-01') TO ('2025-01-01');
    CREATE INDEX ON ev (n);
    CREATE VIEW item_view AS SELECT * FROM item WHERE grp < 6 WITH CHECK OPTION;
    CREATE TABLE audit (what text, old text, new text)";

/// Triggers come after the first rows.
const TRIGGERS: &str = "
    CREATE FUNCTION before_item() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.id % 41 = 0 THEN RETURN NULL; END IF;
            RETURN OLD;
        END IF;
        NEW.code := rtrim(NEW.code);
        IF NEW.qty > 900 THEN NEW.qty := NEW.qty - 900; END IF;
        RETURN NEW; END $f$;
    CREATE FUNCTION after_item() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
        INSERT INTO audit VALUES (TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN OLD::text END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW::text END);
        RETURN NULL; END $f$;
    CREATE FUNCTION after_items() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
        IF TG_OP = 'UPDATE' THEN
            INSERT INTO audit SELECT 'all updated', string_agg(o::text, ' ' ORDER BY o::text),
                (SELECT string_agg(n::text, ' ' ORDER BY n::text) FROM news n) FROM olds o;
        ELSE
            INSERT INTO audit SELECT 'all deleted', string_agg(o::text, ' ' ORDER BY o::text), count(*) FROM olds o;
        END IF;
        RETURN NULL; END $f$;
    CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION before_item();
    CREATE TRIGGER after_row AFTER INSERT OR UPDATE OF state, qty OR DELETE ON item FOR EACH ROW
        EXECUTE FUNCTION after_item();
    CREATE TRIGGER after_updated AFTER UPDATE ON item REFERENCING OLD TABLE AS olds NEW TABLE AS news
        FOR EACH STATEMENT EXECUTE FUNCTION after_items();
    CREATE TRIGGER after_deleted AFTER DELETE ON item REFERENCING OLD TABLE AS olds
        FOR EACH STATEMENT EXECUTE FUNCTION after_items()";

fn rows() -> String {
    format!(
        "INSERT INTO item (id, code, grp, n, label, state, qty, amount, at, doc, tags, up, pos)
            SELECT g, 'c' || g, g % 8, nullif(g / 8, 3), CASE WHEN g % 6 > 0 THEN 'Label ' || g END,
                CASE WHEN g % 10 < 6 THEN 'done' WHEN g % 10 < 9 THEN 'open' ELSE 'void' END, g * 7 % 100,
                nullif(g * 37 % 1000, 111) / 8.0, '2024-01-01 00:00+00'::timestamptz + g * interval '17 hours',
                CASE WHEN g % 4 > 0 THEN jsonb_build_object('k', g % 5, 's', 'doc ' || g) END,
                CASE WHEN g % 3 > 0 THEN ARRAY['t' || g % 4, NULL, 'u' || g % 7] END,
                CASE WHEN g % 5 = 0 THEN g / 5 END, CASE WHEN g % 7 > 0 THEN g * 2 END
            FROM generate_series(1, {ITEMS}) g;
         INSERT INTO part SELECT g, 1 + g % {ITEMS}, 1 + g / {ITEMS}, CASE WHEN g % 9 > 0 THEN 's' || g % 30 END,
                g % 50,
                g % 5 < 3 FROM generate_series(1, {PARTS}) g;
         INSERT INTO note SELECT g, repeat('note ' || g, g % 4), CASE WHEN g % 4 > 0 THEN 1 + g * 3 % {ITEMS} END
            FROM generate_series(1, 120) g;
         INSERT INTO bill SELECT g, g * 4, g * 1.5 FROM generate_series(1, 30) g;
         INSERT INTO ev SELECT g, date '2024-01-01' + g * 11 % 360, CASE WHEN g % 3 > 0 THEN 'old' ELSE 'new' END,
                nullif(g % 100, 13) FROM generate_series(1, {EVENTS}) g"
    )
}

/// Makes both schemas anew; the worker and a drain move what is cold.
pub fn make(cluster: &Cluster, database: &str) {
    let db = cluster.connect(database);
    for schema in SCHEMAS {
        db.sql(&format!(
            "CREATE SCHEMA {schema}; SET search_path = {schema}, public; {TABLES}; {}; {TRIGGERS}",
            rows()
        ));
    }
    db.sql(
        "CREATE FUNCTION cold.unguarded(text) RETURNS void LANGUAGE c STRICT AS '$libdir/pg_stretch',
            'stretch_test_unguarded_wrapper';
         CREATE FUNCTION plain.unguarded(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; END $$",
    );
    db.sql("SET search_path = cold, public");
    for (table, filter) in STRETCHED {
        enable_table(&db, table, filter);
        drain(&db, table);
    }
    db.sql("ANALYZE");
}

/// Removes both schemas, so that segments do not pile up.
pub fn remove(db: &Client) {
    db.sql("DROP SCHEMA cold CASCADE; DROP SCHEMA plain CASCADE");
}

/// What differs between the twins of these tables in one snapshot; nothing when they are alike.
pub fn differences(db: &Client, tables: &[&str]) -> Vec<String> {
    let digest = |schema: &str, table: &str| {
        format!(
            "(SELECT count(*) || md5(coalesce(string_agg(q::text, ';' ORDER BY q::text COLLATE \"C\"), ''))
                FROM {schema}.{table} q)"
        )
    };
    let same: Vec<String> = tables
        .iter()
        .map(|table| format!("{} = {}", digest("cold", table), digest("plain", table)))
        .collect();
    let answer = db.rows(&format!("SELECT {}", same.join(", "))).remove(0);
    let mut found = Vec::new();
    for (table, same) in tables.iter().zip(answer) {
        if same.as_deref() == Some("t") {
            continue;
        }
        for [one, other] in [["cold", "plain"], ["plain", "cold"]] {
            let rows = db.lines(&format!(
                "SELECT q::text FROM {one}.{table} q EXCEPT ALL SELECT q::text FROM {other}.{table} q LIMIT 20"
            ));
            found.extend(rows.into_iter().map(|row| format!("only in {one}.{table}: {row}")));
        }
        found.push(format!("{table} differs"));
    }
    found
}
