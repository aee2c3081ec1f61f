//! What agents write, boards show and people acknowledge in a monitoring system in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "metrics",
    sql: include_str!("metrics.sql"),
    stretched: &[
        ("sample", "at < '2025-02-01 00:00+00'"),
        ("rollup", "day < '2025-02-01'"),
        ("alert", "ended < '2025-02-01 00:00+00'"),
        ("notification", "state = 'sent'"),
        ("annotation", "at < '2025-01-20 00:00+00'"),
        ("series", "stale"),
        ("silence", "upper(during) < '2025-02-01 00:00+00'"),
    ],
    looser: ("rollup", "day < '2025-06-01'"),
    units: &[
        upkeep,
        mute,
        partitions,
        worst,
        snapshot,
        graph,
        top,
        board,
        gaps,
        firing,
        write,
        write_many,
        late,
        correct,
        roll_up,
        roll_up_again,
        series,
        relabel,
        stale,
        raise,
        end,
        acknowledge,
        deliver,
        causes,
        silence,
        boards,
        reorder,
        note,
        rename_metric,
        retire,
        downsample,
        retention,
        export,
        rules,
        history,
    ],
};

fn series_id(d: &mut Draw) -> u32 {
    1 + d.below(164)
}

fn alert(d: &mut Draw) -> u32 {
    1 + d.below(570)
}

/// Any moment of the samples.
fn moment(d: &mut Draw) -> String {
    format!(
        "(timestamptz '2024-11-01 00:00+00' + interval '{} hours')",
        d.below(2900)
    )
}

fn graph(d: &mut Draw) -> Unit {
    let (from, to) = (moment(d), moment(d));
    let text = match d.below(3) {
        0 => format!(
            "SELECT at, kind, value FROM sample WHERE series = {} AND at BETWEEN {from} AND {to} ORDER BY
            at",
            series_id(d)
        ),
        1 => format!(
            "SELECT date_bin('6 hours', at, '2024-01-01 00:00+00') AS bin, count(*), max(value) FROM sample
             WHERE at >= {from} AND kind = 'raw' GROUP BY bin ORDER BY bin"
        ),
        _ => format!(
            "SELECT series, at, value - lag(value) OVER (PARTITION BY series ORDER BY at) FROM sample WHERE series
                IN ({}, {})
             AND at < {to} ORDER BY series, at",
            series_id(d),
            series_id(d)
        ),
    };
    Statement::new("graph", text).ordered().into()
}

/// For each host what a subquery finds that depends on it.
fn worst(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT h.name, w.at, w.value, a.severity FROM host h CROSS JOIN LATERAL (SELECT v.series, v.at, v.value
            FROM sample v
            JOIN series s ON s.id = v.series WHERE s.host = h.id AND v.at < {} ORDER BY v.value DESC, v.at, v.series
                LIMIT 2) w
         LEFT JOIN LATERAL (SELECT severity FROM alert WHERE series = w.series ORDER BY began DESC, id LIMIT 1) a ON
             true
         WHERE h.site = 'site{}'",
        moment(d),
        d.below(5)
    );
    Statement::new("worst", text).into()
}

/// A table for the transaction alone, filled from the big ones.
fn snapshot(d: &mut Draw) -> Unit {
    let moment = moment(d);
    Unit::all(vec![
        Statement::new(
            "snapshot",
            format!(
                "CREATE TEMP TABLE picked ON COMMIT DROP AS SELECT * FROM sample WHERE at > {moment} AND series %
                7 = 2"
            ),
        ),
        Statement::new(
            "snapshot",
            "UPDATE sample v SET value = 0 FROM picked s WHERE (v.series, v.at, v.kind) =
            (s.series, s.at, s.kind) AND s.value > 100",
        ),
        Statement::new(
            "snapshot",
            "SELECT kind, count(*), max(value) FROM picked GROUP BY kind",
        ),
        Statement::new(
            "snapshot",
            format!(
                "SELECT DISTINCT ON (series) series, at, value FROM sample WHERE at >
            {moment} ORDER BY series, at DESC, kind"
            ),
        ),
    ])
}

