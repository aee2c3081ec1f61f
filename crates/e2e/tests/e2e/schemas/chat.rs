//! What people say, read and look for in a chat server in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "chat",
    sql: include_str!("chat.sql"),
    stretched: &[
        ("post", "at < '2025-01-01 00:00+00'"),
        ("reaction", "post_at < '2025-01-01 00:00+00'"),
        ("upload", "post_at < '2024-12-01 00:00+00'"),
        ("direct", "seen AND at < '2025-01-01 00:00+00'"),
        ("reminder", "sent"),
        ("invitation", "used"),
        ("login", "at < '2025-01-01 00:00+00' AND ok"),
    ],
    looser: ("reaction", "post_at < '2025-03-01 00:00+00'"),
    units: &[
        invite,
        accept,
        page,
        thread,
        search,
        unread,
        statistics,
        say,
        say_at_once,
        answer,
        edit,
        delete,
        react,
        unreact,
        react_again,
        mark_read,
        join,
        leave,
        rename,
        direct,
        see,
        forbidden,
        remind,
        remember,
        upload,
        attach,
        archive,
        retention,
        export,
        forget,
        logins,
        move_posts,
    ],
};

fn post(d: &mut Draw) -> u32 {
    1 + d.below(1530)
}

fn person(d: &mut Draw) -> u32 {
    1 + d.below(60)
}

fn channel(d: &mut Draw) -> u32 {
    1 + d.below(30)
}

fn page(d: &mut Draw) -> Unit {
    Statement::new(
        "page",
        format!(
            "SELECT p.id, p.at, p.text, a.name, p.size,
                (SELECT jsonb_object_agg(emoji, n ORDER BY emoji) FROM (SELECT emoji, count(*) AS n FROM reaction r
                    WHERE (r.post, r.post_at) = (p.id, p.at) GROUP BY emoji) e)
             FROM post p LEFT JOIN person a ON a.id = p.author
             WHERE p.channel = {} AND p.at < timestamptz '2024-01-01 00:00+00' + interval '{} days'
             ORDER BY p.at DESC, p.id LIMIT 15",
            channel(d),
            d.below(460)
        ),
    )
    .ordered()
    .into()
}

/// Keys that ignore case, by their type or by their collation.
fn invite(d: &mut Draw) -> Unit {
    let n = if d.percent(70) { 1 + d.below(300) } else { d.fresh() };
    let action = d.pick(&[
        "DO NOTHING",
        "(team, email) DO UPDATE SET used = false, extra = invitation.extra || excluded.extra",
        "(nick) DO UPDATE SET email = excluded.email",
    ]);
    let text = format!(
        "INSERT INTO invitation VALUES ({}, 'GUEST{n}@example.ORG', 'NICK{}', 'again=>1') ON CONFLICT {} RETURNING *",
        1 + (n + d.below(2)) % 4,
        n + d.below(2),
        action
    );
    Statement::new("invite", text).into()
}

fn accept(d: &mut Draw) -> Unit {
    let n = 1 + d.below(300);
    let text = match d.below(4) {
        0 => format!("UPDATE invitation SET used = true WHERE email = 'guest{n}@EXAMPLE.org' RETURNING *"),
        1 => format!(
            "UPDATE invitation SET nick = 'nICK{}' WHERE nick = 'NICK{n}' RETURNING team, nick",
            n + d.below(3)
        ),
        2 => format!(
            "SELECT * FROM invitation WHERE nick IN ('nick{n}', 'NICK{}') OR extra -> 'by' = 'p{}'",
            n + 1,
            n % 9
        ),
        _ => format!(
            "SELECT team, count(*), max(email), count(DISTINCT nick) FROM invitation WHERE extra ? 'n' AND
            nick > 'NICK{n}' GROUP BY team"
        ),
    };
    Statement::new("accept", text).into()
}

fn thread(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT p.id, p.text, r.text FROM post p LEFT JOIN post r ON (r.id, r.at) = (p.root, p.root_at)
         WHERE p.root = {0} OR p.id = {0}",
        post(d)
    );
    Statement::new("thread", text).into()
}

