//! Queries: conditions, orders, joins, aggregates, windows, sets, recursion, partitions.

use super::draw::Draw;
use super::statement::Statement;

pub fn draw(d: &mut Draw) -> Statement {
    match d.below(6) {
        0 => plain(d),
        1 => ordered(d),
        2 => aggregates(d),
        3 => joins(d),
        4 => events(d),
        _ => others(d),
    }
}

fn plain(d: &mut Draw) -> Statement {
    let condition = d.some_items();
    let list = d.pick(&[
        "i.*",
        "i",
        "i.id, i.code, i.twice",
        "i.tableoid::regclass, i.doc, i.tags",
        "i.at, i.amount * 2, upper(i.label)",
    ]);
    let only = d.pick(&["", "", "", "ONLY "]);
    Statement::new("SELECT", format!("SELECT {list} FROM {only}item i WHERE {condition}"))
}

fn ordered(d: &mut Draw) -> Statement {
    let condition = if d.percent(60) { d.some_items() } else { "true".into() };
    let order = d.pick(&[
        "i.id",
        "i.id DESC",
        "i.grp, i.id",
        "i.grp DESC, i.id DESC",
        "i.amount DESC, i.id",
        "i.amount NULLS FIRST, i.id DESC",
        "i.code",
        "lower(i.label), i.id",
        "i.pos DESC NULLS LAST, i.id",
        "i.up, i.id DESC",
    ]);
    let limit = match d.below(3) {
        0 => String::new(),
        1 => format!(" LIMIT {}", d.below(30)),
        _ => format!(" OFFSET {} LIMIT {}", d.below(40), 1 + d.below(60)),
    };
    let text = format!("SELECT i.id, i.code, i.label, i.amount FROM item i WHERE {condition} ORDER BY {order}{limit}");
    Statement::new("SELECT … ORDER BY", text).ordered()
}

fn aggregates(d: &mut Draw) -> Statement {
    let condition = d.some_items();
    let text = match d.below(7) {
        0 => format!(
            "SELECT count(*), count(i.n), sum(i.amount), min(i.at), max(i.code), avg(i.qty)::numeric(20,6),
                count(DISTINCT i.grp), bool_or(i.state = 'done') FROM item i WHERE {condition}"
        ),
        1 => format!(
            "SELECT i.grp, i.state, count(*), sum(i.qty), array_agg(i.id ORDER BY i.id) FROM item i WHERE {condition}
                GROUP BY {}",
            d.pick(&[
                "i.grp, i.state",
                "ROLLUP (i.grp, i.state)",
                "GROUPING SETS ((i.grp), (i.state), (i.grp, i.state))"
            ])
        ),
        2 => format!(
            "SELECT i.grp, count(*) FROM item i WHERE {condition} GROUP BY 1 HAVING count(*) > {}",
            d.below(8)
        ),
        3 => format!(
            "SELECT {}(i.{}) FROM item i",
            d.pick(&["min", "max"]),
            d.pick(&["id", "amount", "code", "pos"])
        ),
        4 => format!(
            "SELECT i.id, row_number() OVER w, lag(i.id) OVER w, sum(i.amount) OVER (PARTITION BY i.grp) FROM item i
                WHERE {condition} WINDOW w AS (PARTITION BY i.grp ORDER BY i.amount NULLS FIRST, i.id)"
        ),
        5 => format!("SELECT DISTINCT i.state, i.tags FROM item i WHERE {condition}"),
        _ => "SELECT jsonb_object_agg(i.id, i.doc ORDER BY i.id), string_agg(i.label, ',' ORDER BY i.id DESC)
                FILTER (WHERE i.n > 4) FROM item i"
            .into(),
    };
    Statement::new("SELECT of aggregates", text)
}

