//! What a workflow engine, its workers and its operators do in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "workflow",
    sql: include_str!("workflow.sql"),
    stretched: &[
        ("process", "ended < '2024-12-01 00:00+00'"),
        ("step", "ended < '2024-12-01 00:00+00'"),
        ("job", "state = 'done'"),
        ("variable", "written < '2024-12-01 00:00+00'"),
        ("event", "at < '2024-12-01 00:00+00'"),
        ("subscription", "used"),
        ("timer", "fired"),
    ],
    looser: ("job", "state IN ('done', 'dead')"),
    units: &[
        archive,
        wake,
        overview,
        slow,
        instance,
        variables,
        events,
        start,
        take,
        finish,
        fail,
        retry,
        dead,
        optimistic,
        set_variable,
        merge_variables,
        correlate,
        fire,
        cancel,
        call,
        restart,
        resolve,
        renumber,
        retention,
        rekey,
        migrate_version,
        export,
        recount,
        skip_step,
        move_time,
    ],
};

fn process(d: &mut Draw) -> u32 {
    1 + d.below(740)
}

fn job(d: &mut Draw) -> u32 {
    1 + d.below(700)
}

/// A procedure that commits within its loop.
fn archive(d: &mut Draw) -> Unit {
    let text = format!("CALL archive('topic-{}', {})", d.below(4), d.below(10));
    Statement::new("archive", text).into()
}

/// A function that changes rows under its cursor.
fn wake(d: &mut Draw) -> Unit {
    let text = format!("SELECT * FROM wake('topic-{}', {})", d.below(4), 1 + d.below(9));
    Statement::new("wake", text).into()
}

fn overview(d: &mut Draw) -> Unit {
    let text = match d.below(4) {
        0 => "SELECT definition, state, count(*), avg(took), max(revision) FROM process GROUP BY CUBE (definition,
            state)"
            .to_owned(),
        1 => "SELECT * FROM running".to_owned(),
        2 => format!(
            "SELECT topic, state, count(*), min(due) FROM job WHERE tries < {} GROUP BY topic, state HAVING count(*)
                > 2",
            1 + d.below(4)
        ),
        _ => "SELECT s.name, s.result ->> 'code' AS code, count(*), count(s.ended) FROM step s JOIN process p ON
            p.id = s.process
              WHERE p.state <> 'running' GROUP BY 1, 2"
            .to_owned(),
    };
    Statement::new("overview", text).into()
}

fn slow(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT id, definition, took FROM process WHERE took > interval '{} hours' ORDER BY took DESC, id LIMIT 20",
        6 + d.below(20)
    );
    Statement::new("slowest", text).ordered().into()
}

fn instance(d: &mut Draw) -> Unit {
    let id = process(d);
    let text = match d.below(3) {
        0 => format!(
            "SELECT p.*, s.*, j.state, j.tries, i.message FROM process p LEFT JOIN step s ON s.process = p.id
                LEFT JOIN job j ON j.step = s.id LEFT JOIN incident i ON i.job = j.id WHERE p.id = {id}"
        ),
        1 => format!("SELECT * FROM process WHERE definition = 'flow-1' AND lower(business_key) = 'case-{id}'"),
        _ => format!(
            "WITH RECURSIVE up AS (SELECT id, parent, state FROM process WHERE id = {id}
                UNION SELECT p.id, p.parent, p.state FROM process p JOIN up ON up.parent = p.id) SELECT * FROM up"
        ),
    };
    Statement::new("instance", text).into()
}

fn variables(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!("SELECT name, value FROM variable WHERE process = {}", process(d)),
        1 => format!(
            "SELECT process FROM variable WHERE value @> '{{\"a\": {}}}' AND name = 'v1'",
            d.below(9)
        ),
        _ => format!(
            "SELECT p.id, jsonb_object_agg(v.name, v.value ORDER BY v.name) FROM process p JOIN variable v ON
                v.process = p.id
             WHERE p.state = 'failed' AND p.id % 7 = {} GROUP BY p.id",
            d.below(7)
        ),
    };
    Statement::new("variables", text).into()
}

fn events(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!("SELECT * FROM event WHERE process = {} ORDER BY at, number", process(d)),
        _ => format!(
            "SELECT date_trunc('month', at), what, count(*) FROM event
             WHERE at >= '202{}-0{}-15 00:00+00' GROUP BY 1, 2 ORDER BY 1, 2",
            3 + d.below(2),
            1 + d.below(9)
        ),
    };
    Statement::new("events", text).ordered().into()
}