/// What an administrator does to tables beside migrations.
fn upkeep(d: &mut Draw) -> Unit {
    let text = d.pick(&[
        "CREATE INDEX IF NOT EXISTS sample_value ON sample (value)",
        "DROP INDEX IF EXISTS sample_value",
        "REINDEX TABLE alert",
        "REINDEX TABLE sample",
        "VACUUM FULL annotation",
        "CLUSTER rollup USING rollup_pkey",
        "ALTER TABLE rollup ADD CONSTRAINT low CHECK (low <= high) NOT VALID",
        "ALTER TABLE rollup VALIDATE CONSTRAINT low",
        "ALTER TABLE rollup DROP CONSTRAINT low",
        "ALTER TABLE alert ALTER acknowledged_by SET DEFAULT 'nobody'",
        "ALTER TABLE alert ALTER COLUMN severity SET STATISTICS 300",
        "CREATE STATISTICS IF NOT EXISTS labelled ON metric, host FROM series",
        "ALTER TABLE sample_2024_12 SET (autovacuum_enabled = off, fillfactor = 70)",
        "TRUNCATE sample_2024_12",
    ]);
    Statement::new("upkeep", text).into()
}

/// A partition goes and comes again, empty or with its rows.
fn partitions(d: &mut Draw) -> Unit {
    let (name, from, to) = d.pick(&[
        ("sample_2024_11", "2024-11-01", "2024-12-01"),
        ("sample_2024_12", "2024-12-01", "2025-01-01"),
    ]);
    let bounds = format!("FOR VALUES FROM ('{from} 00:00+00') TO ('{to} 00:00+00')");
    let [out, back] = if d.percent(50) {
        [
            format!("DROP TABLE {name}"),
            format!("CREATE TABLE {name} PARTITION OF sample {bounds}"),
        ]
    } else {
        [
            format!("ALTER TABLE sample DETACH PARTITION {name}"),
            format!("ALTER TABLE sample ATTACH PARTITION {name} {bounds}"),
        ]
    };
    Unit::all(vec![
        Statement::new("partitions", out),
        Statement::new("partitions", "SELECT count(*), min(at) FROM sample"),
        Statement::new("partitions", back),
        Statement::new(
            "partitions",
            format!(
                "INSERT INTO sample SELECT id, '{from} 12:00+00', 'new', id FROM series WHERE id % 4 = 1 ON
                CONFLICT DO NOTHING"
            ),
        ),
    ])
}

fn top(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT h.name, s.metric, s.labels, max(v.value) AS peak, count(*) FROM sample v JOIN series s ON s.id =
            v.series
            JOIN host h ON h.id = s.host WHERE h.tags @> ARRAY['rack{}'] AND v.at > {}
         GROUP BY h.id, s.id ORDER BY peak DESC, s.id LIMIT 10",
        d.below(4),
        moment(d)
    );
    Statement::new("top", text).ordered().into()
}

fn board(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT r.day, s.metric, sum(r.n), min(r.low), max(r.high), sum(r.mean) FROM rollup r JOIN series s ON s.id
            = r.series
         WHERE s.labels @> '{{\"core\": {}}}' AND r.day >= {}::date GROUP BY ROLLUP (r.day, s.metric)",
        d.below(6),
        moment(d)
    );
    Statement::new("board", text).into()
}

fn gaps(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT g.at, s.id FROM generate_series(timestamp '2024-11-10', '2025-02-10', '9 days') g (at) CROSS JOIN
            series s
         LEFT JOIN rollup r ON r.series = s.id AND r.day = g.at::date WHERE r.n IS NULL AND s.host = {}",
        1 + d.below(40)
    );
    Statement::new("gaps", text).into()
}

fn firing(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => "SELECT * FROM firing".to_owned(),
        1 => format!(
            "SELECT id, severity, period FROM alert WHERE period @> {} AND severity >= 'warning'",
            moment(d)
        ),
        _ => "SELECT severity, count(*), count(ended), max(ended - began), array_agg(DISTINCT rule) FROM alert GROUP
            BY severity"
            .to_owned(),
    };
    Statement::new("firing", text).into()
}

fn write(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO sample VALUES ({0}, clock(), 'raw', {1}), ({0}, clock(), 'max', {1}) RETURNING *,
            tableoid::regclass",
        series_id(d),
        d.below(100)
    );
    Statement::new("write", text).into()
}

fn write_many(d: &mut Draw) -> Unit {
    let mut lines = String::new();
    let (day, hour) = (1 + d.below(27), d.below(24));
    let series = 1 + d.below(150);
    for n in 0..1 + d.below(10) {
        let month = d.pick(&["2025-02", "2025-03", "2024-12", "2025-01"]);
        lines += &format!(
            "{}\t{month}-{day:02} {hour:02}:30:{n:02}+00\traw\t{}.5\n",
            series + n,
            d.below(99)
        );
    }
    Statement::copy_in("COPY sample FROM STDIN", lines).into()
}

