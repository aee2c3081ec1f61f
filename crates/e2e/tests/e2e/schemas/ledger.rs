//! What a payment ledger books, settles, reverses and reports in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "ledger",
    sql: include_str!("ledger.sql"),
    stretched: &[
        ("entry", "booked < '2024-11-01'"),
        ("journal", "booked < '2024-11-01'"),
        ("transfer", "journal IS NOT NULL AND created < '2024-11-01 00:00+00'"),
        ("balance", "month < '2024-10-01'"),
        ("hold", "released"),
        ("dispute", "closed < '2024-09-01'"),
        ("statement", "upper(during) < '2024-10-01'"),
        ("outbox", "sent"),
        ("account", "closed < '2024-06-01'"),
    ],
    looser: ("balance", "month < '2025-01-01'"),
    units: &[
        trial,
        account_page,
        monthly,
        journals,
        transfers,
        book,
        unbalanced,
        reverse,
        book_late,
        settle,
        request,
        hold,
        release,
        fail,
        dispute,
        close_dispute,
        statements,
        write_statements,
        publish,
        close_period,
        renumber,
        recode,
        move_entry,
        correct,
        retention,
        rebuild,
        export,
        totals,
        children,
        reopen,
        tenants,
    ],
};

fn account(d: &mut Draw) -> u32 {
    1 + d.below(124)
}

fn journal(d: &mut Draw) -> u32 {
    1 + d.below(990)
}

fn transfer(d: &mut Draw) -> u32 {
    1 + d.below(690)
}

fn day(d: &mut Draw) -> String {
    format!("(date '2023-01-01' + {})", d.below(800))
}

fn trial(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "SELECT * FROM trial_balance WHERE tenant = {} ORDER BY code",
            1 + d.below(6)
        ),
        _ => "SELECT a.currency, sum(e.signed), count(*) FROM entry e JOIN account a ON a.id = e.account GROUP BY 1
            ORDER BY 1"
            .to_owned(),
    };
    Statement::new("trial balance", text).ordered().into()
}

fn account_page(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT e.booked, j.id, j.text, e.side, e.amount, sum(e.signed) OVER (ORDER BY e.booked, j.id, e.line)
         FROM entry e JOIN journal j ON j.id = e.journal WHERE e.account = {} AND e.booked >= {} ORDER BY e.booked,
             j.id, e.line LIMIT 30",
        account(d),
        day(d)
    );
    Statement::new("account page", text).ordered().into()
}

fn monthly(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT b.month, a.tenant, sum(b.amount), sum(b.entries) FROM balance b JOIN account a ON a.id = b.account
         WHERE b.month BETWEEN {}::date AND '2024-12-31' GROUP BY GROUPING SETS ((b.month, a.tenant), (a.tenant))",
        day(d)
    );
    Statement::new("monthly", text).into()
}

fn journals(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "SELECT j.*, r.text FROM journal j LEFT JOIN journal r ON r.id = j.reverses WHERE j.id = {0} OR
                j.reverses = {0}",
            journal(d)
        ),
        1 => format!(
            "SELECT id, booked FROM journal WHERE meta @> '{{\"src\": {}}}' AND tenant = {}",
            d.below(5),
            1 + d.below(6)
        ),
        _ => format!(
            "SELECT j.id FROM journal j WHERE booked < {} AND NOT EXISTS (SELECT FROM transfer t WHERE t.journal =
                j.id) AND tenant = 2",
            day(d)
        ),
    };
    Statement::new("journals", text).into()
}

/// Row-level security is in force.
fn as_tenant(tenant: u32, statements: Vec<Statement>) -> Unit {
    let mut all = vec![Statement::new(
        "SET",
        format!("SET LOCAL ROLE clerk; SET LOCAL app.tenant = '{tenant}'"),
    )];
    all.extend(statements);
    Unit::all(all)
}

fn transfers(d: &mut Draw) -> Unit {
    let (tenant, n) = (1 + d.below(6), transfer(d));
    as_tenant(
        tenant,
        vec![
            Statement::new(
                "transfers",
                "SELECT state, count(*), sum(amount) FROM transfer GROUP BY state",
            ),
            Statement::new(
                "transfers",
                format!("SELECT * FROM transfer WHERE id = md5('t{n}')::uuid FOR UPDATE"),
            ),
            Statement::new(
                "transfers",
                format!(
                    "UPDATE transfer SET amount = amount + 1 WHERE source = {} RETURNING id",
                    account(d)
                ),
            ),
            Statement::new(
                "transfers",
                format!(
                    "UPDATE transfer SET tenant = {} WHERE id = md5('t{n}')::uuid",
                    1 + d.below(2)
                ),
            ),
        ],
    )
}

