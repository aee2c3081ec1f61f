//! What is stored depends neither on the encoding and the settings of whoever migrates nor of whoever reads, writes or
//! checks keys.

use testkit::setup::{drain, enable_database, enable_table, hot_rows, purge, reauthorize};
use testkit::{Client, Cluster, Endpoint, odd};

/// A database: its encoding, a word in UTF-8 that is not ASCII and can be written in it, and the encodings that clients
/// may have.
struct Case {
    encoding: &'static str,
    word: &'static str,
    clients: &'static [&'static str],
}

const CASES: [Case; 4] = [
    Case {
        encoding: "UTF8",
        word: "grün",
        clients: &["UTF8", "LATIN1", "EUC_JP", "SQL_ASCII"],
    },
    Case {
        encoding: "LATIN1",
        word: "grün",
        clients: &["LATIN1", "UTF8", "SQL_ASCII"],
    },
    Case {
        encoding: "EUC_JP",
        word: "漢字",
        clients: &["EUC_JP", "UTF8", "SJIS"],
    },
    Case {
        encoding: "SQL_ASCII",
        word: "grün",
        clients: &["SQL_ASCII", "UTF8", "LATIN1"],
    },
];

/// Types of which each travels through functions; `%s` is the word, `%L` the same as a literal.
const TYPES: &str = "CREATE TYPE color AS ENUM (%1$L, 'red');
    CREATE TYPE parts AS (s text, b bytea, f float8, t timestamptz, i interval, d date, m money, n int[], o color);
    CREATE TYPE words AS RANGE (subtype = text, collation = \"C\");
    CREATE TABLE %1$I (%1$I int)";

/// Table `{t}`, whose rows are alike but for the keys.
const TABLE: &str = "CREATE TABLE {t} (id int PRIMARY KEY, ci citext UNIQUE, ta text[] UNIQUE, v varchar(40) UNIQUE, \
    nm name UNIQUE,
    x text, c char(12), tags text[], holes text[], j jsonb, js json, xm xml, hs hstore, e color, es color[], p parts, \
    ps parts[],
    tv tsvector, tq tsquery, w words, r regclass, rt regtype[], mo money[], ts timestamptz[], iv interval[], \
    by bytea[], fl float8[])";

/// `word` gives the word as a value of the database's own encoding.
const ROWS: &str = "INSERT INTO {t} SELECT g, word() || g, ARRAY[word() || g], word() || g, word() || g, word() || g, \
    word(),
    ARRAY[word() || g, NULL, 'NULL', ''], ARRAY[NULL, word(), NULL], jsonb_build_object(word() || g, word()),
    json_build_object(word(), g), xmlelement(name a, word()), hstore(word(), word() || g), word()::color,
    ARRAY[word()::color, NULL, 'red'],
    ROW(word(), '\\x00ff5c', 0.1 + g, '2001-02-03 04:05:06+01', '-1 mon 2 days -03:04:05', '2001-02-03', 12.5, \
    '{1,NULL}', word())::parts,
    ARRAY[ROW(word(), '\\x5c27', 1e-300 / g, '1850-01-01 00:00:00+00', '1 year -3 days', 'infinity', -1, NULL, \
    'red')::parts, NULL],
    to_tsvector('simple', word()), to_tsquery('simple', quote_literal(word() || g)), words(word(), word() || 'z'),
    quote_ident(word())::regclass, ARRAY['color', 'parts', 'int']::regtype[], ARRAY[g, NULL, -0.5]::money[],
    ARRAY['2001-02-03 04:05:06.789+05:45', NULL, '-infinity']::timestamptz[],
    ARRAY['-1 mon 2 days -03:04:05', '1 day', NULL]::interval[], ARRAY['\\x5c00ff', NULL]::bytea[],
    ARRAY[0.1, 1.0 / 3, 'NaN', NULL]::float8[] FROM generate_series(1, 20) g";

