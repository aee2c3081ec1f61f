//! What people and scripts do with an issue tracker in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "tracker",
    sql: include_str!("tracker.sql"),
    stretched: &[
        ("issue", "closed < '2025-01-01 00:00+00'"),
        ("comment", "at < '2025-01-01 00:00+00'"),
        ("change", "at < '2025-01-01 00:00+00'"),
        ("time_entry", "billed"),
        ("issue_label", "issue < 700"),
        ("attachment", "comment < 1200"),
    ],
    looser: ("issue", "closed < '2025-06-01 00:00+00'"),
    units: &[
        board,
        search,
        report,
        thread,
        history,
        tree,
        open,
        close,
        reopen,
        assign,
        renumber,
        comment,
        edit,
        label,
        pin,
        log_time,
        bill,
        merge_labels,
        move_project,
        remove,
        remove_account,
        duplicate,
        reorder,
        triage,
        export,
        import,
        through_view,
        next_task,
    ],
};

fn issue(d: &mut Draw) -> u32 {
    1 + d.below(920)
}

fn account(d: &mut Draw) -> u32 {
    1 + d.below(84)
}

fn project(d: &mut Draw) -> u32 {
    1 + d.below(12)
}

fn board(d: &mut Draw) -> Unit {
    Statement::new(
        "board",
        format!(
            "SELECT i.number, i.title, i.state, a.login, m.title, array_agg(l.name ORDER BY l.name)
             FROM issue i LEFT JOIN account a ON a.id = i.assignee LEFT JOIN milestone m ON m.id = i.milestone
                LEFT JOIN issue_label il ON il.issue = i.id LEFT JOIN label l ON l.id = il.label
             WHERE i.project = {} AND i.priority <= {} GROUP BY i.id, a.id, m.id
             ORDER BY i.priority, i.number LIMIT {}",
            project(d),
            1 + d.below(5),
            10 + d.below(60)
        ),
    )
    .ordered()
    .into()
}

fn search(d: &mut Draw) -> Unit {
    let small = d.below(6);
    let condition = match d.below(7) {
        0 => format!("fields @> '{{\"area\": {small}}}'"),
        1 => format!("fields ->> 'build' = 'b{small}' AND state <> 'closed'"),
        2 => format!("title ILIKE '%thing {small}%'"),
        5 => format!("found @@ to_tsquery('english', 'thing & text{small}:*')"),
        6 => format!("found @@ plainto_tsquery('english', 'text {small}7') AND ts_rank(found, 'text') > 0.01"),
        3 => format!("words = {} AND closed IS NOT NULL", small + 2),
        _ => format!(
            "state = ANY ('{{closed,open}}') AND weight BETWEEN {small} AND {}",
            small + 2
        ),
    };
    let text = format!("SELECT id, project, number, state, fields FROM issue WHERE {condition}");
    Statement::new("search", text).into()
}

fn report(d: &mut Draw) -> Unit {
    let text = match d.below(4) {
        0 => "SELECT * FROM project_load".to_owned(),
        1 => format!(
            "SELECT date_trunc('month', closed) AS month, state, count(*), avg(closed - opened), max(priority)
             FROM issue WHERE closed >= '2023-{:02}-01 00:00+00' GROUP BY ROLLUP (1, 2)",
            1 + d.below(12)
        ),
        2 => "SELECT a.login, count(DISTINCT i.id), sum(t.minutes) FILTER (WHERE NOT t.billed), sum(t.minutes)
              FROM account a JOIN time_entry t ON t.account = a.id JOIN issue i ON i.id = t.issue GROUP BY a.id"
            .to_owned(),
        _ => format!(
            "SELECT project, number, rank() OVER (PARTITION BY project ORDER BY weight DESC, number) FROM issue
             WHERE milestone IN (SELECT id FROM milestone WHERE place = {})",
            d.below(4)
        ),
    };
    Statement::new("report", text).into()
}