/// The statements that book so much from one account to two others.
fn booking(d: &mut Draw, date: &str, credit: [u32; 2]) -> Vec<Statement> {
    let id = d.fresh();
    let [one, other] = credit;
    vec![
        Statement::new(
            "book",
            format!(
                "INSERT INTO journal (id, tenant, booked, text, month) VALUES ({id}, {}, {date}, 'booked',
                    date_trunc('month', {date}::timestamp)::date) RETURNING id, month",
                1 + d.below(6)
            ),
        ),
        Statement::new(
            "book",
            format!(
                "INSERT INTO entry (journal, line, account, side, amount, booked) VALUES ({id}, 1, {}, 'debit', 30,
                    {date}),
                 ({id}, 2, {}, 'credit', {one}, {date}), ({id}, 3, {}, 'credit', {other}, {date}) RETURNING signed",
                account(d),
                account(d),
                account(d)
            ),
        ),
    ]
}

fn book(d: &mut Draw) -> Unit {
    Unit::all(booking(d, "clock()::date", [10, 20]))
}

/// The last statement, or the commit, says that it does not balance.
fn unbalanced(d: &mut Draw) -> Unit {
    let mut all = booking(d, "clock()::date", [10, 10]);
    if d.percent(50) {
        all.push(Statement::new("book", "SET CONSTRAINTS must_balance IMMEDIATE"));
    }
    Unit::all(all)
}

/// In a month that may be closed, and where the rows become cold at once.
fn book_late(d: &mut Draw) -> Unit {
    let date = day(d);
    let mut all = vec![Statement::new(
        "open month",
        format!(
            "UPDATE period SET open = true WHERE month = date_trunc('month', {date}::timestamp)::date AND tenant < 5
                RETURNING *"
        ),
    )];
    all.extend(booking(d, &date, [29, 1]));
    Unit::all(all)
}

fn reverse(d: &mut Draw) -> Unit {
    let (id, new) = (journal(d), d.fresh());
    Unit::all(vec![
        Statement::new(
            "reverse",
            format!("SELECT id, booked FROM journal WHERE id = {id} FOR SHARE"),
        ),
        Statement::new(
            "reverse",
            format!(
                "INSERT INTO journal (id, tenant, booked, reverses, month) SELECT {new}, tenant, '2025-02-03',
                id, '2025-02-01'
                FROM journal WHERE id = {id}"
            ),
        ),
        Statement::new(
            "reverse",
            format!(
                "INSERT INTO entry SELECT {new}, line, account, (CASE side WHEN 'debit' THEN 'credit' ELSE
                'debit' END)::side, amount,
                '2025-02-03' FROM entry WHERE journal = {id} RETURNING line, side, signed"
            ),
        ),
        Statement::new(
            "reverse",
            format!(
                "UPDATE transfer SET state = 'reversed' WHERE journal = {id} RETURNING id,
            state"
            ),
        ),
    ])
}

fn settle(d: &mut Draw) -> Unit {
    let take = |count: u32| {
        Statement::new(
            "settle",
            format!(
                "UPDATE transfer SET state = 'settled' WHERE id IN (SELECT id FROM transfer WHERE state IN
                    ('created', 'held')
                    ORDER BY created, id LIMIT {count} FOR UPDATE SKIP LOCKED) RETURNING id, source, target, amount"
            ),
        )
    };
    let (mine, others) = (take(1 + d.below(5)), take(1 + d.below(5)));
    Unit::from(mine).beside(vec![others], vec![])
}

/// The same request again changes nothing.
fn request(d: &mut Draw) -> Unit {
    let (n, tenant) = (transfer(d), 1 + d.below(6));
    let id = if d.percent(60) { d.fresh() } else { n };
    let action = d.pick(&[
        "(tenant, md5(request)) DO NOTHING",
        "(tenant, md5(request)) DO UPDATE SET amount = transfer.amount WHERE transfer.state = 'settled'",
        "(id) DO UPDATE SET state = 'created', created = clock()",
    ]);
    let text = format!(
        "INSERT INTO transfer (id, tenant, request, source, target, amount) VALUES (md5('t{id}')::uuid, {tenant},
            'request {n}', {}, {}, 5)
         ON CONFLICT {action} RETURNING id, request, state, amount",
        account(d),
        account(d)
    );
    Statement::new("request", text).into()
}

fn hold(d: &mut Draw) -> Unit {
    let n = transfer(d);
    Unit::all(vec![
        Statement::new(
            "hold",
            format!(
                "UPDATE transfer SET state = 'held' WHERE id = md5('t{n}')::uuid RETURNING
            state, amount"
            ),
        ),
        Statement::new(
            "hold",
            format!(
                "INSERT INTO hold SELECT id, amount, clock() + interval '7 days' FROM transfer WHERE id =
                md5('t{n}')::uuid
                ON CONFLICT (transfer) DO UPDATE SET amount = hold.amount + 1, released = false RETURNING amount,
                    released"
            ),
        ),
    ])
}

