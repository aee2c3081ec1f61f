//! The values of an aggregate's argument in a batch, without the rows that its FILTER leaves out.

use super::plan::{Aggregate, Argument};
use crate::conditions::Clause;
use crate::expression::Expression;
use crate::numbers::{self, Numbers};
use crate::select::{clause_truths, select};
use crate::source::{Source, SourceOf, Unfit};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

/// The values of an aggregate's argument.
pub(super) enum Values<'a> {
    Rows(Option<NullBuffer>),
    Numbers(Numbers),
    /// Each row has its number in one of these at most, and is NULL in the others.
    Chosen(Vec<Numbers>),
    Texts(&'a StringArray, Option<NullBuffer>),
    Truths(&'a BooleanArray, Option<NullBuffer>),
    /// All NULL.
    Missing,
}

impl Values<'_> {
    /// The numbers, where they are numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Numbers> {
        match self {
            Self::Numbers(numbers) => std::slice::from_ref(numbers),
            Self::Chosen(parts) => parts,
            _ => &[],
        }
        .iter()
    }
}

/// The values of one aggregate in a batch of `rows` rows.
pub(super) fn values_of<'a>(one: &Aggregate, rows: usize, source_of: &SourceOf<'a>) -> Result<Values<'a>, Unfit> {
    let mask = match one.filter.as_slice() {
        [] => None,
        conditions => {
            let selected = select(rows, conditions, source_of);
            if !selected.open.is_empty() {
                return Err(Unfit);
            }
            Some(selected.rows)
        }
    };
    let array = |attribute: i16| match source_of(attribute) {
        Source::Decoded(column) if column.array.len() == rows => Ok(Some(column)),
        Source::Missing => Ok(None),
        Source::Decoded(_) | Source::Constant(_) | Source::NotDecoded => Err(Unfit),
    };
    Ok(match &one.argument {
        Argument::Row => Values::Rows(mask.map(NullBuffer::new)),
        Argument::Presence(attribute) => match array(*attribute)? {
            Some(column) => Values::Rows(masked(column.array.nulls().cloned(), mask)),
            None => Values::Missing,
        },
        Argument::Number(expression) => {
            let mut numbers = numbers::of_expression(expression, rows, source_of)?;
            numbers.valid = masked(numbers.valid, mask);
            Values::Numbers(numbers)
        }
        Argument::Chosen(cases, otherwise) => {
            let left = mask.unwrap_or_else(|| BooleanBuffer::new_set(rows));
            Values::Chosen(chosen(cases, otherwise.as_ref(), left, rows, source_of)?)
        }
        Argument::Text(attribute) => match array(*attribute)? {
            Some(column) if column.text_comparable => {
                let texts = column.array.as_string_opt().ok_or(Unfit)?;
                Values::Texts(texts, masked(texts.nulls().cloned(), mask))
            }
            Some(_) => return Err(Unfit),
            None => Values::Missing,
        },
        Argument::Truth(attribute) => match array(*attribute)? {
            Some(column) => {
                let truths = column.array.as_boolean_opt().ok_or(Unfit)?;
                Values::Truths(truths, masked(truths.nulls().cloned(), mask))
            }
            None => Values::Missing,
        },
    })
}

/// The numbers of the rows that are left, each where its case chooses it.
fn chosen(
    cases: &[(Clause, Option<Expression>)],
    otherwise: Option<&Expression>,
    mut left: BooleanBuffer,
    rows: usize,
    source_of: &SourceOf<'_>,
) -> Result<Vec<Numbers>, Unfit> {
    let mut all = Vec::new();
    let mut take = |expression: Option<&Expression>, mask: BooleanBuffer| {
        if let Some(expression) = expression {
            let mut numbers = numbers::of_expression(expression, rows, source_of)?;
            numbers.valid = masked(numbers.valid, Some(mask));
            all.push(numbers);
        }
        Ok(())
    };
    for (clause, expression) in cases {
        let truths = clause_truths(rows, clause, source_of).ok_or(Unfit)?;
        take(expression.as_ref(), &left & truths.yes())?;
        left = &left & &!truths.yes();
    }
    take(otherwise, left)?;
    Ok(all)
}

/// The rows that are valid and selected.
fn masked(valid: Option<NullBuffer>, mask: Option<BooleanBuffer>) -> Option<NullBuffer> {
    match (valid, mask) {
        (valid, None) => valid,
        (None, Some(mask)) => Some(NullBuffer::new(mask)),
        (Some(valid), Some(mask)) => Some(NullBuffer::new(valid.inner() & &mask)),
    }
}