/// All hot and cold rows of `t` are, bit for bit, those of `plain`.
fn same(db: &Client, when: &str) {
    let differ = "SELECT coalesce(string_agg(coalesce(a.id, b.id)::text, ' '), '') FROM public.t AS a FULL \
        JOIN public.plain AS b ON a.id = b.id
                   WHERE a.id IS NULL OR b.id IS NULL OR a *<> b";
    assert_eq!(db.text(differ), "", "{when}: rows differ");
}

fn be_odd(db: &Client, client: &str) {
    for (setting, value) in odd::SETTINGS {
        db.sql(&format!("SELECT set_config('{setting}', '{value}', false)"));
    }
    db.sql(&format!("SET client_encoding = {client}"));
}

/// What the statements of applications do under one client's encoding; they are ASCII, so it changes nothing in them.
fn session(db: &Client, round: i32, what: &str) {
    same(db, what);
    for (key, value) in [
        ("ci", "public.word() || id"),
        ("ta", "ARRAY[public.word() || id]"),
        ("v", "public.word() || id"),
        ("nm", "public.word() || id"),
    ] {
        // Keys of cold rows are found, and taken.
        let found = format!("SELECT count(*) FROM public.t WHERE {key} = (SELECT {value} FROM (VALUES (7)) i(id))");
        assert_eq!(db.int(&found), 1, "{what}: {found}");
        let again = format!("INSERT INTO public.t (id, {key}) SELECT 1000, {value} FROM (VALUES (7)) i(id)");
        db.fails(&again, "23505");
        assert_eq!(
            db.int(&format!(
                "WITH i AS ({again} ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM i"
            )),
            0
        );
        db.sql(&format!("BEGIN; {}; ROLLBACK", again.replace("(7)", "(700)")));
    }
    // The new version of a cold row keeps the other columns.
    for table in ["t", "plain"] {
        db.sql(&format!(
            "UPDATE public.{table} SET x = 'changed {round}' WHERE id = {round}"
        ));
        db.sql(&format!(
            "DELETE FROM public.{table} WHERE hs OPERATOR(public.->) public.word() = public.word() || {}",
            20 - round
        ));
    }
    same(db, &format!("{what}, after writes"));
}

/// A database with the function `word`.
fn word_database(cluster: &Cluster, case: &Case, name: &str) -> Client {
    let (name, encoding) = (name.to_lowercase(), case.encoding);
    cluster.connect("postgres").sql(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
    ));
    let db = cluster.connect(&name);
    let bytes: String = case.word.bytes().map(|byte| format!("{byte:02x}")).collect();
    db.sql(&format!(
        "CREATE FUNCTION word() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT convert_from(E'\\\\x{bytes}', 'UTF8')$$"
    ));
    db
}

fn database(cluster: &Cluster, case: &Case, worker: &str) {
    let name = format!("d_{}_{worker}", case.encoding).to_lowercase();
    let maintenance = cluster.connect("postgres");
    let db = word_database(cluster, case, &name);
    db.sql("CREATE EXTENSION citext; CREATE EXTENSION hstore");
    db.sql(&format!("DO $d$BEGIN EXECUTE format($f${TYPES}$f$, word()); END$d$"));
    for table in ["t", "plain"] {
        db.sql(&TABLE.replace("{t}", table));
        db.sql(&ROWS.replace("{t}", table));
    }
    odd::set_for_database(cluster, &name, worker);
    let endpoint = Endpoint::new();
    enable_database(&db, &endpoint.url());
    enable_table(&db, "public.t", "id <= 18");
    drain(&db, "public.t");
    let hot = "SELECT coalesce(string_agg(id::text, ' '), '') FROM ONLY public.t WHERE ctid < '(2147483648,0)'";
    assert_eq!(db.text(hot), "19 20", "{name}: rows that stayed hot");
    for (round, client) in (1..).zip(case.clients) {
        let what = format!("database {}, worker {worker}, client {client}", case.encoding);
        let db = cluster.connect(&name);
        be_odd(&db, client);
        if round == 2 {
            purge(&db, "public.t");
        }
        session(&db, round, &what);
    }
    // A dump may be restored into a database of another encoding: cold rows follow as the hot ones do.
    if case.encoding != "SQL_ASCII" {
        let dump = cluster.pg_dump(&name, &[]);
        let other = format!("{name}_restored");
        maintenance.sql(&format!(
            "CREATE DATABASE {other} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
        ));
        cluster.psql_file(&other, &dump);
        let restored = cluster.connect(&other);
        reauthorize(&restored);
        same(&restored, &format!("{other}, in UTF8"));
    }
}