fn release(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE hold h SET released = NOT released FROM transfer t WHERE t.id = h.transfer AND t.source BETWEEN {0}
            AND {0} + 4
         RETURNING h.transfer, h.released, t.state",
        account(d)
    );
    Statement::new("release", text).into()
}

fn fail(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE transfer SET state = 'failed', journal = NULL WHERE target = {} AND state <> 'failed' RETURNING
                id",
            account(d)
        ),
        _ => format!(
            "DELETE FROM transfer WHERE state = 'failed' AND source = {} RETURNING id, created",
            account(d)
        ),
    };
    Statement::new("fail", text).into()
}

fn dispute(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO dispute (transfer, opened, papers) VALUES (md5('t{}')::uuid, clock()::date, '{{first}}')
         ON CONFLICT (transfer) WHERE closed IS NULL DO UPDATE SET papers = array_append(dispute.papers, 'more')
             RETURNING
             transfer, papers",
        4 * d.below(170)
    );
    Statement::new("dispute", text).into()
}

fn close_dispute(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE dispute SET closed = date '2024-08-01' WHERE closed IS NULL AND id % 6 = {} RETURNING id",
            d.below(6)
        ),
        _ => format!(
            "UPDATE dispute SET closed = NULL, papers = papers[1:1] WHERE id = {} RETURNING *",
            1 + d.below(160)
        ),
    };
    Statement::new("close dispute", text).into()
}

fn statements(d: &mut Draw) -> Unit {
    let id = account(d);
    as_tenant(
        1 + d.below(6),
        vec![
            Statement::new(
                "statements",
                format!("SELECT * FROM statement WHERE during @> {}::date", day(d)),
            ),
            Statement::new(
                "statements",
                format!(
                    "UPDATE statement SET document = document || '{{\"read\": true}}' WHERE account = {id} RETURNING
                        number"
                ),
            ),
            Statement::new(
                "statements",
                format!("INSERT INTO statement VALUES ({id}, 99, '[2025-01-01,2025-02-01)', '{{}}')"),
            ),
        ],
    )
}

fn write_statements(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO statement SELECT account, {}, daterange(min(booked), max(booked), '[]'), jsonb_agg(amount ORDER
            BY booked, journal, line)
         FROM entry WHERE account BETWEEN {1} AND {1} + 3 GROUP BY account
         ON CONFLICT (account, number) DO UPDATE SET document = excluded.document, during = statement.during +
             excluded.during
         RETURNING account, number, during",
        d.below(9),
        account(d)
    );
    Statement::new("write statements", text).into()
}

fn publish(d: &mut Draw) -> Unit {
    let take = |count: u32| {
        Statement::new(
            "publish",
            format!(
                "WITH next AS (SELECT id FROM outbox WHERE NOT sent ORDER BY id LIMIT {count} FOR NO KEY UPDATE SKIP
                    LOCKED)
                 UPDATE outbox o SET sent = true FROM next WHERE o.id = next.id RETURNING o.*"
            ),
        )
    };
    let (mine, others) = (take(1 + d.below(6)), take(2));
    let again = format!(
        "UPDATE outbox SET sent = false WHERE id BETWEEN {0} AND {0} + 3",
        1 + d.below(500)
    );
    Unit::all(vec![mine, Statement::new("publish", again)]).beside(vec![others], vec![])
}

fn close_period(d: &mut Draw) -> Unit {
    let month = format!("date_trunc('month', {}::timestamp)::date", day(d));
    Unit::all(vec![
        Statement::new(
            "close month",
            format!("UPDATE period SET open = false WHERE month = {month} RETURNING tenant"),
        ),
        Statement::new(
            "close month",
            format!("SELECT tenant, count(*) FROM journal WHERE month = {month} GROUP BY tenant"),
        ),
    ])
}

/// The numbers of a tenant's journals move up; they are looked at when the transaction ends.
fn renumber(d: &mut Draw) -> Unit {
    let (tenant, from) = (1 + d.below(6), d.below(160));
    let gap = d.pick(&[1, 1, 0]);
    Unit::all(vec![
        Statement::new(
            "renumber",
            format!(
                "UPDATE journal SET number = number + 1 WHERE tenant = {tenant} AND number BETWEEN {from} AND {from}
                    + 5"
            ),
        ),
        Statement::new(
            "renumber",
            format!(
                "UPDATE journal SET number = number + {gap} WHERE tenant = {tenant} AND number > {from} + 6
                    RETURNING id, number"
            ),
        ),
    ])
}

