//! INSERT, UPDATE and DELETE, in every form, some of which fail on purpose.
//!
//! Rows of one statement never fight over a key that is checked at once, since which of them wins is a matter of their
//! order in the heap.

use super::draw::Draw;
use super::statement::Statement;

pub fn draw(d: &mut Draw) -> Statement {
    let mut statement = any(d);
    if d.percent(10) {
        statement.text = statement.text.replace("UPDATE item i ", "UPDATE item_view i ");
        statement.text = statement
            .text
            .replace("DELETE FROM item i ", "DELETE FROM item_view i ");
        statement.text = statement.text.replace("INSERT INTO item ", "INSERT INTO item_view ");
    }
    statement
}

fn any(d: &mut Draw) -> Statement {
    match d.below(12) {
        0..=1 => insert_items(d),
        2 => insert_others(d),
        3..=5 => update_items(d),
        6 => update_keys(d),
        7..=8 => update_others(d),
        9..=10 => delete(d),
        _ => wrong(d),
    }
}

/// The values of one item: `(id, code, grp, n, label, state, qty, amount, doc, tags, up, pos)`.
pub fn item(d: &mut Draw, id: u32) -> String {
    let code = match d.below(4) {
        0 => format!("'c{}'", d.item()),
        1 => format!("'c{}  '", d.fresh()),
        _ => format!("'c{}'", d.fresh()),
    };
    let n = if d.percent(50) { d.below(25) } else { d.fresh() };
    let label = match d.below(4) {
        0 => "NULL".into(),
        1 => format!("'LABEL {}'", d.item()),
        _ => format!("'Label {}'", d.fresh()),
    };
    let (grp, state, qty) = (d.below(8), d.state(), d.below(1000));
    let (amount, doc, tags) = (d.amount(), d.doc(), d.tags());
    let up = if d.percent(20) {
        d.item().to_string()
    } else {
        "NULL".into()
    };
    let pos = match d.below(4) {
        0 => "NULL".into(),
        1 => format!("{}", d.item() * 2),
        _ => d.fresh().to_string(),
    };
    format!("({id}, {code}, {grp}, {n}, {label}, '{state}', {qty}, {amount}, {doc}, {tags}, {up}, {pos})")
}

pub const ITEM_COLUMNS: &str = "(id, code, grp, n, label, state, qty, amount, doc, tags, up, pos)";

/// A key that may be taken, or one that is free.
pub fn new_item(d: &mut Draw) -> u32 {
    if d.percent(70) { d.item() } else { d.fresh() }
}

fn insert_items(d: &mut Draw) -> Statement {
    let count = d.pick(&[1, 1, 1, 2, 4]);
    let returning = d.pick(&["", " RETURNING *", " RETURNING id, twice, code"]);
    if d.percent(20) {
        // Copies of others, in an order.
        let (from, condition) = (d.fresh() * 100, d.some_items());
        return Statement::new(
            "INSERT … SELECT",
            format!(
                "INSERT INTO item (id, code, grp, n, state, qty, tags)
                    SELECT {from} + i.id, {from} || i.code, i.grp, {from} + i.id, i.state, i.qty, i.tags FROM item i
                    WHERE {condition} ORDER BY i.id LIMIT {count}{returning}"
            ),
        );
    }
    let rows: Vec<String> = (0..count)
        .map(|_| {
            let id = new_item(d);
            item(d, id)
        })
        .collect();
    Statement::new(
        "INSERT",
        format!("INSERT INTO item {ITEM_COLUMNS} VALUES {}{returning}", rows.join(", ")),
    )
}

fn insert_others(d: &mut Draw) -> Statement {
    let text = match d.below(4) {
        0 => {
            let id = if d.percent(60) { d.fresh() } else { d.part() };
            let (item, line, shipped) = (d.item(), d.below(5), d.percent(60));
            format!(
                "INSERT INTO part VALUES ({id}, {item}, {line}, 's{}', {line}, {shipped}) RETURNING *",
                d.below(30)
            )
        }
        1 => format!("INSERT INTO note VALUES ({}, {}, {})", d.fresh(), d.text(), d.item()),
        2 => format!("INSERT INTO bill VALUES ({}, {}, {})", d.fresh(), d.item(), d.amount()),
        _ => {
            let id = if d.percent(60) { d.fresh() } else { d.event() };
            let (day, n) = (d.day(), d.below(100));
            let other = d.fresh();
            format!(
                "INSERT INTO ev VALUES ({id}, {day}, 'old', {n}), ({other}, {}, 'new', NULL)
                    RETURNING *, tableoid::regclass",
                d.day()
            )
        }
    };
    Statement::new("INSERT", text)
}

fn update_items(d: &mut Draw) -> Statement {
    let condition = if d.percent(70) { d.few_items() } else { d.some_items() };
    let set = match d.below(10) {
        0 => "qty = i.qty + 1".into(),
        1 => format!("amount = {}, at = i.at + interval '1 day'", d.amount()),
        2 => format!("doc = {}, tags = {}", d.doc(), d.tags()),
        3..=5 => {
            // A row may come into the partial key, where others are in its way whoever comes first.
            return Statement::new(
                "UPDATE",
                format!(
                    "UPDATE item i SET state = '{}', qty = 5 WHERE ({condition}) AND state <> 'void' RETURNING i.*",
                    d.pick(&["done", "open"])
                ),
            );
        }
        6 => {
            "(amount, doc) = (SELECT sum(p.qty), jsonb_agg(p.id ORDER BY p.id) FROM part p WHERE p.item = i.id)".into()
        }
        7 => format!("label = i.label || {}", d.fresh()),
        8 => "id = i.id, state = i.state".into(),
        _ => format!(
            "up = {}",
            if d.percent(70) {
                d.item().to_string()
            } else {
                "NULL".into()
            }
        ),
    };
    let returning = d.pick(&["", " RETURNING i.*", " RETURNING i.id, i.state, i.qty, i.twice"]);
    if d.percent(20) {
        let parts = d.some_parts();
        return Statement::new(
            "UPDATE … FROM",
            format!(
                "UPDATE item i SET {set} FROM part p WHERE p.item = i.id AND p.line = 1 AND {parts} RETURNING i.*, p.id"
            ),
        );
    }
    Statement::new(
        "UPDATE",
        format!("UPDATE item i SET {set} WHERE {condition}{returning}"),
    )
}

