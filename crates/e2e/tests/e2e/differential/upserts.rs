//! INSERT … ON CONFLICT, MERGE, and WITH clauses that change rows.

use super::draw::Draw;
use super::statement::Statement;
use super::writes::{ITEM_COLUMNS, item, new_item};

pub fn draw(d: &mut Draw) -> Statement {
    match d.below(8) {
        0..=1 => items(d),
        2 => parts(d),
        3 => events(d),
        4 => merge_items(d),
        5 => merge_others(d),
        _ => with(d),
    }
}

fn items(d: &mut Draw) -> Statement {
    let count = d.pick(&[1, 1, 1, 2, 3]);
    let mut rows = Vec::new();
    for _ in 0..count {
        let id = new_item(d);
        rows.push(item(d, id));
    }
    // Without a target, the deferrable key would be an arbiter, which is refused when the row meets no other conflict.
    let nothing = d.pick(&[
        "ON CONFLICT (id) DO NOTHING",
        "ON CONFLICT (code) DO NOTHING",
        "ON CONFLICT (lower(label)) DO NOTHING",
    ]);
    let set = d.pick(&[
        "SET qty = i.qty + excluded.qty, amount = excluded.amount",
        "SET state = excluded.state",
        "SET (doc, tags) = (excluded.doc, i.tags || excluded.tags), label = NULL",
        "SET qty = 1 WHERE i.state = 'done'",
        "SET qty = (SELECT count(*) FROM part p WHERE p.item = i.id)",
        "SET up = i.up, n = NULL WHERE i.qty < excluded.qty",
    ]);
    let arbiter = d.pick(&[
        "(id)",
        "(id)",
        "(code)",
        "(lower(label))",
        "(grp, n) WHERE state <> 'void'",
        "ON CONSTRAINT item_pkey",
        // Deferrable: refused.
        "ON CONSTRAINT item_pos",
    ]);
    let action = if d.percent(35) {
        nothing.to_owned()
    } else {
        format!("ON CONFLICT {arbiter} DO UPDATE {set}")
    };
    let returning = d.pick(&["", " RETURNING i.*"]);
    Statement::new(
        "INSERT … ON CONFLICT",
        format!(
            "INSERT INTO item AS i {ITEM_COLUMNS} VALUES {} {action}{returning}",
            rows.join(", ")
        ),
    )
}

fn parts(d: &mut Draw) -> Statement {
    let mut rows = Vec::new();
    for _ in 0..d.pick(&[1, 2, 5]) {
        let id = if d.percent(50) { d.part() } else { d.fresh() };
        let (item, line, qty, shipped) = (d.item(), 1 + d.below(3), d.below(40), d.percent(50));
        rows.push(format!("({id}, {item}, {line}, 'new {id}', {qty}, {shipped})"));
    }
    let action = d.pick(&[
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT (item, line) DO NOTHING",
        "ON CONFLICT (item, line) DO UPDATE SET qty = p.qty + excluded.qty",
        "ON CONFLICT (id) DO UPDATE SET sku = excluded.sku, shipped = excluded.shipped WHERE NOT p.shipped",
        "ON CONFLICT (id) DO UPDATE SET item = excluded.item, line = excluded.line",
    ]);
    Statement::new(
        "INSERT … ON CONFLICT",
        format!(
            "INSERT INTO part AS p VALUES {} {action} RETURNING p.*",
            rows.join(", ")
        ),
    )
}

fn events(d: &mut Draw) -> Statement {
    let (table, first, days) = d.pick(&[("ev", 0, 360), ("ev", 0, 360), ("ev_1", 0, 120), ("ev_2", 122, 118)]);
    let day = first + d.below(days);
    let (id, n) = (d.event(), d.below(100));
    let action = d.pick(&[
        "DO NOTHING",
        "(id, day) DO NOTHING",
        "(id, day) DO UPDATE SET n = e.n + excluded.n, kind = 'old'",
        "(id, day) DO UPDATE SET day = e.day WHERE e.kind = 'old'",
    ]);
    Statement::new(
        "INSERT … ON CONFLICT",
        format!(
            "INSERT INTO {table} AS e SELECT x.id, coalesce((SELECT min(day) FROM {table} WHERE id = {id}),
                date '2024-01-01' + {day}), 'new', {n} FROM (VALUES ({id})) x (id) ON CONFLICT {action} RETURNING e.*"
        ),
    )
}

