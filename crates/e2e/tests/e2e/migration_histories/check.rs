//! What must be alike on both sides after each release: definitions, content, and answers to statements that a table of
//! any columns understands.

use super::sides::Sides;
use testkit::setup::IS_HOT;
use testkit::{Client, digest};

/// Definitions as the catalog shows them, of all tables of the search path's first schema.
const DEFINITIONS: [&str; 7] = [
    "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attgenerated,
        attidentity, attstattarget, attstorage, attcompression, attcollation, attoptions,
        col_description(c.oid, attnum)
     FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
     ORDER BY relname, attnum",
    "SELECT conrelid::regclass, conname, contype, convalidated, condeferrable, condeferred, conindid::regclass,
        confrelid::regclass, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
     FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2",
    "SELECT indrelid::regclass, pg_get_indexdef(indexrelid), indisunique, indisprimary, indisvalid, indisready,
        indislive, indimmediate, indisclustered, indisreplident, obj_description(indexrelid, 'pg_class')
     FROM pg_index JOIN pg_class ON oid = indrelid WHERE relnamespace = current_schema()::regnamespace ORDER BY 1, 2",
    "SELECT tgrelid::regclass, pg_get_triggerdef(t.oid), tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
     WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal ORDER BY 1, 2",
    "SELECT tgrelid::regclass, count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
     WHERE relnamespace = current_schema()::regnamespace AND tgisinternal GROUP BY 1 ORDER BY 1",
    "SELECT oid::regclass, relkind, relowner::regrole, relacl, reloptions, relreplident, relrowsecurity, relhasindex,
        obj_description(oid, 'pg_class')
     FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1",
    "SELECT sequencename, data_type, increment_by, last_value FROM pg_sequences WHERE schemaname = current_schema()
     ORDER BY 1",
];

/// Definitions, sequences and content are alike.
pub fn compare(sides: &Sides, after: &str) {
    for query in DEFINITIONS {
        let [cold, plain] = [(&sides.cold, "cold."), (&sides.plain, "plain.")].map(|(side, schema)| {
            let lines = side.lines(query).into_iter();
            lines.map(|line| line.replace(schema, "")).collect::<Vec<_>>()
        });
        assert_eq!(cold, plain, "definitions after {after}");
    }
    for table in tables(&sides.plain) {
        let [cold, plain] = ["cold", "plain"].map(|schema| format!("{schema}.{table}"));
        let content = |relation: &str| digest::binary_multiset(&sides.administrator, relation);
        if content(&cold) != content(&plain) {
            digest::assert_same(&sides.administrator, &cold, &plain, after);
            panic!("after {after}: {table} holds values that print alike and are not");
        }
    }
}

fn tables(side: &Client) -> Vec<String> {
    side.lines(
        "SELECT quote_ident(relname) FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 1",
    )
}

/// Reads every column, and inserts again, updates and deletes a cold row and a hot one: the same answers.
pub fn probe(sides: &Sides, table: &str, after: &str) {
    let columns = sides.plain.lines(&format!(
        "SELECT quote_ident(attname) FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
    ));
    let read: Vec<String> = columns
        .iter()
        .map(|column| format!("count({column}), min({column}::text), max({column}::text)"))
        .collect();
    alike(
        sides,
        &format!("SELECT count(*), {} FROM {table}", read.join(", ")),
        after,
    );
    for rows in [format!("NOT {IS_HOT}"), IS_HOT.to_owned()] {
        let pick = format!("SELECT quote_literal(q::text) FROM {table} q WHERE {rows} ORDER BY q::text LIMIT 3");
        let picked = sides.cold.lines(&pick);
        assert_eq!(picked.len(), 3, "{after}: rows of {table} where {rows}");
        let (all, first) = (columns.join(", "), &columns[0]);
        let again = format!(
            "INSERT INTO {table} ({all}) SELECT {all} FROM {table} q WHERE q::text = {}",
            picked[0]
        );
        let code = alike(sides, &again, after);
        assert_eq!(code.as_deref(), Some("23505"), "{after}: {again}");
        let update = format!(
            "UPDATE {table} q SET {first} = {first} WHERE q::text = {} RETURNING q.*",
            picked[1]
        );
        assert_eq!(alike(sides, &update, after), None, "{after}: {update}");
        alike(
            sides,
            &format!("DELETE FROM {table} q WHERE q::text = {} RETURNING q.*", picked[2]),
            after,
        );
    }
}

/// Runs a statement on both sides; the SQLSTATE with which it fails on both.
fn alike(sides: &Sides, text: &str, after: &str) -> Option<String> {
    let [cold, plain] = sides.both(text);
    match (cold, plain) {
        (Ok(cold), Ok(plain)) => {
            assert_eq!(cold, plain, "{after}: {text}");
            None
        }
        (Err(cold), Err(plain)) => {
            assert_eq!(cold.code, plain.code, "{after}: {text}: {cold} and {plain}");
            Some(cold.code)
        }
        (cold, plain) => panic!("{after}: {text}: {cold:?} and {plain:?}"),
    }
}
