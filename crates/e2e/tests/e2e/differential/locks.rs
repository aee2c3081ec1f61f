//! Row locks and cursors.

use super::draw::Draw;
use super::statement::Statement;

pub fn lock(d: &mut Draw) -> Statement {
    let (items, parts, strength) = (d.few_items(), d.some_parts(), d.strength());
    let policy = d.pick(&["", "", " NOWAIT", " SKIP LOCKED"]);
    let text = match d.below(7) {
        0..=1 => format!("SELECT i.* FROM item i WHERE {items} FOR {strength}{policy}"),
        2 => format!(
            "SELECT i.id, i.state FROM item i WHERE {} ORDER BY i.id LIMIT {} FOR {strength}{policy}",
            d.some_items(),
            1 + d.below(4)
        ),
        3 => format!(
            "SELECT i.id, p.id FROM item i JOIN part p ON p.item = i.id WHERE {items} FOR {strength} OF i{policy}"
        ),
        4 => format!(
            "SELECT p.* FROM part p LEFT JOIN item i ON i.id = p.item WHERE {parts} FOR {strength} OF p{policy}"
        ),
        5 => format!("SELECT e.* FROM ev e WHERE e.id = {} FOR {strength}{policy}", d.event()),
        _ => format!(
            "DELETE FROM part WHERE id IN (SELECT p.id FROM part p WHERE {parts} ORDER BY p.id LIMIT 2
                FOR UPDATE{policy}) RETURNING *"
        ),
    };
    let statement = Statement::new("SELECT FOR UPDATE and the like", text);
    if policy.is_empty() {
        statement
    } else {
        statement.impatient()
    }
}

/// A cursor and what is done with it, within one transaction.
pub fn cursor(d: &mut Draw) -> Vec<Statement> {
    let name = format!("c{}", d.fresh());
    let cursor = |text: String| Statement::new("cursor", text.replace("{c}", &name));
    let mut all = Vec::new();
    match d.below(3) {
        0 => {
            // In an order, forwards and backwards.
            let condition = if d.percent(50) { d.some_items() } else { "true".into() };
            let order = d.pick(&["i.id", "i.id DESC", "i.grp, i.id", "i.amount, i.id"]);
            all.push(cursor(format!(
                "DECLARE {{c}} SCROLL CURSOR FOR SELECT i.id, i.code, i.state FROM item i WHERE {condition}
                    ORDER BY {order}"
            )));
            for _ in 0..2 + d.below(4) {
                let fetch = match d.below(8) {
                    0..=1 => format!("FETCH {} FROM {{c}}", 1 + d.below(20)),
                    2 => format!("FETCH BACKWARD {} FROM {{c}}", 1 + d.below(9)),
                    3 => "FETCH LAST FROM {c}".into(),
                    4 => format!("FETCH ABSOLUTE {} FROM {{c}}", d.below(50)),
                    5 => format!("FETCH RELATIVE -{} FROM {{c}}", d.below(5)),
                    6 => format!("MOVE {} FROM {{c}}", d.below(60)),
                    _ => "FETCH FIRST FROM {c}".into(),
                };
                all.push(cursor(fetch).ordered());
            }
        }
        1 => {
            // One row by one, each of which may be changed.
            let items = format!("i.id IN ({})", d.items());
            all.push(cursor(format!(
                "DECLARE {{c}} CURSOR FOR SELECT * FROM item i WHERE {items} ORDER BY i.id FOR UPDATE"
            )));
            for _ in 0..1 + d.below(4) {
                all.push(cursor("FETCH NEXT FROM {c}".into()));
                all.push(match d.below(3) {
                    0 => cursor("UPDATE item SET qty = qty + 1 WHERE CURRENT OF {c} RETURNING *".into()),
                    1 => cursor("UPDATE item SET amount = 1.5 WHERE CURRENT OF {c}".into()),
                    _ => cursor("DELETE FROM item WHERE CURRENT OF {c} RETURNING id".into()),
                });
            }
        }
        _ => {
            let table = if d.percent(50) {
                ("item", d.item())
            } else {
                ("part", d.part())
            };
            all.push(cursor(format!(
                "DECLARE {{c}} CURSOR FOR SELECT * FROM {} WHERE id = {}",
                table.0, table.1
            )));
            all.push(cursor("FETCH 1 FROM {c}".into()));
            all.push(cursor(format!(
                "UPDATE {} SET qty = qty + 2 WHERE CURRENT OF {{c}} RETURNING *",
                table.0
            )));
            all.push(cursor("FETCH 1 FROM {c}".into()));
        }
    }
    if d.percent(70) {
        all.push(cursor("CLOSE {c}".into()));
    }
    all
}

/// A cursor that outlives its transaction, and what the next one does with it.
pub fn holdable(d: &mut Draw) -> [Vec<Statement>; 2] {
    let name = format!("h{}", d.fresh());
    let condition = d.some_items();
    let cursor = |text: &str| Statement::new("cursor WITH HOLD", text.replace("{c}", &name)).ordered();
    let declare = format!(
        "DECLARE {name} SCROLL CURSOR WITH HOLD FOR SELECT i.id, i.code, i.doc FROM item i
            WHERE {condition} ORDER BY i.id"
    );
    [
        vec![Statement::new("cursor WITH HOLD", declare), cursor("FETCH 2 FROM {c}")],
        vec![
            cursor("FETCH 5 FROM {c}"),
            cursor("FETCH BACKWARD 3 FROM {c}"),
            cursor("FETCH ALL FROM {c}"),
            cursor("CLOSE {c}"),
        ],
    ]
}
