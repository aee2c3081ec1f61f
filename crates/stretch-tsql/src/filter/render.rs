//! A filter function as text of PostgreSQL.
//!
//! Dates at midnight become plain literals, which take the type of the column (date, timestamp or timestamptz); a time
//! of day is typed, because a column of type date would drop it.

use super::constant::Constant;
use super::moment::Moment;
use super::number::Number;
use super::types::FilterType;
use super::{Check, FilterFunction, Operator, Test};

/// The whole filter over columns with these names.
pub(super) fn filter(function: &FilterFunction, columns: &[&str]) -> String {
    let several = function.conditions.len() > 1;
    let conditions: Vec<String> = function
        .conditions
        .iter()
        .map(|condition| {
            let tests: Vec<String> = condition.iter().map(|test| one(function, test, columns)).collect();
            let text = tests.join(" OR ");
            if tests.len() > 1 && several {
                format!("({text})")
            } else {
                text
            }
        })
        .collect();
    conditions.join(" AND ")
}

fn one(function: &FilterFunction, test: &Test, columns: &[&str]) -> String {
    let column = quoted(columns.get(test.parameter).copied().unwrap_or_default());
    let kind = function
        .parameters
        .get(test.parameter)
        .map_or(FilterType::Int, |p| p.kind);
    match &test.check {
        Check::IsNull => format!("{column} IS NULL"),
        Check::IsNotNull => format!("{column} IS NOT NULL"),
        Check::In(values) => {
            let values: Vec<String> = values.iter().map(|value| literal(value, kind)).collect();
            format!("{column} IN ({})", values.join(", "))
        }
        Check::Compare(operator, value) => {
            let sign = match operator {
                Operator::Less => "<",
                Operator::LessOrEqual => "<=",
                Operator::Greater => ">",
                Operator::GreaterOrEqual => ">=",
                Operator::Equal => "=",
                Operator::NotEqual => "<>",
            };
            format!("{column} {sign} {}", literal(value, kind))
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') {
        // Reads the same whatever standard_conforming_strings says.
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

fn literal(value: &Constant, kind: FilterType) -> String {
    match value {
        // In quotes it fits a boolean column as well as one of numbers.
        Constant::Number(n) if kind == FilterType::Bit => format!("'{n}'"),
        Constant::Number(n @ Number::Float(_)) => format!("'{n}'::double precision"),
        Constant::Number(n) => n.to_string(),
        Constant::Text(value) => text(value),
        Constant::Moment(moment) => date(*moment),
    }
}

fn date(moment: Moment) -> String {
    let day = format!("{:04}-{:02}-{:02}", moment.year, moment.month, moment.day);
    if let Some(offset) = moment.offset {
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs();
        return format!(
            "timestamptz '{day} {}{sign}{:02}:{:02}'",
            moment.clock(),
            minutes / 60,
            minutes % 60
        );
    }
    if moment.micros == 0 {
        format!("'{day}'")
    } else {
        format!("timestamp '{day} {}'", moment.clock())
    }
}
