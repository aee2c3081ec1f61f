//! New indexes with expressions or a predicate: an error in one is that of a heap, whether the row is hot or cold.

use super::Twins;

const SETUP: &str = "CREATE TABLE t (gone int, id int PRIMARY KEY, a int, b int, s text);
    ALTER TABLE t DROP gone;
    INSERT INTO t SELECT g, g, g % 7, 'row ' || g FROM generate_series(1, 40) g;
    CREATE TABLE p (id int, b int) PARTITION BY RANGE (id);
    CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (20);
    CREATE TABLE p_2 (b int, id int);
    ALTER TABLE p ATTACH PARTITION p_2 FOR VALUES FROM (20) TO (50);
    INSERT INTO p SELECT g, g - 9 FROM generate_series(1, 40) g;
    CREATE FUNCTION small(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
        $f$ BEGIN IF $1 > 30 THEN RAISE EXCEPTION 'large' USING ERRCODE = 'P0099'; END IF; RETURN true; END $f$";

#[test]
fn new_indexes_are_evaluated_for_cold_rows() {
    let twins = Twins::new("one-indexes", SETUP, &[("t", "b = 0 OR id > 30"), ("p", "b = 0")]);
    for method in ["", "CONCURRENTLY"] {
        twins.fails(&format!("CREATE INDEX {method} i ON t ((a / b))"), "22012");
        twins.works("DROP INDEX IF EXISTS i");
        twins.fails(&format!("CREATE INDEX {method} i ON t (a) WHERE small(id)"), "P0099");
        twins.works("DROP INDEX IF EXISTS i");
        // A predicate keeps expressions from rows.
        twins.fails(
            &format!("CREATE INDEX {method} i ON t (a, (a / b)) WHERE id < 30"),
            "22012",
        );
        twins.works("DROP INDEX IF EXISTS i");
        twins.works(&format!("CREATE INDEX {method} i ON t (a, (a / b)) WHERE b > 0"));
        twins.works("DROP INDEX i");
        twins.works(&format!("CREATE INDEX {method} i ON t ((a || s), (t.s || ''), b)"));
        twins.works("SELECT id FROM t WHERE a || s = '14row 14'");
        twins.works("DROP INDEX i");
    }
    twins.fails("CREATE INDEX i ON p ((id / b))", "22012");
    twins.fails("CREATE INDEX i ON p USING hash ((id / b)) WHERE id < 20", "22012");
    twins.works("CREATE INDEX i ON p ((id / b)) WHERE b <> 0");
    // An index of plain columns needs no cold row, and one that is there already is not looked at again.
    twins.works("SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0");
    twins.works("ALTER TABLE t SET (parallel_workers = 2)");
    twins.fails("CREATE INDEX j ON t ((a / b))", "22012");
    twins.works("CREATE INDEX j ON t (a, b)");
    twins.works("CREATE INDEX k ON t ((a / nullif(b, 0))) WHERE b >= 0");
    twins.works("REINDEX TABLE t");
    twins.works("VACUUM FULL t");
    twins.works("SELECT * FROM t WHERE a / nullif(b, 0) = 3 AND b >= 0");
}