fn joins(d: &mut Draw) -> Statement {
    let (items, parts) = (d.some_items(), d.some_parts());
    let text = match d.below(9) {
        0 => format!("SELECT i.id, p.id, p.sku FROM item i JOIN part p ON p.item = i.id WHERE {items}"),
        1 => format!("SELECT i.id, p.* FROM item i LEFT JOIN part p ON p.item = i.id AND {parts} WHERE {items}"),
        2 => format!(
            "SELECT a.id, b.id FROM (SELECT * FROM item i WHERE {items}) a
                FULL JOIN (SELECT * FROM part p WHERE {parts}) b
                ON a.id = b.item"
        ),
        3 => format!("SELECT i.id, (SELECT sum(p.qty) FROM part p WHERE p.item = i.id) FROM item i WHERE {items}"),
        4 => format!(
            "SELECT i.id, l.id FROM item i, LATERAL (SELECT p.id FROM part p WHERE p.item = i.id ORDER BY p.line DESC
                LIMIT 1) l WHERE {items}"
        ),
        5 => format!("SELECT a.id, b.id FROM item a JOIN item b ON b.id = a.up JOIN item i ON i.id = b.up OR {items}"),
        6 => format!(
            "SELECT p.id FROM part p WHERE {parts} AND EXISTS (SELECT FROM item i WHERE i.id = p.item AND {items})"
        ),
        7 => format!(
            "SELECT n.*, i.code, b.total FROM note n LEFT JOIN item i ON i.id = n.item LEFT JOIN bill b USING (item)
                WHERE {items} OR i.id IS NULL"
        ),
        _ => format!("SELECT x.id FROM item i JOIN item x ON x.ctid = i.ctid WHERE {items}"),
    };
    Statement::new("SELECT of joins", text)
}

fn events(d: &mut Draw) -> Statement {
    let condition = d.some_events();
    let table = d.pick(&["ev", "ev", "ev", "ev_1", "ev_2"]);
    let text = match d.below(6) {
        0 | 1 => format!("SELECT e.* FROM {table} e WHERE {condition}"),
        2 => format!("SELECT e.kind, count(*), sum(e.n) FROM {table} e WHERE {condition} GROUP BY 1"),
        3 => format!("SELECT a.id, a.day, e.n FROM {table} e JOIN ev a USING (id, day) WHERE {condition}"),
        4 => format!("SELECT min(e.day), max(e.n) FROM {table} e WHERE {condition}"),
        _ => {
            let limit = 1 + d.below(20);
            let text = format!(
                "SELECT e.id, e.day, e.n FROM {table} e WHERE {condition} ORDER BY {} LIMIT {limit}",
                d.pick(&[
                    "e.day, e.id",
                    "e.day DESC, e.id",
                    "e.n, e.id, e.day",
                    "e.id DESC, e.day"
                ])
            );
            return Statement::new("SELECT of partitions", text).ordered();
        }
    };
    Statement::new("SELECT of partitions", text)
}

fn others(d: &mut Draw) -> Statement {
    let (one, other, id) = (d.some_items(), d.some_items(), d.item());
    let text = match d.below(6) {
        0 => format!(
            "SELECT i.id, i.code FROM item i WHERE {one} {} SELECT i.id, i.code FROM item i WHERE {other}",
            d.pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        ),
        1 => format!(
            "WITH RECURSIVE ups AS (SELECT id, up, 0 AS depth FROM item WHERE id = {id}
                UNION ALL SELECT i.id, i.up, depth + 1 FROM ups JOIN item i ON i.id = ups.up WHERE depth < 20)
             SELECT * FROM ups"
        ),
        2 => format!(
            "WITH c AS MATERIALIZED (SELECT * FROM item i WHERE {one}) SELECT count(*), sum(c.amount) FROM c JOIN item i
                ON i.grp = c.grp AND {other}"
        ),
        3 => format!("SELECT i.id FROM item i WHERE i.ctid = (SELECT x.ctid FROM item x WHERE x.id = {id})"),
        4 => {
            let text = format!(
                "SELECT DISTINCT ON (i.grp) i.grp, i.id, i.amount FROM item i WHERE {one} ORDER BY i.grp, i.id DESC"
            );
            return Statement::new("other SELECT", text).ordered();
        }
        _ => format!("SELECT i.id, i.state FROM item i WHERE {one} AND i.qty > ALL (SELECT p.qty - 60 FROM part p)"),
    };
    Statement::new("other SELECT", text)
}
