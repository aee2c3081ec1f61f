//! Foreign keys in and out of stretched tables, natively: each action, deferred or not, with hot and cold rows at both
//! ends.

use super::Twins;

const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

/// Parents 1 to 60, of which those up to 40 become cold; children of every third parent, of which those up to 60 become
/// cold. Parent 1 is the default.
fn family(on: &str, check: &str) -> String {
    format!(
        "CREATE TABLE parent (id int PRIMARY KEY, note text);
         INSERT INTO parent SELECT g, 'p' || g FROM generate_series(1, 60) g;
         CREATE TABLE child (id int PRIMARY KEY, of int DEFAULT 1 REFERENCES parent {on} {check}, note text);
         CREATE INDEX ON child (of);
         INSERT INTO child SELECT g, CASE WHEN g % 7 > 0 THEN (g % 20) * 3 + 1 - (g % 20) / 19 END, 'c' || g
             FROM generate_series(1, 120) g"
    )
}

#[test]
fn actions_reach_cold_rows() {
    for action in ACTIONS {
        for check in ["", "DEFERRABLE INITIALLY DEFERRED"] {
            if action == "RESTRICT" && !check.is_empty() {
                continue;
            }
            let on = format!("ON DELETE {action} ON UPDATE {action}");
            let twins = Twins::new(
                "one-actions",
                &family(&on, check),
                &[("parent", "id <= 40"), ("child", "id <= 60")],
            );
            let rows = || {
                twins.works("SELECT * FROM parent");
                twins.works("SELECT * FROM child");
            };
            // A hot and a cold parent with children on both sides, and ones without any.
            for id in [4, 46, 2, 44] {
                let _ = twins.both(&format!("DELETE FROM parent WHERE id = {id}"));
                rows();
            }
            for id in [7, 49, 5, 47] {
                let _ = twins.both(&format!("UPDATE parent SET id = id + 1000 WHERE id = {id}"));
                rows();
            }
            twins.works("UPDATE parent SET note = 'other' WHERE id IN (10, 52)");
            twins.works("BEGIN");
            let _ = twins.both("DELETE FROM child WHERE of = 10");
            let _ = twins.both("DELETE FROM parent WHERE id = 10");
            let _ = twins.both("COMMIT");
            rows();
        }
    }
}

#[test]
fn children_find_cold_parents() {
    let twins = Twins::new(
        "one-children",
        &family("", ""),
        &[("parent", "id <= 40"), ("child", "id <= 60")],
    );
    for parent in [4, 46, 999] {
        let _ = twins.both(&format!("INSERT INTO child VALUES ({parent} + 5000, {parent}, 'new')"));
        let _ = twins.both(&format!("UPDATE child SET of = {parent} WHERE id IN (11, 101)"));
    }
    twins.fails("INSERT INTO child VALUES (6000, 999)", "23503");
    twins.fails("DELETE FROM parent WHERE id = 4", "23503");
    twins.works("SELECT * FROM child");
}

#[test]
fn a_table_that_refers_to_itself_cascades_through_cold_rows() {
    let setup = "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE);
         CREATE INDEX ON tree (up);
         INSERT INTO tree SELECT g, nullif(g - 1, 0) FROM generate_series(1, 100) g";
    let twins = Twins::new("one-tree", setup, &[("tree", "id % 3 > 0")]);
    twins.works("DELETE FROM tree WHERE id = 50");
    assert_eq!(twins.works("SELECT count(*), max(id) FROM tree"), ["49|49"]);
    twins.works("UPDATE tree SET up = NULL WHERE id = 20");
    twins.works("DELETE FROM tree WHERE id = 1");
    assert_eq!(twins.works("SELECT count(*), min(id) FROM tree"), ["30|20"]);
}