/// What comes late meets what is there.
fn late(d: &mut Draw) -> Unit {
    let hour = 1 + d.below(2880);
    let action = d.pick(&[
        "NOTHING",
        "UPDATE SET value = greatest(sample.value, excluded.value) + 1",
    ]);
    let text = format!(
        "INSERT INTO sample SELECT 1 + g % 160, '2024-11-01 00:00+00'::timestamptz + g * interval '1 hour', 'raw', 50
         FROM generate_series({hour}, {hour} + 5) g ON CONFLICT (series, at, kind) DO {action} RETURNING series, at,
             value"
    );
    Statement::new("late", text).into()
}

fn correct(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "UPDATE sample SET value = -value WHERE series = {} AND at < {} RETURNING at, value",
            series_id(d),
            moment(d)
        ),
        1 => format!(
            "UPDATE sample SET kind = 'fixed' WHERE at = {} RETURNING *, tableoid::regclass",
            moment(d)
        ),
        _ => format!(
            "UPDATE sample SET at = at + interval '31 days 1 second' WHERE series = {} AND kind = 'max' AND at <
                '2025-01-01 00:00+00'
             RETURNING at, tableoid::regclass",
            series_id(d)
        ),
    };
    Statement::new("correct", text).into()
}

fn roll_up(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO rollup (series, day, n, low, high, total)
         SELECT series, at::date, count(*), min(value), max(value), sum(value::numeric) FROM sample WHERE series
             BETWEEN {0} AND {0} + 4
         GROUP BY 1, 2 ON CONFLICT (series, day) DO UPDATE SET n = excluded.n, low = excluded.low, high =
             excluded.high,
            total = excluded.total WHERE rollup.n <> excluded.n OR rollup.total <> excluded.total RETURNING series,
                day, mean",
        series_id(d)
    );
    Statement::new("roll up", text).into()
}

fn roll_up_again(d: &mut Draw) -> Unit {
    let text = format!(
        "MERGE INTO rollup t USING (SELECT series, at::date AS day, count(*) AS n, sum(value::numeric) AS total FROM
            sample
            WHERE at::date = {}::date GROUP BY 1, 2) s ON t.series = s.series AND t.day = s.day
         WHEN MATCHED AND t.n = s.n THEN DO NOTHING
         WHEN MATCHED THEN UPDATE SET n = s.n, total = s.total
         WHEN NOT MATCHED THEN INSERT (series, day, n, total) VALUES (s.series, s.day, s.n, s.total)",
        moment(d)
    );
    Statement::new("roll up", text).into()
}

fn series(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO series (metric, host, labels, last_seen) VALUES ('{}', {},
            '{{\"core\": {}, \"job\": \"j{}\"}}', clock())
         ON CONFLICT (metric, host, labels) DO UPDATE SET last_seen = excluded.last_seen, stale = false
         RETURNING metric, host, labels, stale",
        d.pick(&["cpu_load", "disk_used", "requests", "errors", "unknown_one"]),
        1 + d.below(40),
        d.below(6),
        d.below(4)
    );
    Statement::new("series", text).into()
}

fn relabel(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE series SET labels = labels || '{{\"core\": {}}}' WHERE host = {} RETURNING id, labels",
        d.below(6),
        1 + d.below(40)
    );
    Statement::new("relabel", text).into()
}

fn stale(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE series SET stale = true WHERE last_seen < {} AND NOT stale RETURNING id",
            moment(d)
        ),
        _ => format!(
            "UPDATE series SET stale = false WHERE id = {} RETURNING *",
            series_id(d)
        ),
    };
    Statement::new("stale", text).into()
}

fn raise(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO alert (rule, series, severity) SELECT r.id, s.id, r.severity FROM rule r JOIN series s ON
            s.metric = r.metric
         WHERE s.id BETWEEN {0} AND {0} + 12 AND r.above < {1} ORDER BY r.id, s.id
         ON CONFLICT (rule, series) WHERE ended IS NULL DO UPDATE SET severity = 'critical' RETURNING rule, series,
             severity",
        series_id(d),
        d.below(40)
    );
    Statement::new("raise", text).into()
}

fn end(d: &mut Draw) -> Unit {
    let text = match d.below(6) {
        0..=2 => format!(
            "UPDATE alert SET ended = clock() WHERE ended IS NULL AND series % 9 = {} RETURNING id",
            d.below(9)
        ),
        3..=4 => format!("UPDATE alert SET ended = NULL WHERE id = {} RETURNING *", alert(d)),
        _ => format!(
            "UPDATE alert SET ended = began - interval '1 hour' WHERE id = {}",
            alert(d)
        ),
    };
    Statement::new("end", text).into()
}