/// An account gets another key; entries and balances follow, hot and cold.
fn recode(d: &mut Draw) -> Unit {
    let id = 80 + d.below(41);
    let text = match d.below(2) {
        0 => format!(
            "UPDATE account SET id = {} WHERE id = {id} RETURNING id, code",
            d.fresh()
        ),
        _ => format!(
            "UPDATE account SET code = code || 'x', labels = array_append(labels, 'old') WHERE id = {id} RETURNING *"
        ),
    };
    Statement::new("recode", text).into()
}

/// Another day, maybe in another partition.
fn move_entry(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE entry SET booked = booked + {} WHERE journal = {} RETURNING journal, line, booked,
            tableoid::regclass",
        d.pick(&[30, 365]),
        journal(d)
    );
    Statement::new("move entry", text).into()
}

fn correct(d: &mut Draw) -> Unit {
    let (id, text) = (
        journal(d),
        "UPDATE entry SET amount = amount + 2 WHERE journal = {} AND line",
    );
    let first = text.replace("{}", &id.to_string());
    Unit::all(vec![
        Statement::new("correct", format!("{first} = 1 RETURNING signed")),
        Statement::new("correct", format!("{first} = {} RETURNING signed", d.pick(&[2, 3]))),
    ])
}

fn retention(d: &mut Draw) -> Unit {
    let days = d.below(15);
    let text = match d.below(4) {
        0 => format!("DELETE FROM journal WHERE booked < date '2023-01-01' + {days} / 2 RETURNING id"),
        1 => format!(
            "DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE sent ORDER BY id LIMIT {days}
                FOR UPDATE
                SKIP LOCKED)) RETURNING id"
        ),
        2 => format!("DELETE FROM dispute WHERE closed < date '2023-03-01' + {days} RETURNING id"),
        _ => format!("DELETE FROM statement WHERE upper(during) < date '2023-04-01' + {days}"),
    };
    Statement::new("retention", text).into()
}

fn rebuild(d: &mut Draw) -> Unit {
    let text = format!(
        "MERGE INTO balance t USING (SELECT account, date_trunc('month', booked::timestamp)::date AS month,
            sum(signed) AS amount,
            count(*) AS n FROM entry WHERE account BETWEEN {0} AND {0} + 9 GROUP BY 1, 2) s ON (t.account, t.month)
                = (s.account, s.month)
         WHEN MATCHED AND (t.amount, t.entries) <> (s.amount, s.n) THEN UPDATE SET amount = s.amount, entries = s.n
         WHEN MATCHED AND t.amount = 0 THEN DELETE
         WHEN NOT MATCHED THEN INSERT VALUES (s.account, s.month, s.amount, s.n)",
        account(d)
    );
    Statement::new("rebuild", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(4) {
        0 => "COPY entry_2023 TO STDOUT".to_owned(),
        1 => "COPY journal (id, booked, meta) TO STDOUT (FORMAT csv)".to_owned(),
        2 => "COPY balance TO STDOUT".to_owned(),
        _ => format!("COPY (SELECT * FROM transfer WHERE source = {}) TO STDOUT", account(d)),
    })
    .into()
}

fn totals(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT a.id, (SELECT sum(signed) FROM entry e WHERE e.account = a.id), (SELECT sum(amount) FROM balance b
            WHERE b.account = a.id)
         FROM account a WHERE a.tenant = {} AND a.closed IS {} NULL",
        1 + d.below(6),
        d.pick(&["", "NOT"])
    );
    Statement::new("totals", text).into()
}

fn children(d: &mut Draw) -> Unit {
    let text = format!(
        "WITH RECURSIVE below AS (SELECT id FROM account WHERE id = {} UNION ALL SELECT a.id FROM account a JOIN
            below b ON a.parent = b.id)
         SELECT b.id, sum(e.amount) FILTER (WHERE e.side = 'debit'), count(e.journal) FROM below b LEFT JOIN entry e
             ON e.account = b.id
         GROUP BY b.id",
        1 + d.below(12)
    );
    Statement::new("children", text).into()
}

fn reopen(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "UPDATE account SET closed = NULL WHERE id = {} RETURNING code",
            90 + d.below(31)
        ),
        1 => format!(
            "UPDATE account SET closed = '2024-01-01' WHERE id = {} RETURNING code",
            account(d)
        ),
        _ => format!("DELETE FROM account WHERE id = {} RETURNING code", 60 + d.below(61)),
    };
    Statement::new("reopen", text).into()
}

fn tenants(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => {
            "SELECT t.name, count(DISTINCT j.id), max(j.number) FROM tenant t LEFT JOIN journal j ON j.tenant = t.id
                GROUP BY t.id"
        }
        _ => {
            "SELECT t.country, x.state, sum(x.amount) FROM tenant t JOIN transfer x ON x.tenant = t.id GROUP BY 1,
            2"
        }
    };
    Statement::new("tenants", text).into()
}