fn thread(d: &mut Draw) -> Unit {
    Statement::new(
        "thread",
        format!(
            "SELECT c.id, c.at, c.body, a.login, r.id, t.name, t.size FROM comment c LEFT JOIN account a ON a.id =
                c.author
                LEFT JOIN comment r ON r.id = c.reply_to LEFT JOIN attachment t ON t.comment = c.id
             WHERE c.issue = {} ORDER BY c.at, c.id, t.id",
            issue(d)
        ),
    )
    .ordered()
    .into()
}

fn history(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "SELECT * FROM change WHERE issue = {} AND at >= '2024-03-01 00:00+00'",
            issue(d)
        ),
        _ => format!(
            "SELECT issue, what, count(*), max(at) FROM change WHERE at BETWEEN '2023-{:02}-01 00:00+00' AND
                '2024-{:02}-01 00:00+00' GROUP BY 1, 2 HAVING count(*) > 1",
            1 + d.below(12),
            1 + d.below(12)
        ),
    };
    Statement::new("history", text).into()
}

fn tree(d: &mut Draw) -> Unit {
    Statement::new(
        "tree",
        format!(
            "WITH RECURSIVE below AS (SELECT id, parent, 0 AS depth FROM issue WHERE id = {}
                UNION ALL SELECT i.id, i.parent, b.depth + 1 FROM issue i JOIN below b ON i.parent = b.id)
             SELECT * FROM below",
            1 + d.below(60)
        ),
    )
    .into()
}

fn open(d: &mut Draw) -> Unit {
    let (project, number) = (project(d), if d.percent(70) { d.fresh() } else { d.below(70) });
    Statement::new(
        "open",
        format!(
            "INSERT INTO issue (project, number, title, reporter, parent, fields)
             VALUES ({project}, {number}, 'New thing', {}, {}, '{{\"area\": 1}}') RETURNING id, state, opened, words",
            account(d),
            issue(d)
        ),
    )
    .into()
}

fn close(d: &mut Draw) -> Unit {
    let state = d.pick(&["closed", "dropped"]);
    let text = match d.below(3) {
        0 => format!("UPDATE issue SET state = '{state}' WHERE id = {} RETURNING *", issue(d)),
        1 => format!(
            "UPDATE issue SET state = 'closed', closed = '2024-06-01 00:00+00' WHERE project = {} AND state = 'open'",
            project(d)
        ),
        _ => format!(
            "UPDATE issue i SET state = '{state}' FROM milestone m
             WHERE m.id = i.milestone AND m.id = {} AND i.state IN ('new', 'open') RETURNING i.id, m.title",
            1 + d.below(48)
        ),
    };
    Statement::new("close", text).into()
}

fn reopen(d: &mut Draw) -> Unit {
    let (id, who) = (issue(d), account(d));
    Unit::all(vec![
        Statement::new(
            "look before",
            format!("SELECT state FROM issue WHERE id = {id} FOR UPDATE"),
        ),
        Statement::new(
            "reopen",
            format!("UPDATE issue SET state = 'open', assignee = {who} WHERE id = {id} AND state = 'closed'"),
        ),
        Statement::new(
            "comment",
            format!("INSERT INTO comment (issue, author, body) SELECT id, {who}, 'again' FROM issue WHERE id = {id}"),
        ),
    ])
}

fn assign(d: &mut Draw) -> Unit {
    let (from, to) = (account(d), account(d));
    let text = format!(
        "UPDATE issue SET assignee = {to} WHERE assignee = {from} AND priority < 4 RETURNING id,
        state"
    );
    Statement::new("assign", text).into()
}

fn renumber(d: &mut Draw) -> Unit {
    let id = issue(d);
    let other = if d.percent(50) { d.fresh() } else { d.below(70) };
    let text = format!("UPDATE issue SET number = {other} WHERE id = {id}");
    Statement::new("renumber", text).into()
}

fn comment(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO comment (issue, author, reply_to, body, mentions) VALUES ({}, {}, {}, 'said', ARRAY['user-{}'])
         RETURNING id, at",
        issue(d),
        account(d),
        1 + d.below(1520),
        d.below(9)
    );
    Statement::new("comment", text).into()
}