fn acknowledge(d: &mut Draw) -> Unit {
    let id = alert(d);
    Unit::all(vec![
        Statement::new(
            "acknowledge",
            format!("SELECT id, severity FROM alert WHERE id = {id} FOR NO KEY UPDATE NOWAIT"),
        ),
        Statement::new(
            "acknowledge",
            format!("UPDATE alert SET acknowledged_by = 'me' WHERE id = {id} RETURNING period"),
        ),
        Statement::new(
            "acknowledge",
            format!(
                "INSERT INTO notification VALUES ({id}, {}, 'mail', 'queued', 'seen')",
                1 + d.below(4)
            ),
        ),
    ])
    .beside(
        vec![Statement::new(
            "hold",
            format!(
                "SELECT id FROM alert WHERE id IN ({}, {}) FOR UPDATE",
                id + d.below(2),
                alert(d)
            ),
        )],
        vec![],
    )
}

fn deliver(d: &mut Draw) -> Unit {
    let take = |count: u32| {
        Statement::new(
            "deliver",
            format!(
                "UPDATE notification n SET state = 'sent' FROM (SELECT alert, number FROM notification WHERE state =
                    'queued'
                    ORDER BY alert, number LIMIT {count} FOR UPDATE SKIP LOCKED) q
                 WHERE (q.alert, q.number) = (n.alert, n.number) RETURNING n.*"
            ),
        )
    };
    let (mine, others) = (take(1 + d.below(7)), take(1 + d.below(4)));
    Unit::from(mine).beside(
        vec![others],
        vec![Statement::new(
            "deliver",
            "UPDATE notification SET state = 'queued' WHERE alert % 70 = 3",
        )],
    )
}

fn causes(d: &mut Draw) -> Unit {
    let (id, cause) = (alert(d), alert(d));
    Unit::all(vec![
        Statement::new(
            "causes",
            format!("UPDATE alert SET cause = {cause} WHERE id = {id} OR cause = {id}"),
        ),
        Statement::new(
            "causes",
            format!(
                "WITH RECURSIVE up AS (SELECT id, cause, 1 AS n FROM alert WHERE id = {id}
                    UNION ALL SELECT a.id, a.cause, n + 1 FROM alert a JOIN up ON up.cause = a.id WHERE n < 6)
                        SELECT * FROM up"
            ),
        ),
    ])
}

fn silence(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT a.id, x.why FROM alert a JOIN series s ON s.id = a.series JOIN silence x ON x.host = s.host AND
            x.during && a.period
         WHERE a.id % 8 = {}",
        d.below(8)
    );
    Statement::new("silence", text).into()
}

/// No two at the same time on one host, whatever is cold of them.
fn mute(d: &mut Draw) -> Unit {
    let (host, from, why) = (1 + d.below(40), moment(d), d.pick(&["mute", "mute", "draft"]));
    let new = format!(
        "INSERT INTO silence VALUES ({}, {host}, tstzrange({from}, {from} + interval '9 hours'), '{why}') RETURNING
            during",
        d.fresh()
    );
    let longer = format!(
        "UPDATE silence SET during = tstzrange(lower(during), upper(during) + interval '{} days') WHERE host =
            {host} RETURNING *",
        d.below(60)
    );
    match d.below(4) {
        0 => Statement::new("mute", new).into(),
        1 => Statement::new("mute", longer).into(),
        2 => Statement::new(
            "mute",
            format!(
                "UPDATE silence SET why = 'late' WHERE host = {host} RETURNING
            id"
            ),
        )
        .into(),
        _ => Unit::all(vec![
            Statement::new("mute", "SET CONSTRAINTS silence_once DEFERRED"),
            Statement::new("mute", new),
            Statement::new("mute", longer),
            Statement::new(
                "mute",
                format!("DELETE FROM silence WHERE host = {host} AND why = 'mute' RETURNING id"),
            ),
        ]),
    }
}

fn boards(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO dashboard (id, title, panels) VALUES ({}, 'BOARD {}', '[]') ON CONFLICT (lower(title)
            text_pattern_ops)
         DO UPDATE SET panels = dashboard.panels || '[{{\"n\": 0}}]' RETURNING title, panels",
        d.fresh(),
        d.below(20)
    );
    Statement::new("boards", text).into()
}

