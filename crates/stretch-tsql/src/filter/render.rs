//! A filter function as text of PostgreSQL.
//!
//! Dates at midnight become plain literals, which take the type of the column (date, timestamp or timestamptz); a time
//! of day is typed, because a column of type date would drop it.

use super::constant::Constant;
use super::function::{Check, FilterFunction, Operator, Test};
use super::moment::Moment;
use super::number::Number;
use super::types::FilterType;
use crate::error::{Error, Kind, number as numbers};
use crate::position::Position;

impl FilterFunction {
    /// The filter as text of PostgreSQL over these columns, each the column's name as in the catalog. `at` is where
    /// the function is used.
    pub fn bind(&self, columns: &[&str], at: Position) -> Result<String, Error> {
        if columns.len() != self.parameters.len() {
            let message = format!(
                "the filter function takes {} columns, {} are given",
                self.parameters.len(),
                columns.len()
            );
            return Err(Error::new(Kind::Filter, numbers::FILTER_ARGUMENTS, at, message));
        }
        Ok(filter(self, columns))
    }
}

/// The whole filter over columns with these names.
fn filter(function: &FilterFunction, columns: &[&str]) -> String {
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
