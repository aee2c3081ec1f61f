//! Aggregates of a row group that its statistics answer, so that nothing of it is read.

use super::partial::Partial;
use super::plan::{Aggregate, Argument, Function};
use super::states::{Content, State, keep_text};
use crate::expression::Expression;
use crate::stored::Reading;
use stretch_segment::limits::MAX_BOUND_BYTES;
use stretch_segment::{Bound, ColumnStats};

/// What is known of a column of a row group.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    Statistics {
        statistics: &'a ColumnStats,
        reading: Reading,
        /// Stored text has the bytes that the server has ([`crate::exact::text_comparable`]).
        text_comparable: bool,
    },
    /// The segment has no such column, so that all is NULL.
    Missing,
    Nothing,
}

/// What is known of a row group of which every living row is wanted.
pub struct Facts<'a> {
    pub rows: u32,
    pub dead: u32,
    /// By attribute.
    pub column: &'a dyn Fn(i16) -> Known<'a>,
}

/// What a row group adds to the one group.
enum Answer {
    Count(i64),
    /// With the digits behind its point.
    Number(i128, u8),
    Text(Vec<u8>),
    /// Nothing: there is no value.
    None,
}

impl Partial {
    /// Takes a row group by what is known of it; false when that is not enough, and then nothing has changed.
    pub fn add_known(&mut self, facts: &Facts<'_>) -> bool {
        if !self.plan.may_be_known() {
            return false;
        }
        let pairs = self.plan.aggregates.iter().zip(&self.states);
        let answers: Option<Vec<Answer>> = pairs.map(|(one, state)| answer(one, state, facts)).collect();
        let Some(answers) = answers else { return false };
        self.groups.number(0, &[]);
        for (state, answer) in self.states.iter_mut().zip(answers) {
            keep(state, answer);
        }
        true
    }
}

fn answer(one: &Aggregate, state: &State, facts: &Facts<'_>) -> Option<Answer> {
    if one.function == Function::Count && one.argument == Argument::Row {
        return Some(Answer::Count(i64::from(facts.rows) - i64::from(facts.dead)));
    }
    // Which of the values the dead rows had is not known.
    if facts.dead > 0 {
        return None;
    }
    match (&one.argument, one.function) {
        (Argument::Presence(attribute), Function::Count) => match (facts.column)(*attribute) {
            Known::Statistics { statistics, .. } => Some(Answer::Count(
                i64::from(facts.rows) - i64::try_from(statistics.null_count).ok()?,
            )),
            Known::Missing => Some(Answer::Count(0)),
            Known::Nothing => None,
        },
        (
            Argument::Number(Expression::Column(attribute)),
            Function::LeastWord | Function::GreatestWord | Function::LeastNumeric | Function::GreatestNumeric,
        ) => {
            let found = end(one.function, (facts.column)(*attribute), facts.rows)?;
            let Content::Extreme(extremes) = &state.content else {
                return None;
            };
            let fits = |scale: u8| extremes.scale.is_none_or(|known| known == scale);
            match found {
                None => Some(Answer::None),
                Some((Bound::Int(value), _)) if fits(0) => Some(Answer::Number((*value).into(), 0)),
                Some((Bound::Decimal(value, scale), _)) if fits(*scale) => Some(Answer::Number(*value, *scale)),
                Some(_) => None,
            }
        }
        (Argument::Text(attribute), Function::LeastText | Function::GreatestText) => {
            match end(one.function, (facts.column)(*attribute), facts.rows)? {
                None => Some(Answer::None),
                // A longer one is cut.
                Some((Bound::Bytes(value), true)) if value.len() < MAX_BOUND_BYTES => Some(Answer::Text(value.clone())),
                Some(_) => None,
            }
        }
        _ => None,
    }
}

/// The least or greatest value, and whether text in it can be compared; `Some(None)` when there is no value at all,
/// `None` when it is not known.
fn end<'a>(function: Function, column: Known<'a>, rows: u32) -> Option<Option<(&'a Bound, bool)>> {
    let (statistics, reading, text_comparable) = match column {
        Known::Statistics {
            statistics,
            reading,
            text_comparable,
        } => (statistics, reading, text_comparable),
        Known::Missing => return Some(None),
        Known::Nothing => return None,
    };
    // What a function of the type makes of stored bytes is not what the statistics are about.
    if matches!(
        reading,
        Reading::Receive | Reading::Input | Reading::Float32 | Reading::Float64
    ) {
        return None;
    }
    if statistics.null_count >= rows.into() {
        return Some(None);
    }
    let bound = if function.wants_greatest() {
        &statistics.max
    } else {
        &statistics.min
    };
    bound.as_ref().map(|bound| Some((bound, text_comparable)))
}

fn keep(state: &mut State, answer: Answer) {
    let greatest = state.function.wants_greatest();
    state.content.resize(1);
    match (&mut state.content, answer) {
        (Content::Count(counts), Answer::Count(count)) => counts[0] += count,
        (Content::Extreme(extremes), Answer::Number(value, scale)) => {
            extremes.scale = Some(scale);
            extremes.keep(0, value, greatest);
        }
        (Content::Text(texts), Answer::Text(value)) => {
            keep_text(&mut texts[0], &value, greatest);
        }
        _ => {}
    }
}
