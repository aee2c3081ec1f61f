//! Random filters over a random table, of which one is taken that selects a good part of the rows.

use super::kinds;
use super::table::{Column, Table};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use testkit::Client;

/// A filter, or none at all, which selects every row. Rows are numbered from 0 in `k`.
pub fn choose(r: &mut StdRng, db: &Client, table: &Table, rows: i32) -> Option<String> {
    if r.random_bool(0.2) {
        return None;
    }
    let mut candidates: Vec<String> = table.columns.iter().flat_map(|column| of_column(r, column)).collect();
    candidates.push("k % 5 <> 2".to_owned());
    candidates.push(format!("k < {} OR k > {}", rows / 2, rows * 3 / 4));
    candidates.push("k IS NOT NULL AND NOT (k = ANY ('{1,3,5,7,9}'))".to_owned());
    candidates.shuffle(r);
    if r.random_bool(0.3) {
        let both = format!("({}) OR ({})", candidates[0], candidates[1]);
        candidates.insert(0, both);
    }
    candidates.push(format!("k < {}", rows * 4 / 5));
    let enough = |filter: &String| {
        rows == 0
            || db.bool(&format!(
                "SELECT count(*) FILTER (WHERE {filter}) >= 0.55 * count(*) FROM {}",
                table.name
            ))
    };
    candidates.into_iter().find(enough)
}

fn of_column(r: &mut StdRng, column: &Column) -> Vec<String> {
    let name = &column.name;
    // A filter may use only types of pg_catalog.
    let own = kinds::OWN_TYPES.contains(&format!(" {} AS ", column.kind.sql.trim_end_matches("[]")));
    let mut of = if own {
        Vec::new()
    } else {
        vec![format!("{name} IS NOT NULL")]
    };
    let more: &[&str] = match column.kind.sql {
        "boolean" => &["{}", "NOT {}", "{} IS NOT TRUE"],
        "smallint" | "int" | "bigint" => &[
            "{} > -2000",
            "{} <> 0",
            "{} BETWEEN -1000 AND 2147483647",
            "{} IN (1, 2, 3) OR {} > 5",
        ],
        "real" | "double precision" => &["{} < 'NaN'", "{} <> 'Infinity'", "{} >= '-Infinity'", "abs({}) > 0.1"],
        "numeric" | "numeric(9,2)" | "numeric(38,10)" => &["{} < 'NaN'", "{} > -1000000", "abs({}) >= 1.5"],
        "text" | "varchar" | "varchar(30)" => &["{} <> ''", "{} < 'zz' COLLATE \"C\"", "length({}) < 3000"],
        "text COLLATE \"C\"" => &["{} < 'z'", "{} >= ' '"],
        "char(12)" => &["{} <> 'a'"],
        "bytea" => &["{} >= '\\x10'", "{} <> '\\x'"],
        "date" => &["{} < date '2500-01-01'", "{} > '-infinity'", "isfinite({})"],
        "timestamp" => &["{} < timestamp '2150-01-01'", "{} <> 'infinity'"],
        "timestamptz" => &["{} < timestamptz '2150-01-01 00:00+00'", "{} > '-infinity'"],
        "uuid" => &["{} > '30000000-0000-0000-0000-000000000000'"],
        "inet" => &["{} > '10.0.0.0'"],
        "interval" => &["{} < interval '100 years'"],
        "int[]" => &["{} <> '{NULL}'"],
        "jsonb" => &["{} <> 'null'"],
        _ => &[],
    };
    let bound = r.random_range(0..=more.len());
    // Any of the first ones, so that each has its turn.
    of.extend(more.iter().take(bound).map(|text| text.replace("{}", name)));
    of
}