fn update_keys(d: &mut Draw) -> Statement {
    let (id, other) = (d.item(), new_item(d));
    let text = match d.below(9) {
        0 => format!("UPDATE item SET id = {other} WHERE id = {id} RETURNING *"),
        1 => format!("UPDATE item SET code = 'c{other}' WHERE id = {id} RETURNING id"),
        2 => format!("UPDATE item SET label = 'label {other}' WHERE id = {id} RETURNING label"),
        3 => format!(
            "UPDATE item SET n = {}, grp = {} WHERE id = {id} RETURNING n",
            d.below(25),
            d.below(8)
        ),
        4 => format!("UPDATE item SET state = 'open' WHERE id = {id} AND state = 'void'"),
        // Checked at the end of the statement, or later.
        5 => format!(
            "UPDATE item i SET pos = i.pos + 2 WHERE i.pos BETWEEN {id} AND {} RETURNING i.id, i.pos",
            id + 12
        ),
        6 => format!(
            "UPDATE item i SET pos = {} - i.pos WHERE i.pos BETWEEN {id} AND {}",
            2 * id + 10,
            id + 10
        ),
        7 => format!("UPDATE part SET item = {other} WHERE id = {} RETURNING *", d.part()),
        _ => format!("UPDATE part SET line = line + 1 WHERE id = {} RETURNING *", d.part()),
    };
    Statement::new("UPDATE of keys", text)
}

fn update_others(d: &mut Draw) -> Statement {
    let (parts, events) = (d.some_parts(), d.some_events());
    let text = match d.below(7) {
        0 => format!("UPDATE part p SET shipped = NOT p.shipped WHERE {parts} RETURNING p.*"),
        1 => format!("UPDATE part p SET qty = p.qty + 1, sku = {} WHERE {parts}", d.text()),
        2 => format!("UPDATE ev e SET n = e.n + 7 WHERE {events} RETURNING e.*"),
        3 => format!("UPDATE ev e SET kind = '{}' WHERE {events}", d.pick(&["old", "new"])),
        // Rows that move between partitions.
        4 => format!(
            "UPDATE ev e SET day = e.day + {} WHERE e.id = {} RETURNING e.*, e.tableoid::regclass",
            d.pick(&[0, 1, 60, 130]),
            d.event()
        ),
        5 => format!(
            "UPDATE note SET text = text || '!', item = {} WHERE id = {}",
            d.item(),
            1 + d.below(130)
        ),
        _ => format!("UPDATE ev_1 e SET n = 5 WHERE {events} RETURNING *"),
    };
    Statement::new("UPDATE", text)
}

fn delete(d: &mut Draw) -> Statement {
    let id = d.item();
    let text = match d.below(9) {
        0..=1 => format!("DELETE FROM item WHERE id = {id} RETURNING *"),
        2 => format!("DELETE FROM item i WHERE {}", d.few_items()),
        3 => format!("DELETE FROM part p WHERE {} RETURNING p.*", d.some_parts()),
        4 => format!("DELETE FROM part p USING item i WHERE i.id = p.item AND i.id = {id} RETURNING p.id, i.*"),
        5 => format!(
            "DELETE FROM ev e WHERE {} AND e.id % 5 = 0 RETURNING e.*",
            d.some_events()
        ),
        6 => format!("DELETE FROM bill WHERE item = {id} RETURNING id"),
        7 => {
            format!("DELETE FROM item WHERE id = {id} AND NOT EXISTS (SELECT FROM bill WHERE item = {id}) RETURNING id")
        }
        _ => format!(
            "DELETE FROM part WHERE ctid = ANY (ARRAY (SELECT p.ctid FROM part p WHERE {} ORDER BY p.id
                LIMIT 2)) RETURNING *",
            d.some_parts()
        ),
    };
    Statement::new("DELETE", text)
}

/// What a constraint forbids.
fn wrong(d: &mut Draw) -> Statement {
    let id = d.item();
    let text = match d.below(8) {
        0 => format!("UPDATE item SET code = NULL WHERE id = {id}"),
        1 => format!("UPDATE item SET state = 'none' WHERE id = {id}"),
        2 => format!("INSERT INTO item (id, code) VALUES ({id}, 'c{id}')"),
        3 => format!("INSERT INTO part VALUES ({}, 99999, 1, 's', 1, true)", d.fresh()),
        4 => format!("UPDATE item SET twice = 4 WHERE id = {id}"),
        5 => format!("UPDATE item SET qty = qty / (id - {id}) WHERE id = {id}"),
        6 => format!("INSERT INTO ev VALUES ({id}, '2030-01-01', 'old', 1)"),
        _ => format!("UPDATE item SET up = 99999 WHERE id = {id}"),
    };
    Statement::new("statement that fails", text)
}
