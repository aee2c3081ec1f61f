//! COPY, prepared statements, SET CONSTRAINTS, blocks that catch errors, TRUNCATE, and settings of the planner.

use super::draw::Draw;
use super::statement::Statement;

/// What each session prepares.
pub const PREPARE: &str = "
    PREPARE one_item (int) AS SELECT * FROM item WHERE id = $1;
    PREPARE some_items (int, int) AS SELECT id, state, qty FROM item WHERE id BETWEEN $1 AND $2;
    PREPARE of_state (text, int) AS SELECT i.id, p.id FROM item i LEFT JOIN part p ON p.item = i.id
        WHERE i.state = $1 AND i.grp = $2;
    PREPARE events (date, date) AS SELECT * FROM ev WHERE day BETWEEN $1 AND $2;
    PREPARE change (int, int) AS UPDATE item SET qty = qty + $2 WHERE id = $1 RETURNING id, qty, state;
    PREPARE finish (text) AS UPDATE item SET state = 'done' WHERE code = $1 AND state = 'open' RETURNING *;
    PREPARE put (int, int, int, bool) AS INSERT INTO part VALUES ($1, $2, $3, 'put', 1, $4)
        ON CONFLICT (item, line) DO UPDATE SET qty = part.qty + 1, shipped = excluded.shipped RETURNING *;
    PREPARE gone (int) AS DELETE FROM part WHERE id = $1 RETURNING *;
    PREPARE locked (int) AS SELECT * FROM item WHERE id = $1 FOR NO KEY UPDATE";

pub fn draw(d: &mut Draw) -> Statement {
    match d.below(10) {
        0..=4 => prepared(d),
        5 => copy_in(d),
        6 => copy_out(d),
        7 => constraints(d),
        _ => block(d),
    }
}

fn prepared(d: &mut Draw) -> Statement {
    let (id, part, small) = (d.item(), d.part(), d.below(8));
    let text = match d.below(9) {
        0 => format!("EXECUTE one_item ({id})"),
        1 => format!("EXECUTE some_items ({id}, {})", id + small),
        2 => format!("EXECUTE of_state ('{}', {small})", d.state()),
        3 => format!("EXECUTE events ({}, {})", d.day(), d.day()),
        4 => format!("EXECUTE change ({id}, {small})"),
        5 => format!("EXECUTE finish ('c{id}')"),
        6 => {
            let new = if d.percent(80) { d.fresh() } else { part };
            format!("EXECUTE put ({new}, {id}, {}, {})", 1 + small % 3, d.percent(50))
        }
        7 => format!("EXECUTE gone ({part})"),
        _ => format!("EXECUTE locked ({id})"),
    };
    Statement::new("EXECUTE", text)
}

fn copy_in(d: &mut Draw) -> Statement {
    let mut lines = String::new();
    if d.percent(50) {
        for _ in 0..1 + d.below(5) {
            let id = if d.percent(90) { d.fresh() } else { d.item() };
            let (code, n, grp, state) = (d.fresh(), d.fresh(), d.below(8), d.state());
            lines += &format!("{id}\tcopied {code}\t{grp}\t{n}\t\\N\t{state}\t{{\"k\": 1}}\n");
        }
        return Statement::copy_in("COPY item (id, code, grp, n, label, state, doc) FROM STDIN", lines);
    }
    for _ in 0..1 + d.below(8) {
        let id = if d.percent(95) { d.fresh() } else { d.event() };
        lines += &format!("{id},2024-{:02}-15,old,{}\n", 1 + d.below(12), d.below(100));
    }
    let condition = d.pick(&["", " WHERE n % 2 = 0"]);
    Statement::copy_in(format!("COPY ev FROM STDIN (FORMAT csv){condition}"), lines)
}

fn copy_out(d: &mut Draw) -> Statement {
    let condition = d.some_items();
    Statement::copy_out(match d.below(3) {
        0 => format!("COPY {} TO STDOUT", d.pick(&["item", "part", "ev_1", "note"])),
        1 => format!("COPY (SELECT * FROM item i WHERE {condition}) TO STDOUT"),
        _ => format!("COPY (UPDATE item i SET qty = 7 WHERE {condition} RETURNING i.*) TO STDOUT"),
    })
}

fn constraints(d: &mut Draw) -> Statement {
    let text = d.pick(&[
        "SET CONSTRAINTS ALL DEFERRED",
        "SET CONSTRAINTS item_pos DEFERRED",
        "SET CONSTRAINTS item_pos IMMEDIATE",
        "SET CONSTRAINTS note_item_fkey IMMEDIATE",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ]);
    Statement::new("SET CONSTRAINTS", text)
}

/// Statements within a function, with an error that is caught.
fn block(d: &mut Draw) -> Statement {
    let (id, other, fresh) = (d.item(), d.item(), d.fresh());
    let text = match d.below(4) {
        0 => format!(
            "DO $$ BEGIN INSERT INTO item (id, code, grp, n, state) VALUES ({id}, 'd{fresh}', 1, {fresh}, 'done');
             EXCEPTION WHEN unique_violation THEN UPDATE item SET qty = qty + 1 WHERE id = {id}; END $$"
        ),
        1 => format!(
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM item WHERE id IN ({id}, {other}) ORDER BY id LOOP
                UPDATE item SET qty = r.qty + 1 WHERE id = r.id; END LOOP; END $$"
        ),
        2 => format!(
            "DO $$ BEGIN DELETE FROM item WHERE id = {id}; UPDATE item SET up = {id} WHERE id = {other};
             EXCEPTION WHEN foreign_key_violation THEN UPDATE item SET qty = 0 WHERE id = {other}; END $$"
        ),
        _ => format!(
            "DO $$ BEGIN BEGIN UPDATE item SET qty = -1 WHERE id = {id}; RAISE EXCEPTION 'undone'; EXCEPTION
                WHEN raise_exception THEN NULL; END; UPDATE item SET qty = qty + 1 WHERE id = {id}; END $$"
        ),
    };
    Statement::new("DO", text)
}

/// Empties a table and fills it again, in one transaction.
pub fn truncate(d: &mut Draw) -> Vec<Statement> {
    let (first, rows) = (d.fresh() * 100, 10 + d.below(40));
    let (table, fill) = match d.below(2) {
        0 => (
            "note",
            format!("SELECT {first} + g, 'again', CASE WHEN g < 30 THEN NULL END::int FROM"),
        ),
        _ => (
            "ev_1",
            format!("SELECT {first} + g, date '2024-01-01' + g, 'old', g FROM"),
        ),
    };
    let text = |text: String| Statement::new("TRUNCATE", text);
    vec![
        text(format!("SELECT unguarded('TRUNCATE {table}')")),
        text(format!("INSERT INTO {table} {fill} generate_series(1, {rows}) g")),
        text(format!("SELECT * FROM {table}")),
    ]
}

/// For the planner, until the end of the transaction.
pub fn setting(d: &mut Draw) -> Statement {
    let text = d.pick(&[
        "SET LOCAL enable_seqscan = off",
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off",
        "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off",
        "SET LOCAL enable_hashjoin = off",
        "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
        "SET LOCAL enable_sort = off; SET LOCAL enable_hashagg = off",
        "SET LOCAL enable_partitionwise_join = on; SET LOCAL enable_partitionwise_aggregate = on",
        "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
         SET LOCAL min_parallel_table_scan_size = 0",
        "SET LOCAL plan_cache_mode = force_generic_plan",
    ]);
    Statement::new("SET", text)
}