#[test]
fn rows_are_the_same_under_every_encoding_and_setting() {
    let cluster = Cluster::builder("encodings")
        .conf("stretch.batch_rows", "7")
        .conf("stretch.max_workers", "24")
        .start();
    for case in &CASES {
        for worker in [case.clients[0], case.clients[1]] {
            database(&cluster, case, worker);
        }
    }
}

/// Tables, columns, constraints and filters have names and constants in the encoding of their database.
#[test]
fn names_are_in_the_encoding_of_the_database() {
    let cluster = Cluster::builder("encodings-names").start();
    for case in &CASES {
        let db = word_database(&cluster, case, &format!("n_{}", case.encoding));
        let endpoint = Endpoint::new();
        enable_database(&db, &endpoint.url());
        let each = |sql: &str| db.sql(&format!("DO $d$BEGIN EXECUTE format($f${sql}$f$, word()); END$d$"));
        each("CREATE TABLE %1$I (%1$I int PRIMARY KEY, note text, \"of %1$s\" text UNIQUE DEFERRABLE)");
        each("INSERT INTO %1$I SELECT g, CASE WHEN g <= 10 THEN %1$L ELSE 'hot' END, g FROM generate_series(1, 20) g");
        db.sql(
            "SELECT stretch.enable_table(quote_ident(word())::regclass, format('note = %L AND %1$I <= 10', word()),
                order_by => format('%I DESC', word()))",
        );
        db.sql("SELECT stretch.drain(quote_ident(word())::regclass)");
        db.sql("SELECT stretch.purge_staged()");
        let ask = |sql: &str| {
            each(&format!("CREATE OR REPLACE VIEW answer AS {sql}"));
            db.text("SELECT * FROM answer")
        };
        assert_eq!(ask("SELECT count(*) || '' FROM %I"), "20", "{}", case.encoding);
        assert_eq!(
            ask("SELECT count(*) || '' FROM ONLY %I WHERE ctid < '(2147483648,0)'"),
            "10",
            "{}",
            case.encoding
        );
        let shown = "SELECT filter LIKE '%%' || word() || '%%' FROM stretch.tables";
        assert!(db.bool(&shown.replace("%%", "%")), "{}", case.encoding);
        // Messages arrive, and name what they are about.
        let duplicate = db.fails(
            "DO $d$BEGIN EXECUTE format('INSERT INTO %I VALUES (5)', word()); END$d$",
            "23505",
        );
        assert!(
            duplicate.message.contains(&format!("{}_pkey", case.word)),
            "{duplicate}"
        );
        let refused = db.fails(
            "DO $d$BEGIN EXECUTE format('SELECT FROM %1$I TABLESAMPLE system (1)', word()); END$d$",
            "0A000",
        );
        assert!(refused.message.contains(case.word), "{refused}");
        each("UPDATE %1$I SET note = %1$L || '2' WHERE %1$I = 7");
        each("DELETE FROM %1$I WHERE %1$I = 8");
        assert_eq!(ask("SELECT count(*) || '' FROM %I"), "19", "{}", case.encoding);
    }
}