fn start(d: &mut Draw) -> Unit {
    let (id, step) = (d.fresh(), d.fresh());
    let key = if d.percent(70) { d.fresh() } else { process(d) };
    Unit::all(vec![
        Statement::new(
            "start",
            format!(
                "INSERT INTO process (id, definition, version, business_key, step)
                 SELECT {id}, name, version, 'CASE-{key}', {step} FROM definition WHERE name = 'flow-{}' AND latest
                     RETURNING *",
                1 + d.below(5)
            ),
        ),
        Statement::new(
            "start",
            format!(
                "INSERT INTO step (id, process, name, number) VALUES ({step}, {id}, 'first',
            0)"
            ),
        ),
        Statement::new(
            "start",
            format!(
                "INSERT INTO job (step, topic, dedup) VALUES ({step}, 'topic-1', 'd{}') RETURNING id, tries",
                d.below(400)
            ),
        ),
        Statement::new(
            "event",
            format!("INSERT INTO event VALUES ({id}, clock(), 0, 'started')"),
        ),
    ])
}

fn next(limit: u32, topic: u32, policy: &str) -> Statement {
    Statement::new(
        "take",
        format!(
            "UPDATE job SET state = 'taken', worker = 'w1', tries = tries + 1,
                lease = tstzrange(clock(), clock() + interval '5 min')
             WHERE id IN (SELECT id FROM job WHERE state = 'ready' AND topic = 'topic-{topic}' AND due <= clock()
                ORDER BY due, id LIMIT {limit} FOR UPDATE {policy}) RETURNING id, payload, lease"
        ),
    )
}

/// Two workers take from one queue.
fn take(d: &mut Draw) -> Unit {
    let topic = d.below(4);
    let (mine, others) = (1 + d.below(6), 1 + d.below(4));
    let unit: Unit = next(mine, topic, "SKIP LOCKED").into();
    unit.beside(
        vec![next(others, topic, "SKIP LOCKED")],
        vec![Statement::new(
            "take",
            "UPDATE job SET state = 'ready' WHERE state = 'taken' AND worker = 'w1'",
        )],
    )
}

fn finish(d: &mut Draw) -> Unit {
    let topic = d.below(4);
    Unit::all(vec![
        next(3, topic, "SKIP LOCKED"),
        Statement::new(
            "finish",
            "WITH done AS (UPDATE job SET state = 'done', lease = NULL WHERE state = 'taken' AND worker = 'w1'
                RETURNING step)
             UPDATE step SET ended = clock(), result = '{\"code\": 0}' WHERE id IN (SELECT step FROM done) RETURNING
                 id",
        ),
    ])
}

fn fail(d: &mut Draw) -> Unit {
    let text = format!(
        "WITH failed AS (UPDATE job SET state = CASE WHEN tries > 2 THEN 'dead' ELSE 'ready' END, tries = tries + 1
            WHERE id BETWEEN {0} AND {0} + 10 AND state IN ('ready', 'taken', 'done') AND id % 3 = 0 RETURNING id)
         INSERT INTO incident (job, message) SELECT id, 'again' FROM failed ORDER BY id
            ON CONFLICT (job) WHERE NOT closed DO UPDATE SET message = incident.message || '+' RETURNING job,
                message",
        job(d)
    );
    Statement::new("fail", text).into()
}

fn retry(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE job SET state = 'ready', tries = 0 WHERE id = {} RETURNING id, topic",
            job(d)
        ),
        _ => format!(
            "UPDATE job SET tries = tries + 12 WHERE step = {} AND tries > 0",
            1 + 3 * job(d)
        ),
    };
    Statement::new("retry", text).into()
}

fn dead(d: &mut Draw) -> Unit {
    let id = job(d);
    Unit::all(vec![
        Statement::new(
            "dead",
            format!("SELECT id, state, tries FROM job WHERE id = {id} FOR NO KEY UPDATE NOWAIT"),
        ),
        Statement::new("dead", format!("UPDATE job SET state = 'dead' WHERE id = {id}")),
        Statement::new(
            "dead",
            format!("UPDATE process SET state = 'failed', ended = clock() WHERE id = {id} RETURNING id"),
        ),
    ])
    .beside(
        vec![Statement::new(
            "hold",
            format!(
                "SELECT id FROM job WHERE id IN ({}, {}) FOR UPDATE",
                id + d.below(2),
                job(d)
            ),
        )],
        vec![],
    )
}