fn merge_items(d: &mut Draw) -> Statement {
    let mut ids: Vec<u32> = (0..1 + d.below(4)).map(|_| new_item(d)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut rows = Vec::new();
    for id in ids {
        rows.push(format!("({id}, '{}', {})", d.state(), d.fresh()));
    }
    if d.percent(10) {
        // The same to one row twice: which of them comes first does not matter.
        rows.truncate(1);
        rows.push(rows[0].clone());
    }
    let matched = d.pick(&[
        "WHEN MATCHED THEN UPDATE SET state = s.state",
        "WHEN MATCHED AND i.state = 'done' THEN UPDATE SET qty = i.qty + 1, state = s.state
         WHEN MATCHED AND s.state = 'void' THEN DELETE",
        "WHEN MATCHED AND s.state = 'void' THEN DELETE WHEN MATCHED THEN UPDATE SET amount = s.fresh, label = NULL",
        "WHEN MATCHED AND s.state = 'open' THEN DO NOTHING WHEN MATCHED THEN UPDATE SET doc = NULL",
    ]);
    let unmatched = d.pick(&[
        "",
        " WHEN NOT MATCHED THEN INSERT (id, code, grp, n, state) VALUES (s.id, 'm' || s.fresh, 1, s.fresh, s.state)",
        " WHEN NOT MATCHED AND s.state = 'done' THEN INSERT (id, code, grp, n, state)
            VALUES (s.id, 'm' || s.fresh, 1, s.fresh, s.state) WHEN NOT MATCHED THEN DO NOTHING",
    ]);
    Statement::new(
        "MERGE",
        format!(
            "MERGE INTO item i USING (VALUES {}) s (id, state, fresh) ON i.id = s.id {matched}{unmatched}",
            rows.join(", ")
        ),
    )
}

fn merge_others(d: &mut Draw) -> Statement {
    let (items, parts, events, fresh) = (d.few_items(), d.some_parts(), d.some_events(), d.fresh());
    let text = match d.below(4) {
        0 => format!(
            "MERGE INTO part p USING (SELECT i.id, i.state FROM item i WHERE {items}) s ON p.item = s.id AND p.line = 1
             WHEN MATCHED AND p.shipped THEN UPDATE SET qty = p.qty + 1
             WHEN MATCHED THEN UPDATE SET shipped = true
             WHEN NOT MATCHED THEN INSERT VALUES ({fresh}00 + s.id, s.id, 1, 'merged', 1, s.state = 'done')"
        ),
        1 => format!(
            "MERGE INTO item i USING (SELECT p.item, sum(p.qty) AS sum FROM part p WHERE {parts} GROUP BY 1) s
                ON i.id = s.item WHEN MATCHED AND i.qty > s.sum THEN DO NOTHING
             WHEN MATCHED THEN UPDATE SET qty = i.qty + s.sum"
        ),
        2 => format!(
            "MERGE INTO ev e USING (SELECT e.id, e.day FROM ev e WHERE {events}) s ON e.id = s.id AND e.day = s.day
             WHEN MATCHED AND e.n < 30 THEN DELETE WHEN MATCHED THEN UPDATE SET n = e.n - 1"
        ),
        _ => format!(
            "MERGE INTO ev e USING (VALUES ({}, {})) s (id, day) ON e.id = s.id
             WHEN MATCHED THEN UPDATE SET day = s.day WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.day, 'new', 1)",
            d.event(),
            d.day()
        ),
    };
    Statement::new("MERGE", text)
}

fn with(d: &mut Draw) -> Statement {
    let (id, items, parts, fresh) = (d.item(), d.few_items(), d.some_parts(), d.fresh());
    let text = match d.below(7) {
        0 => format!(
            "WITH gone AS (DELETE FROM part p WHERE {parts} RETURNING *)
             INSERT INTO part SELECT {fresh}00 + id, item, line + 100 + id % 50, sku, qty, NOT shipped FROM gone
             ORDER BY id RETURNING *"
        ),
        1 => format!(
            "WITH changed AS (UPDATE item i SET qty = i.qty + 3 WHERE {items} RETURNING *)
             SELECT count(*), sum(qty), (SELECT sum(qty) FROM item) FROM changed"
        ),
        2 => {
            let row = item(d, id);
            format!(
                "WITH made AS (INSERT INTO item {ITEM_COLUMNS} VALUES {row} ON CONFLICT (code) DO NOTHING RETURNING *)
                 SELECT id, code, qty FROM made UNION ALL SELECT id, code, qty FROM item WHERE id = {id}"
            )
        }
        3 => format!(
            "WITH locked AS (SELECT i.id FROM item i WHERE {items} ORDER BY i.id FOR UPDATE)
             UPDATE item SET state = 'done' FROM locked WHERE item.id = locked.id AND state <> 'void' RETURNING item.*"
        ),
        4 => format!(
            "WITH a AS (DELETE FROM part WHERE item = {id} RETURNING id), b AS (UPDATE item SET qty = qty + 1
                WHERE id = {id} RETURNING qty) SELECT (SELECT count(*) FROM a), (SELECT sum(qty) FROM b)"
        ),
        5 => format!(
            "WITH ranked AS (SELECT p.ctid AS place,
                row_number() OVER (PARTITION BY p.item ORDER BY p.id) AS rank
                FROM part p WHERE {parts})
             DELETE FROM part USING ranked WHERE part.ctid = place AND rank > 1 RETURNING part.*"
        ),
        _ => format!(
            "WITH moved AS (DELETE FROM ev e WHERE e.id = {} RETURNING *)
             INSERT INTO ev SELECT id, date '2024-01-01' + (day - date '2023-12-01') % 360, kind, n FROM moved
             RETURNING *",
            d.event()
        ),
    };
    Statement::new("WITH that writes", text)
}