fn edit(d: &mut Draw) -> Unit {
    let id = 1 + d.below(1500);
    let text = match d.below(3) {
        0 => format!(
            "UPDATE comment SET body = body || ' (edited)', mentions = array_append(mentions, 'user-x') WHERE id =
            {id}"
        ),
        1 => format!(
            "UPDATE comment SET reply_to = id - 1 WHERE issue = {} AND id > 1 RETURNING id",
            issue(d)
        ),
        _ => format!("DELETE FROM comment WHERE id = {id} RETURNING *"),
    };
    Statement::new("edit", text).into()
}

fn label(d: &mut Draw) -> Unit {
    let (issue, label) = (issue(d), 1 + d.below(60));
    let text = match d.below(3) {
        0 => format!("INSERT INTO issue_label VALUES ({issue}, {label}) ON CONFLICT DO NOTHING"),
        1 => format!(
            "INSERT INTO issue_label SELECT id, {label} FROM issue WHERE project = 3 ON CONFLICT DO
            NOTHING"
        ),
        _ => format!("DELETE FROM issue_label WHERE issue = {issue} RETURNING *"),
    };
    Statement::new("label", text).into()
}

fn pin(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE issue SET fields = fields || '{{\"pin\": {}}}' WHERE id = {} RETURNING fields",
        45 * (1 + d.below(20)),
        issue(d)
    );
    Statement::new("pin", text).into()
}

fn log_time(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO time_entry (issue, account, day, minutes) VALUES ({}, {}, clock()::date, {})
         ON CONFLICT (issue, account) WHERE NOT billed DO UPDATE SET minutes = time_entry.minutes + excluded.minutes
         RETURNING issue, account, minutes",
        1 + d.below(200) * 5,
        1 + d.below(80),
        d.below(90)
    );
    Statement::new("log time", text).into()
}

fn bill(d: &mut Draw) -> Unit {
    let day = d.below(780);
    let text = match d.below(2) {
        0 => format!(
            "UPDATE time_entry SET billed = true WHERE NOT billed AND day < date '2024-12-01' + {day} %
            100"
        ),
        _ => format!(
            "UPDATE time_entry SET billed = false WHERE day BETWEEN date '2023-01-01' + {day} AND
                date '2023-01-03' + {day} RETURNING *"
        ),
    };
    Statement::new("bill", text).into()
}

fn merge_labels(d: &mut Draw) -> Unit {
    let (from, to) = (1 + d.below(60), 1 + d.below(60));
    let text = format!(
        "MERGE INTO issue_label t USING (SELECT issue FROM issue_label WHERE label = {from}) s
            ON t.issue = s.issue AND t.label = {to}
         WHEN NOT MATCHED THEN INSERT VALUES (s.issue, {to})
         WHEN MATCHED AND t.issue % 2 = 0 THEN DELETE"
    );
    Statement::new("merge labels", text).into()
}

fn move_project(d: &mut Draw) -> Unit {
    let (id, to) = (issue(d), project(d));
    let text = format!(
        "UPDATE issue SET project = {to}, number = 1 + (SELECT max(number) FROM issue WHERE project = {to}),
            milestone = NULL WHERE id = {id} OR (parent = {id} AND false) RETURNING id, project, number"
    );
    Statement::new("move", text).into()
}

fn remove(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!("DELETE FROM issue WHERE id = {} RETURNING id", issue(d)),
        1 => format!(
            "DELETE FROM issue i WHERE state = 'dropped' AND NOT EXISTS (SELECT FROM time_entry t WHERE t.issue =
                i.id)
             AND i.id BETWEEN {0} AND {0} + 30 RETURNING i.id",
            issue(d)
        ),
        _ => format!(
            "DELETE FROM change WHERE at < '2023-01-{:02} 00:00+00' AND issue % 3 = 0",
            1 + d.below(28)
        ),
    };
    Statement::new("remove", text).into()
}

fn remove_account(d: &mut Draw) -> Unit {
    let id = 1 + d.below(80);
    Unit::all(vec![
        Statement::new(
            "leave",
            format!("UPDATE account SET active = false, email = NULL WHERE id = {id}"),
        ),
        Statement::new(
            "leave",
            format!("UPDATE time_entry SET account = 1 WHERE account = {id} AND billed"),
        ),
        Statement::new(
            "remove account",
            format!("DELETE FROM account WHERE id = {id} AND id > 70"),
        ),
    ])
}