/// With a revision in the condition, as a version that was read.
fn optimistic(d: &mut Draw) -> Unit {
    let (id, revision) = (process(d), 1 + d.below(3));
    let text = format!(
        "UPDATE process SET business_key = business_key || '.' WHERE id = {id} AND revision = {revision} RETURNING
            revision"
    );
    Statement::new("optimistic", text).into()
}

fn set_variable(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "INSERT INTO variable VALUES ({}, 'v{}', '{{\"a\": 1}}') ON CONFLICT (process, name)
             DO UPDATE SET value = variable.value || excluded.value, written = excluded.written RETURNING *",
            process(d),
            d.below(4)
        ),
        1 => format!(
            "INSERT INTO variable SELECT id, 'v0', to_jsonb(revision) FROM process WHERE state = 'waiting' AND id %
                5 = {}
             ON CONFLICT DO NOTHING",
            d.below(5)
        ),
        _ => format!(
            "UPDATE variable SET value = value || '{{\"b\": [1]}}' WHERE process = {} AND name = 'v1'",
            process(d)
        ),
    };
    Statement::new("set variable", text).into()
}

fn merge_variables(d: &mut Draw) -> Unit {
    let (from, to) = (process(d), 1 + d.below(700));
    let text = format!(
        "MERGE INTO variable t USING (SELECT * FROM variable WHERE process = {from}) s ON t.process = {to} AND
            t.name = s.name
         WHEN MATCHED AND s.value = 'null' THEN DELETE
         WHEN MATCHED THEN UPDATE SET value = s.value
         WHEN NOT MATCHED THEN INSERT VALUES ({to}, s.name, s.value)"
    );
    Statement::new("merge variables", text).into()
}

fn correlate(d: &mut Draw) -> Unit {
    let n = 1 + d.below(360);
    let text = match d.below(3) {
        0 => format!(
            "UPDATE subscription SET used = true WHERE message = 'message-{}' AND md5(correlation) = md5('k{n}')
             AND NOT used RETURNING process",
            n % 6
        ),
        1 => format!(
            "INSERT INTO subscription VALUES ({}, {}, 'message-{}', 'k{n}') ON CONFLICT (message, md5(correlation))
                WHERE NOT used
             DO UPDATE SET process = excluded.process RETURNING *",
            if d.percent(80) { d.fresh() } else { n },
            1 + d.below(700),
            n % 6
        ),
        _ => format!("UPDATE subscription SET used = false WHERE id BETWEEN {n} AND {n} + 4 RETURNING id, used"),
    };
    Statement::new("correlate", text).into()
}

fn fire(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE timer SET fired = true WHERE (process, name) IN (SELECT process, name FROM timer WHERE NOT fired
                ORDER BY fires, process LIMIT {} FOR UPDATE SKIP LOCKED) RETURNING *",
            1 + d.below(9)
        ),
        _ => format!(
            "UPDATE timer SET fired = false, fires = clock() WHERE process = {} RETURNING *",
            process(d) | 1
        ),
    };
    Statement::new("fire", text).into()
}

fn cancel(d: &mut Draw) -> Unit {
    let id = process(d);
    Unit::all(vec![
        Statement::new(
            "cancel",
            format!(
                "WITH RECURSIVE below AS (SELECT id FROM process WHERE id = {id}
                    UNION ALL SELECT p.id FROM process p JOIN below b ON p.parent = b.id)
                 UPDATE process SET state = 'cancelled', ended = clock(), step = NULL
                 WHERE id IN (SELECT id FROM below) AND state <> 'done' RETURNING id, took"
            ),
        ),
        Statement::new(
            "cancel",
            format!("DELETE FROM timer WHERE process = {id} RETURNING name"),
        ),
        Statement::new("cancel", format!("DELETE FROM subscription WHERE process = {id}")),
    ])
}

fn call(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO process (definition, version, business_key, parent)
         SELECT definition, version, business_key || '/sub', id FROM process WHERE id BETWEEN {0} AND {0} + 2 AND
             parent IS NULL
         ORDER BY id RETURNING id, parent, state",
        process(d)
    );
    Statement::new("call", text).into()
}