fn search(d: &mut Draw) -> Unit {
    let small = d.below(6);
    let condition = match d.below(4) {
        0 => format!("hashtags @> ARRAY['tag{small}']"),
        1 => format!("text LIKE '%more {small}%' AND author IS NOT NULL"),
        2 => format!("(props ->> 'pinned')::boolean AND channel % 6 = {small}"),
        _ => format!("size > {} AND root IS NULL", 100 + small * 15),
    };
    Statement::new(
        "search",
        format!("SELECT id, channel, at, hashtags, props FROM post WHERE {condition}"),
    )
    .into()
}

fn unread(d: &mut Draw) -> Unit {
    Statement::new("unread", format!("SELECT * FROM unread WHERE person = {}", person(d))).into()
}

fn statistics(d: &mut Draw) -> Unit {
    let text = match d.below(4) {
        0 => "SELECT date_trunc('month', at), count(*), count(DISTINCT author), sum(size) FROM post GROUP BY 1",
        1 => "SELECT emoji, count(*) FROM reaction GROUP BY emoji HAVING count(*) > 3",
        2 => "SELECT c.name, count(p.id), c.posts FROM channel c LEFT JOIN post p ON p.channel = c.id GROUP BY c.id",
        _ => "SELECT tableoid::regclass, author, count(*) FROM post WHERE author < 6 GROUP BY 1, 2",
    };
    Statement::new("statistics", text).into()
}

fn say(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO post (id, at, channel, author, text, hashtags) VALUES ({}, clock(), {}, {}, 'New', ARRAY['tag1'])
         RETURNING *, tableoid::regclass",
        d.fresh(),
        channel(d),
        person(d)
    );
    Statement::new("say", text).into()
}

/// As an import from another server: also into old partitions, where keys may be taken.
fn say_at_once(d: &mut Draw) -> Unit {
    let mut lines = String::new();
    let (year, month) = (2023 + d.below(3), 1 + d.below(12));
    for n in 0..1 + d.below(12) {
        lines += &format!(
            "{}\t{year}-{month:02}-05 00:00:{n:02}+00\t{}\t{}\timported\n",
            d.fresh(),
            channel(d),
            person(d)
        );
    }
    Statement::copy_in("COPY post (id, at, channel, author, text) FROM STDIN", lines).into()
}

fn answer(d: &mut Draw) -> Unit {
    let (id, root) = (d.fresh(), post(d));
    Unit::all(vec![
        Statement::new(
            "root",
            format!("SELECT id, at FROM post WHERE id = {root} FOR KEY SHARE"),
        ),
        Statement::new(
            "answer",
            format!(
                "INSERT INTO post (id, at, channel, author, root, root_at, text)
                 SELECT {id}, clock(), channel, {}, id, at, 'Yes: ' || left(text, 9) FROM post WHERE id = {root}
                     RETURNING id, text",
                person(d)
            ),
        ),
        Statement::new(
            "mention",
            format!(
                "UPDATE membership SET mentions = mentions + 1 WHERE (channel, person) IN
                (SELECT channel, author FROM post WHERE id = {root}) RETURNING *"
            ),
        ),
    ])
}

fn edit(d: &mut Draw) -> Unit {
    let id = post(d);
    let text = match d.below(3) {
        0 => format!("UPDATE post SET text = text || '!' WHERE id = {id} RETURNING id, edited, size"),
        1 => format!(
            "UPDATE post SET props = coalesce(props, '{{}}') || '{{\"pinned\": true}}' WHERE id BETWEEN {id} AND
                {id} + 3"
        ),
        _ => format!(
            "UPDATE post SET hashtags = array_remove(hashtags, 'tag2') WHERE hashtags && '{{tag2}}' AND id > {id}"
        ),
    };
    Statement::new("edit", text).into()
}

fn delete(d: &mut Draw) -> Unit {
    Statement::new(
        "delete",
        format!("DELETE FROM post WHERE id = {} RETURNING id, channel", post(d)),
    )
    .into()
}

fn react(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO reaction (post, post_at, person, emoji) SELECT id, at, {}, 'smile{}' FROM post WHERE id BETWEEN
            {2} AND {2} + 4
         ON CONFLICT DO NOTHING RETURNING post, person",
        person(d),
        1 + d.below(3),
        post(d)
    );
    Statement::new("react", text).into()
}

fn unreact(d: &mut Draw) -> Unit {
    Statement::new(
        "unreact",
        format!(
            "DELETE FROM reaction WHERE post = {} RETURNING *",
            3 * (1 + d.below(500))
        ),
    )
    .into()
}

