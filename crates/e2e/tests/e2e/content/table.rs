//! A random table: columns, rows, dropped and added columns, and the filter with which it is stretched.

use super::filter;
use super::kinds::{KINDS, Kind};
use super::values::LONG;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use std::collections::BTreeMap;
use testkit::Client;
use testkit::setup::IS_HOT;

/// How often the things occurred without which the test proves nothing.
pub type Occurred = BTreeMap<String, i64>;

/// Column types dealt like cards, so that all come before one comes again.
pub struct Deck(Vec<&'static Kind>);

impl Deck {
    pub fn new() -> Deck {
        Deck(Vec::new())
    }

    fn deal(&mut self, r: &mut StdRng) -> &'static Kind {
        if self.0.is_empty() {
            self.0 = KINDS.iter().collect();
            self.0.shuffle(r);
        }
        self.0.pop().expect("just filled")
    }
}

/// What to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Usual,
    Empty,
    /// Few narrow columns, rows for many batches.
    Many,
    /// With a text and a bytea of a megabyte.
    Long,
}

pub struct Column {
    /// Quoted where needed.
    pub name: String,
    pub kind: &'static Kind,
    nulls: f64,
}

pub struct Table {
    /// Quoted where needed, with its schema.
    pub name: String,
    pub columns: Vec<Column>,
    pub filter: Option<String>,
    pub order_by: Option<String>,
}

impl Table {
    /// Makes it in the database and fills it; its key column is `k`, its rows need not be unique.
    pub fn create(r: &mut StdRng, deck: &mut Deck, db: &Client, number: usize, shape: Shape) -> Table {
        let schema = if r.random_bool(0.2) { "other_schema" } else { "public" };
        let name = format!(
            "{schema}.{}",
            if r.random() {
                format!("t{number}")
            } else {
                format!("\"Table {number}\"")
            }
        );
        let columns = columns(r, deck, shape);
        let unique = shape != Shape::Empty && r.random_bool(0.4);

        let mut defs: Vec<String> = columns.iter().map(|c| format!("{} {}", c.name, c.kind.sql)).collect();
        let key = if unique { "k int PRIMARY KEY" } else { "k int" };
        let at = r.random_range(0..=defs.len());
        defs.insert(at, key.to_owned());
        let dropped = r.random_bool(0.5);
        if dropped {
            let at = r.random_range(0..=defs.len());
            defs.insert(at, "dropped_early text DEFAULT 'gone'".to_owned());
            defs.insert(r.random_range(0..=at), "dropped_late numeric DEFAULT 1.5".to_owned());
        }
        if r.random_bool(0.3) {
            defs.push("computed bigint GENERATED ALWAYS AS (k::bigint * 3) STORED".to_owned());
        }
        db.sql(&format!("CREATE TABLE {name} ({})", defs.join(", ")));
        for column in &columns {
            if r.random_bool(0.15) && storable(column.kind) {
                let storage = ["EXTERNAL", "MAIN", "PLAIN", "EXTENDED"].choose(r).expect("four");
                // PLAIN holds nothing long, so such a column keeps its default then.
                if *storage != "PLAIN" {
                    db.sql(&format!(
                        "ALTER TABLE {name} ALTER {} SET STORAGE {storage}",
                        column.name
                    ));
                }
            }
        }

        let mut table = Table {
            name,
            columns,
            filter: None,
            order_by: None,
        };
        let rows = match shape {
            Shape::Empty => 0,
            Shape::Many => r.random_range(4_000..8_000),
            Shape::Usual | Shape::Long => r.random_range(30..350),
        };
        table.copy(r, db, 0..rows / 2, shape);
        if dropped {
            db.sql(&format!("ALTER TABLE {} DROP dropped_early", table.name));
        }
        // A default that existing rows get without being rewritten.
        if r.random_bool(0.3) {
            db.sql(&format!(
                "ALTER TABLE {} ADD added text DEFAULT 'not in the tuple', ADD empty int",
                table.name
            ));
        }
        table.copy(r, db, rows / 2..rows, Shape::Usual);
        if dropped {
            db.sql(&format!("ALTER TABLE {} DROP dropped_late", table.name));
        }
        if !unique {
            let names = table.names();
            db.sql(&format!(
                "INSERT INTO {0} ({names}) SELECT {names} FROM {0} WHERE k % 5 = 0",
                table.name
            ));
        }
        table.filter = filter::choose(r, db, &table, rows);
        table.order_by = r.random_bool(0.3).then(|| "k".to_owned());
        table
    }

    fn copy(&self, r: &mut StdRng, db: &Client, numbers: std::ops::Range<i32>, shape: Shape) {
        let mut text = String::new();
        for number in numbers {
            text.push_str(&number.to_string());
            for column in &self.columns {
                text.push('\t');
                let long = shape == Shape::Long && number % 20 == 1;
                if long && matches!(column.kind.sql, "text" | "bytea" | "jsonb") {
                    text.push_str(&long_value(column.kind.sql));
                } else if r.random_bool(column.nulls) {
                    text.push_str("\\N");
                } else {
                    escape(&(column.kind.value)(r), &mut text);
                }
            }
            text.push('\n');
        }
        db.copy_in(
            &format!("COPY {} ({}) FROM STDIN", self.name, self.names()),
            text.as_bytes(),
        );
    }

    /// The columns that are given values, the key first.
    fn names(&self) -> String {
        let names = self.columns.iter().map(|c| c.name.as_str());
        std::iter::once("k").chain(names).collect::<Vec<_>>().join(", ")
    }