fn restart(d: &mut Draw) -> Unit {
    let id = 1 + d.below(720);
    Unit::all(vec![
        Statement::new(
            "restart",
            format!(
                "UPDATE process SET state = 'running', ended = NULL, step = {} WHERE id = {id} AND state IN
                    ('failed', 'done')
                 RETURNING *",
                id * 3 + d.below(3)
            ),
        ),
        Statement::new(
            "restart",
            format!(
                "UPDATE step SET ended = NULL, result = NULL WHERE process = {id} AND
            number = 2"
            ),
        ),
    ])
}

fn resolve(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE incident SET closed = NOT closed WHERE job IN (SELECT id FROM job WHERE topic = 'topic-{}' AND id %
            11 = {})",
        d.below(4),
        d.below(11)
    );
    Statement::new("resolve", text).into()
}

/// The numbers of steps are exchanged within one statement.
fn renumber(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE step SET number = {} - number WHERE process = {} RETURNING id, number",
        2 + d.below(2),
        process(d)
    );
    Unit::all(vec![
        Statement::new("renumber", text),
        Statement::new(
            "renumber",
            format!("UPDATE step SET number = 1 WHERE id = {}", 3 + 3 * d.below(700)),
        ),
    ])
}

fn retention(d: &mut Draw) -> Unit {
    let day = d.below(60);
    let text = match d.below(3) {
        0 => format!(
            "DELETE FROM process WHERE state IN ('done', 'cancelled') AND ended < '2023-01-01 00:00+00'::timestamptz
                + {day} % 20 * interval '1 day' RETURNING id"
        ),
        1 => format!("DELETE FROM event WHERE at < '2023-01-01 00:00+00'::timestamptz + {day} * interval '1 day'"),
        _ => format!(
            "WITH old AS (SELECT ctid AS place FROM job WHERE state = 'done' ORDER BY due, id LIMIT {day})
             DELETE FROM job USING old WHERE job.ctid = old.place RETURNING id, dedup"
        ),
    };
    Statement::new("retention", text).into()
}

/// The key of a process changes, and its variables follow; other tables are in the way.
fn rekey(d: &mut Draw) -> Unit {
    let (id, new) = (process(d), d.fresh());
    Unit::all(vec![
        Statement::new("rekey", format!("DELETE FROM timer WHERE process = {id}")),
        Statement::new("rekey", format!("UPDATE step SET process = {new} WHERE process = {id}")),
        Statement::new(
            "rekey",
            format!("UPDATE process SET id = {new} WHERE id = {id} RETURNING id, state"),
        ),
    ])
}

fn migrate_version(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE process p SET version = d.version FROM definition d WHERE d.name = p.definition AND d.latest
         AND p.definition = 'flow-{}' AND p.version = {} AND p.id % 5 = {} RETURNING p.id, p.version",
        1 + d.below(5),
        1 + d.below(3),
        d.below(5)
    );
    Statement::new("migrate", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(3) {
        0 => "COPY event_2023 TO STDOUT".to_owned(),
        1 => "COPY job (id, topic, state, lease, payload) TO STDOUT (FORMAT csv)".to_owned(),
        _ => format!("COPY (SELECT * FROM step WHERE process > {}) TO STDOUT", process(d)),
    })
    .into()
}

fn recount(_: &mut Draw) -> Unit {
    let text =
        "SELECT s.*, s.processes - count(p.id) AS off FROM statistic s LEFT JOIN process p USING (definition, state)
                GROUP BY s.definition, s.state ORDER BY 1, 2";
    Statement::new("recount", text).ordered().into()
}

fn skip_step(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE process p SET step = s.id FROM step s WHERE s.process = p.id AND s.number = 1 AND p.state =
            'waiting' AND p.id % 9 = {}
         RETURNING p.id, s.name, p.revision",
        d.below(9)
    );
    Statement::new("skip step", text).into()
}

/// Events change their partition.
fn move_time(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE event SET at = at + interval '1 year' WHERE process BETWEEN {0} AND {0} + 3 AND at <
            '2025-01-01 00:00+00'
         RETURNING *, tableoid::regclass",
        process(d)
    );
    Statement::new("move in time", text).into()
}