fn react_again(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO reaction SELECT post, post_at, person, emoji, clock() FROM reaction WHERE person = {}
         ON CONFLICT (post, post_at, person, emoji) DO UPDATE SET at = excluded.at, emoji = 'again' || reaction.emoji
         WHERE reaction.emoji <> 'smile2'",
        person(d)
    );
    Statement::new("react again", text).into()
}

fn mark_read(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO membership (channel, person, read_until) VALUES ({}, {}, clock()) ON CONFLICT (channel, person)
         DO UPDATE SET read_until = greatest(membership.read_until, excluded.read_until), mentions = 0 RETURNING *",
        channel(d),
        person(d)
    );
    Statement::new("mark read", text).into()
}

fn join(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO membership (channel, person) SELECT id, {} FROM channel WHERE kind = 'public' AND team = {}
            ORDER BY id
         ON CONFLICT DO NOTHING RETURNING channel",
        person(d),
        1 + d.below(4)
    );
    Statement::new("join", text).into()
}

fn leave(d: &mut Draw) -> Unit {
    Statement::new(
        "leave",
        format!("DELETE FROM membership WHERE person = {} AND mentions = 0", person(d)),
    )
    .into()
}

fn rename(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE channel SET name = 'CHANNEL-{}', archived = false WHERE id = {}",
        channel(d),
        channel(d)
    );
    Statement::new("rename", text).into()
}

/// What somebody may do whom row-level security binds.
fn as_person(who: u32, statements: Vec<Statement>) -> Unit {
    let mut all = vec![Statement::new(
        "SET",
        format!("SET LOCAL ROLE clerk; SET LOCAL app.tenant = '{who}'"),
    )];
    all.extend(statements);
    Unit::all(all)
}

fn direct(d: &mut Draw) -> Unit {
    let (who, other) = (1 + d.below(12), 1 + d.below(12));
    as_person(
        who,
        vec![
            Statement::new(
                "direct",
                format!("SELECT id, text, seen FROM direct WHERE receiver = {other} ORDER BY id"),
            )
            .ordered(),
            Statement::new(
                "direct",
                format!(
                    "INSERT INTO direct (sender, receiver, text) VALUES ({who}, {other}, 'psst') RETURNING id,
                    at"
                ),
            ),
            Statement::new("direct", "SELECT seen, count(*) FROM direct GROUP BY seen"),
        ],
    )
}

fn see(d: &mut Draw) -> Unit {
    let who = 1 + d.below(12);
    as_person(
        who,
        vec![
            Statement::new(
                "see",
                format!("UPDATE direct SET seen = NOT seen WHERE sender = {who} AND id % 4 = 0 RETURNING id"),
            ),
            Statement::new(
                "see",
                format!("DELETE FROM direct WHERE sender = {who} AND id % 16 = {}", d.below(16)),
            ),
        ],
    )
}

/// The policy forbids to take over what others sent.
fn forbidden(d: &mut Draw) -> Unit {
    let (who, id) = (1 + d.below(12), 1 + d.below(800));
    let statement = match d.below(3) {
        0 => format!("UPDATE direct SET text = 'mine' WHERE id = {id} RETURNING id"),
        1 => format!("INSERT INTO direct (id, sender, receiver, text) VALUES ({id}, {who}, 2, 'x')"),
        _ => format!(
            "INSERT INTO direct (id, sender, receiver, text) VALUES ({id}, {who}, 2, 'x')
                ON CONFLICT (id) DO UPDATE SET text = excluded.text RETURNING *"
        ),
    };
    as_person(who, vec![Statement::new("see", statement)])
}

fn remind(d: &mut Draw) -> Unit {
    let take = |count: u32| {
        Statement::new(
            "remind",
            format!(
                "UPDATE reminder r SET sent = true FROM (SELECT id FROM reminder WHERE NOT sent AND due < clock()
                    ORDER BY due, id LIMIT {count} FOR UPDATE SKIP LOCKED) n WHERE n.id = r.id RETURNING r.id, r.text"
            ),
        )
    };
    let (mine, others) = (take(1 + d.below(5)), take(3));
    Unit::from(mine).beside(vec![others], vec![])
}