    /// The statement that stretches it.
    pub fn enable(&self) -> String {
        let quote = |text: &Option<String>| match text {
            Some(text) => format!("$f${text}$f$"),
            None => "NULL".to_owned(),
        };
        format!(
            "SELECT stretch.enable_table('{}', filter => {}, order_by => {})",
            self.name,
            quote(&self.filter),
            quote(&self.order_by)
        )
    }

    /// The columns for the binary comparison.
    pub fn portable(&self) -> String {
        let columns = self.columns.iter().map(|c| {
            if c.kind.portable_send {
                c.name.clone()
            } else {
                format!("{}::text", c.name)
            }
        });
        format!(
            "(SELECT {} FROM {}) q",
            std::iter::once("k".to_owned())
                .chain(columns)
                .collect::<Vec<_>>()
                .join(", "),
            self.name
        )
    }

    /// Counts what is cold by now.
    pub fn count(&self, db: &Client, occurred: &mut Occurred) {
        let mut wanted = vec![("rows".to_owned(), "count(*)".to_owned())];
        for Column { name, kind, .. } in &self.columns {
            wanted.push((format!("type {}", kind.sql), format!("count({name})")));
            wanted.push((format!("{:?}", kind.keeping), format!("count({name})")));
            wanted.push(("NULL".to_owned(), format!("count(*) FILTER (WHERE {name} IS NULL)")));
            let size = format!("pg_column_size({name}::text)");
            wanted.push((
                "megabyte".to_owned(),
                format!("count(*) FILTER (WHERE octet_length({name}::text) >= {LONG})"),
            ));
            wanted.push((
                "outside the tuple".to_owned(),
                format!("count(*) FILTER (WHERE {size} > 8192)"),
            ));
            if kind.sql == "double precision" {
                wanted.push(("NaN".to_owned(), format!("count(*) FILTER (WHERE {name} = 'NaN')")));
            }
            if kind.sql.starts_with("timestamp") || kind.sql == "date" {
                wanted.push((
                    "infinity".to_owned(),
                    format!("count(*) FILTER (WHERE {name} IN ('infinity', '-infinity'))"),
                ));
                wanted.push((
                    "BC".to_owned(),
                    format!("count(*) FILTER (WHERE {name}::text LIKE '%BC')"),
                ));
            }
        }
        let list: Vec<&str> = wanted.iter().map(|(_, sql)| sql.as_str()).collect();
        let numbers = |from: &str| -> Vec<i64> {
            let row = db.rows(&format!("SELECT {} FROM {from}", list.join(", "))).remove(0);
            row.into_iter()
                .map(|n| n.expect("a count").parse().expect("a number"))
                .collect()
        };
        let (all, hot) = (
            numbers(&self.name),
            numbers(&format!("ONLY {} WHERE {IS_HOT}", self.name)),
        );
        let (total, cold) = (all[0], all[0] - hot[0]);
        for ((what, _), (all, hot)) in wanted.into_iter().zip(all.into_iter().zip(hot)) {
            *occurred.entry(format!("cold: {what}")).or_default() += all - hot;
        }
        let has = |attribute: &str| {
            db.bool(&format!(
                "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = '{}'::regclass AND {attribute})",
                self.name
            ))
        };
        let cold_if = |yes| if yes { cold } else { 0 };
        for (what, count) in [
            ("rows", total),
            ("empty table", i64::from(total == 0)),
            ("dropped column", cold_if(has("attisdropped"))),
            ("generated column", cold_if(has("attgenerated <> ''"))),
            ("rows left by a filter", total - cold),
        ] {
            *occurred.entry(what.to_owned()).or_default() += count;
        }
    }
}

fn columns(r: &mut StdRng, deck: &mut Deck, shape: Shape) -> Vec<Column> {
    let count = match shape {
        Shape::Many => 4,
        Shape::Empty => 5,
        Shape::Usual | Shape::Long => r.random_range(4..14),
    };
    // What an empty table is dealt does not count.
    let deck = if shape == Shape::Empty { &mut Deck::new() } else { deck };
    let mut kinds: Vec<&'static Kind> = (0..count).map(|_| deck.deal(r)).collect();
    if shape == Shape::Long {
        kinds.extend(
            KINDS
                .iter()
                .filter(|kind| matches!(kind.sql, "text" | "bytea" | "jsonb")),
        );
    }
    let mut columns = Vec::new();
    for (i, kind) in kinds.into_iter().enumerate() {
        let name = match r.random_range(0..8) {
            0 => format!("\"Column {i}\""),
            1 => format!("\"select{i}é\""),
            _ => format!("c{i}"),
        };
        let nulls = if kind.sql == "money_amount" {
            0.0
        } else {
            *[0.0, 0.1, 0.5].choose(r).expect("three")
        };
        columns.push(Column { name, kind, nulls });
    }
    columns
}

/// Whether ALTER … SET STORAGE applies.
fn storable(kind: &Kind) -> bool {
    matches!(
        kind.sql,
        "text" | "varchar" | "bytea" | "jsonb" | "numeric" | "int[]" | "xml"
    )
}

fn long_value(kind: &str) -> String {
    let digits = |length: usize| {
        (0..length)
            .map(|i| char::from(b'0' + (i * i / 7 % 10) as u8))
            .collect::<String>()
    };
    match kind {
        "text" => digits(LONG + 1),
        "bytea" => format!("\\\\x{}", digits(2 * LONG)),
        _ => format!("{{\"long\": [{}]}}", "12345, ".repeat(LONG / 7).trim_end_matches(", ")),
    }
}

/// COPY's text format.
fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}