fn reorder(d: &mut Draw) -> Unit {
    Unit::all(vec![
        Statement::new(
            "reorder",
            d.pick(&[
                "SET CONSTRAINTS dashboard_place DEFERRED",
                "SET CONSTRAINTS ALL DEFERRED",
            ]),
        ),
        Statement::new(
            "reorder",
            format!(
                "UPDATE dashboard SET place = place + 1 WHERE place >= {}",
                1 + d.below(12)
            ),
        ),
        Statement::new(
            "reorder",
            format!(
                "UPDATE dashboard SET place = {} WHERE id = {}",
                1 + d.below(12),
                1 + d.below(15)
            ),
        ),
    ])
}

fn note(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "INSERT INTO annotation (dashboard, at, text) VALUES ({}, {}, 'note') RETURNING id",
            1 + d.below(15),
            moment(d)
        ),
        1 => format!(
            "UPDATE annotation SET text = upper(text) WHERE dashboard = {} AND at > {} RETURNING text",
            1 + d.below(15),
            moment(d)
        ),
        _ => format!("DELETE FROM dashboard WHERE id = {} AND id > 12", 1 + d.below(15)),
    };
    Statement::new("note", text).into()
}

/// Cascades into series and rules, hot and cold.
fn rename_metric(d: &mut Draw) -> Unit {
    let [from, to] = d.pick(&[
        ["errors", "failures"],
        ["failures", "errors"],
        ["requests", "calls"],
        ["calls", "requests"],
    ]);
    Statement::new(
        "rename",
        format!("UPDATE metric SET name = '{to}' WHERE name = '{from}' RETURNING *"),
    )
    .into()
}

fn retire(d: &mut Draw) -> Unit {
    let id = 1 + d.below(40);
    let text = match d.below(3) {
        0 => format!("UPDATE host SET retired = clock(), tags = array_append(tags, 'old') WHERE id = {id}"),
        1 => format!(
            "UPDATE host SET retired = NULL, address = '10.1.0.{}' WHERE id = {id}",
            1 + d.below(40)
        ),
        _ => format!("DELETE FROM host WHERE id = {id} AND id > 36 RETURNING name"),
    };
    Statement::new("retire", text).into()
}

fn downsample(d: &mut Draw) -> Unit {
    let moment = moment(d);
    Unit::all(vec![
        Statement::new(
            "downsample",
            format!(
                "WITH old AS (DELETE FROM sample WHERE at >= date_trunc('day', {moment}) AND at < date_trunc('day',
                    {moment}) + interval '1 day'
                    AND kind = 'raw' RETURNING series, at, value)
                 INSERT INTO sample SELECT series, date_trunc('day', max(at)), 'mean', max(value) FROM old GROUP BY
                     series
                 ON CONFLICT DO NOTHING"
            ),
        ),
        Statement::new(
            "downsample",
            format!("SELECT count(*), min(at) FROM sample WHERE at::date = {moment}::date"),
        ),
    ])
}

fn retention(d: &mut Draw) -> Unit {
    let days = d.below(15);
    let text = match d.below(3) {
        0 => format!("DELETE FROM sample WHERE at < timestamptz '2024-11-01 00:00+00' + interval '{days} days'"),
        1 => format!("DELETE FROM rollup WHERE day < date '2024-11-01' + {days} RETURNING series, day"),
        _ => format!(
            "DELETE FROM alert WHERE ended < timestamptz '2024-11-01 00:00+00' + interval '{days} days' RETURNING id"
        ),
    };
    Statement::new("retention", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(3) {
        0 => "COPY sample_2025_01_raw TO STDOUT".to_owned(),
        1 => "COPY rollup (series, day, n, total) TO STDOUT (FORMAT csv)".to_owned(),
        _ => format!("COPY (SELECT * FROM sample WHERE series = {}) TO STDOUT", series_id(d)),
    })
    .into()
}

fn rules(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "DELETE FROM rule WHERE id = {} AND id > 15 RETURNING id",
            1 + d.below(20)
        ),
        _ => format!(
            "INSERT INTO rule VALUES ({}, 'cpu_load', {}, 'info') ON CONFLICT (metric, coalesce(above, 0), severity)
             DO UPDATE SET matchers = '[1]' RETURNING *",
            d.fresh(),
            d.below(20) * 5
        ),
    };
    Statement::new("rules", text).into()
}

fn history(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT a.id, r.metric, array_agg(n.state ORDER BY n.number), (SELECT c.severity FROM alert c WHERE c.id =
            a.cause)
         FROM alert a JOIN rule r ON r.id = a.rule LEFT JOIN notification n ON n.alert = a.id
         WHERE a.began BETWEEN {} AND '2025-01-15 00:00+00' GROUP BY a.id, r.id",
        moment(d)
    );
    Statement::new("history", text).into()
}