fn remember(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "INSERT INTO reminder (person, due, text) VALUES ({}, clock(), 'Remember {}')
             ON CONFLICT (person, md5(text)) WHERE NOT sent DO UPDATE SET due = excluded.due RETURNING person, due,
                 text",
            person(d),
            d.below(90)
        ),
        _ => format!(
            "UPDATE reminder SET sent = false, due = due + every WHERE every IS NOT NULL AND id % 23 = {}",
            d.below(23)
        ),
    };
    Statement::new("remember", text).into()
}

fn upload(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT u.id, u.name, p.text FROM upload u LEFT JOIN post p ON (p.id, p.at) = (u.post, u.post_at)
         WHERE u.id = md5('{0}')::uuid OR u.post BETWEEN {0} AND {0} + 20",
        post(d)
    );
    Statement::new("uploads", text).into()
}

/// The file comes before its post.
fn attach(d: &mut Draw) -> Unit {
    let (id, file) = (d.fresh(), post(d));
    let later = if d.percent(75) { id } else { id + 500_000 };
    Unit::all(vec![
        Statement::new(
            "attach",
            format!(
                "INSERT INTO upload VALUES (md5('{file}')::uuid, {later}, clock(), 'new', NULL, '\\x01')
                ON CONFLICT (id) DO UPDATE SET (post, post_at) = (excluded.post, excluded.post_at) RETURNING id, name"
            ),
        ),
        Statement::new(
            "say",
            format!("INSERT INTO post (id, at, channel, text) VALUES ({id}, clock(), 3, 'With a file')"),
        ),
    ])
}

fn archive(d: &mut Draw) -> Unit {
    let id = channel(d);
    Unit::all(vec![
        Statement::new(
            "archive",
            format!("SELECT * FROM channel WHERE id = {id} FOR NO KEY UPDATE"),
        ),
        Statement::new(
            "archive",
            format!("UPDATE channel SET archived = true, topic = 'old' WHERE id = {id}"),
        ),
        Statement::new(
            "archive",
            format!("UPDATE post SET props = NULL WHERE channel = {id} AND at < '2023-09-01 00:00+00'"),
        ),
    ])
}

fn retention(d: &mut Draw) -> Unit {
    let days = d.below(40);
    let text = match d.below(3) {
        0 => format!(
            "DELETE FROM post WHERE at < timestamptz '2023-06-01 00:00+00' + interval '{} days'",
            days / 4
        ),
        1 => format!("DELETE FROM login WHERE at < timestamptz '2024-01-01 00:00+00' + interval '{days} days'"),
        _ => format!(
            "DELETE FROM reaction r USING post p WHERE (p.id, p.at) = (r.post, r.post_at) AND p.channel = {}",
            channel(d)
        ),
    };
    Statement::new("retention", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(3) {
        0 => "COPY post_2024_1 (id, at, text) TO STDOUT".to_owned(),
        1 => "COPY direct TO STDOUT (FORMAT csv)".to_owned(),
        _ => format!("COPY (SELECT * FROM post WHERE author = {}) TO STDOUT", person(d)),
    })
    .into()
}

fn forget(d: &mut Draw) -> Unit {
    let id = person(d);
    let text = match d.below(2) {
        0 => format!("UPDATE person SET deleted = clock(), name = 'gone', status = NULL WHERE id = {id}"),
        _ => format!("DELETE FROM person WHERE id = {id} AND id > 45 RETURNING id"),
    };
    Statement::new("forget", text).into()
}

fn logins(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "SELECT * FROM login WHERE address <<= '10.0.{}.0/24' AND NOT ok",
            d.below(7)
        ),
        1 => format!("INSERT INTO login VALUES ({}, '10.0.9.9', clock(), false)", person(d)),
        _ => format!(
            "MERGE INTO login t USING (SELECT person, max(at) AS at FROM login WHERE person % 6 = {} GROUP BY 1) s
                ON (t.person, t.at) = (s.person, s.at)
             WHEN MATCHED AND t.ok THEN UPDATE SET address = '::1' WHEN MATCHED THEN DELETE",
            d.below(6)
        ),
    };
    Statement::new("logins", text).into()
}

/// Posts get another time, and so another partition; what refers to them is in the way, or follows.
fn move_posts(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE post SET at = at + interval '200 days' WHERE id = {} AND root IS NULL RETURNING id, at,
            tableoid::regclass",
        post(d)
    );
    Statement::new("move posts", text).into()
}