/// A filter's constants are those that its author's session reads in it, whatever the sessions of others are like.
#[test]
fn filters_mean_what_their_author_meant() {
    let cluster = Cluster::builder("encodings-filters").start();
    let db = cluster.connect("postgres");
    let endpoint = Endpoint::new();
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (d date, t timestamp, i interval);
         INSERT INTO t SELECT day, day, make_interval(days => 1, secs => -1) \
         FROM generate_series(timestamp '2025-01-01', '2025-12-31', '1 day') day",
    );
    db.sql("SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET TimeZone = 'Asia/Kathmandu'");
    // The first of February, and of March; in this style the interval is -1 day -1 second.
    let filter = "d < '01/02/2025' AND t < '01/03/2025' AND i > '-1 0:00:01'";
    assert_eq!(db.int(&format!("SELECT count(*) FROM t WHERE {filter}")), 31);
    enable_table(&db, "t", filter);
    drain(&db, "t");
    assert_eq!(
        db.text("SELECT count(*) || ' ' || min(d) FROM ONLY t WHERE ctid < '(2147483648,0)'"),
        "334 01/02/2025"
    );
    for query in [
        "d = '05/01/2025'",
        "d BETWEEN '31/01/2025' AND '31/01/2025'",
        "t = '07/01/2025'",
    ] {
        assert_eq!(db.int(&format!("SELECT count(*) FROM t WHERE {query}")), 1, "{query}");
    }
    // Looser in this style, tighter in another.
    db.sql("SELECT stretch.set_filter('t', $$ d < '03/02/2025' AND t < '01/03/2025' AND i > '-1 0:00:01' $$)");
    db.fails("SELECT stretch.set_filter('t', $$ d < '02/02/2025' $$)", "ST013");
    drain(&db, "t");
    assert_eq!(
        db.text("SELECT count(*) || ' ' || min(d) FROM ONLY t WHERE ctid < '(2147483648,0)'"),
        "332 03/02/2025"
    );
    assert_eq!(db.int("SELECT count(*) FROM t"), 365);
    let shown = cluster.connect("postgres").text("SELECT filter FROM stretch.tables");
    assert!(
        shown.contains("'2025-02-03'::date") && shown.contains("'-1 days -00:00:01'::interval"),
        "{shown}"
    );
    // What a backslash means is the author's business, too.
    db.sql(
        r"CREATE TABLE paths (id int, p text);
          INSERT INTO paths SELECT g, CASE WHEN g <= 5 THEN E'C:\\temp' ELSE E'C:\\\\temp' END
              FROM generate_series(1, 9) g",
    );
    db.sql("SET standard_conforming_strings = off; SET escape_string_warning = off");
    db.sql(r"SELECT stretch.enable_table('paths', 'p = ''C:\\\\temp''')");
    drain(&db, "paths");
    assert_eq!(
        db.text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM ONLY paths WHERE ctid < '(2147483648,0)'"),
        "6 7 8 9"
    );
    for session in [&db, &cluster.connect("postgres")] {
        session.sql("SET standard_conforming_strings = on");
        assert_eq!(session.int(r"SELECT count(*) FROM paths WHERE p = 'C:\temp'"), 5);
        assert_eq!(session.int(r"SELECT count(*) FROM paths WHERE p = 'C:\\temp'"), 4);
    }
}

/// C functions and damage leave behind text that is none. The heap shows it; a segment could not.
#[test]
fn text_that_is_none_stays_hot() {
    let cluster = Cluster::builder("encodings-broken").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE CAST (bytea AS text) WITHOUT FUNCTION;
         CREATE TABLE t (id int PRIMARY KEY, s text, v varchar);
         INSERT INTO t VALUES (1, 'good', 'good'), (2, '\\x636166c3'::bytea::text, 'good'), (3, 'good', 'good'),
            (4, 'good', '\\xff'::bytea::text)",
    );
    enable_table(&db, "t", "id < 10");
    assert_eq!(drain(&db, "t"), 2);
    assert_eq!(hot_rows(&db, "t"), 2);
    let sizes = db.lines("SELECT id, octet_length(s), octet_length(v) FROM t ORDER BY id");
    assert_eq!(sizes, ["1|4|4", "2|4|4", "3|4|4", "4|4|1"]);
}