fn duplicate(d: &mut Draw) -> Unit {
    // The other issue is there at the commit alone, or not at all.
    let (id, new, number) = (issue(d), d.fresh(), d.fresh());
    let other = if d.percent(70) { new } else { new + 100_000 };
    Unit::all(vec![
        Statement::new(
            "duplicate",
            format!("UPDATE issue SET duplicate_of = {other} WHERE id = {id}"),
        ),
        Statement::new(
            "open",
            format!("INSERT INTO issue (id, project, number, title) VALUES ({new}, 2, {number}, 'The same')"),
        ),
    ])
}

fn reorder(d: &mut Draw) -> Unit {
    let project = project(d);
    let text = format!("UPDATE milestone SET place = 3 - place WHERE project = {project} AND place < 4");
    Unit::all(vec![
        Statement::new("reorder", text),
        Statement::new(
            "reorder",
            format!(
                "INSERT INTO milestone (project, title, place) VALUES ({project}, 'Next', {}) RETURNING place",
                d.below(8)
            ),
        ),
    ])
}

fn triage(d: &mut Draw) -> Unit {
    let text = format!(
        "WITH old AS (SELECT id FROM issue WHERE state = 'new' AND project = {} ORDER BY opened, id LIMIT 3 FOR
            UPDATE),
            said AS (INSERT INTO comment (issue, author, body) SELECT id, 1, 'triaged' FROM old ORDER BY id
                RETURNING issue)
         UPDATE issue SET state = 'open', priority = 2 WHERE id IN (SELECT issue FROM said) RETURNING id",
        project(d)
    );
    Statement::new("triage", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(3) {
        0 => "COPY time_entry TO STDOUT (FORMAT csv, HEADER)".to_owned(),
        1 => format!("COPY (SELECT * FROM issue WHERE project = {}) TO STDOUT", project(d)),
        _ => "COPY change_2023 (issue, at, what) TO STDOUT".to_owned(),
    })
    .into()
}

fn import(d: &mut Draw) -> Unit {
    let mut lines = String::new();
    for _ in 0..1 + d.below(6) {
        let number = if d.percent(92) { d.fresh() } else { d.below(70) };
        lines += &format!(
            "{}\t{number}\tImported issue\tclosed\t2024-0{}-11 00:00+00\n",
            project(d),
            1 + d.below(9)
        );
    }
    Statement::copy_in("COPY issue (project, number, title, state, closed) FROM STDIN", lines).into()
}

fn through_view(d: &mut Draw) -> Unit {
    let id = issue(d);
    let text = match d.below(3) {
        0 => {
            format!(
                "UPDATE open_issue SET priority = 1 + priority % 5 WHERE id BETWEEN {id} AND {id} + 20 RETURNING
                *"
            )
        }
        1 => format!("DELETE FROM open_issue WHERE id BETWEEN {id} AND {id} + 5"),
        _ => format!("SELECT * FROM open_issue WHERE assignee = {} FOR SHARE", account(d)),
    };
    Statement::new("through a view", text).into()
}

/// Two people look for something to do.
fn next_task(d: &mut Draw) -> Unit {
    let next = |limit: u32, policy: &str| {
        format!(
            "SELECT id, number FROM issue WHERE state IN ('new', 'closed') AND project = 4 ORDER BY priority, id
             LIMIT {limit} FOR UPDATE {policy}"
        )
    };
    let id = issue(d);
    Unit::all(vec![
        Statement::new("next", next(1 + d.below(5), "SKIP LOCKED")).ordered(),
        Statement::new(
            "next",
            format!("UPDATE issue SET assignee = 5 WHERE id = {id} RETURNING id"),
        ),
    ])
    .beside(
        vec![Statement::new("next", next(1 + d.below(9), "SKIP LOCKED")).ordered()],
        vec![Statement::new(
            "next",
            "UPDATE issue SET weight = 7 WHERE project = 4 AND priority = 1",
        )],
    )
}
