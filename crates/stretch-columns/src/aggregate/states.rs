//! What one aggregate has of each group.

use super::groups::Numbered;
use super::plan::Function;
use super::values::Values;
use crate::numbers::{Numbers, Unscaled};
use arrow_buffer::NullBuffer;

/// One aggregate of all groups.
pub(super) struct State {
    pub function: Function,
    pub content: Content,
}

/// By kind of function; one place for each group.
pub(super) enum Content {
    Count(Vec<i64>),
    Sum(Sums),
    Extreme(Extremes),
    Text(Vec<Option<Vec<u8>>>),
    Truth(Vec<Option<bool>>),
}

#[derive(Default)]
pub(super) struct Sums {
    pub totals: Vec<i128>,
    /// Values that were added.
    pub counts: Vec<i64>,
    /// Digits behind the point of all that was added.
    pub scale: Option<u8>,
    /// No total is further from zero.
    reach: i128,
}

#[derive(Default)]
pub(super) struct Extremes {
    pub values: Vec<Option<i128>>,
    pub scale: Option<u8>,
}

impl State {
    pub fn new(function: Function) -> Self {
        let content = match function {
            Function::Count => Content::Count(Vec::new()),
            Function::SumOfSmall | Function::AverageOfSmall | Function::OfBig | Function::OfNumeric => {
                Content::Sum(Sums::default())
            }
            Function::LeastWord | Function::GreatestWord | Function::LeastNumeric | Function::GreatestNumeric => {
                Content::Extreme(Extremes::default())
            }
            Function::LeastText | Function::GreatestText => Content::Text(Vec::new()),
            Function::All | Function::Any => Content::Truth(Vec::new()),
        };
        Self { function, content }
    }

    /// Whether the values of a batch can be added: they are of one scale with those before, and no total can leave
    /// its numbers.
    pub fn fits(&self, rows: usize, values: &Values<'_>) -> bool {
        let Values::Numbers(numbers) = values else {
            return true;
        };
        if numbers.is_missing(rows) {
            return true;
        }
        match &self.content {
            Content::Sum(sums) => {
                let limit = match self.function {
                    Function::SumOfSmall | Function::AverageOfSmall => i64::MAX.into(),
                    _ => i128::MAX,
                };
                sums.scale.is_none_or(|scale| scale == numbers.scale)
                    && sums.reach_with(rows, numbers).is_some_and(|reach| reach <= limit)
            }
            Content::Extreme(extremes) => extremes.scale.is_none_or(|scale| scale == numbers.scale),
            _ => true,
        }
    }

    /// Adds the values of a batch, which fit.
    pub fn add(&mut self, rows: &Numbered, values: &Values<'_>) {
        let greatest = self.function.wants_greatest();
        match (&mut self.content, values) {
            (Content::Count(counts), Values::Rows(valid)) => {
                counts.resize(rows.groups, 0);
                count(counts, rows, valid.as_ref());
            }
            (Content::Count(counts), Values::Numbers(numbers)) => {
                counts.resize(rows.groups, 0);
                count(counts, rows, numbers.valid.as_ref());
            }
            (Content::Sum(sums), Values::Numbers(numbers)) => sums.add(rows, numbers),
            (Content::Extreme(extremes), Values::Numbers(numbers)) => extremes.add(rows, numbers, greatest),
            (Content::Text(texts), Values::Texts(values, valid)) => {
                texts.resize(rows.groups, None);
                each_valid(rows.rows, valid.as_ref(), |row| {
                    keep_text(&mut texts[rows.group(row)], values.value(row).as_bytes(), greatest);
                });
            }
            (Content::Truth(truths), Values::Truths(values, valid)) => {
                truths.resize(rows.groups, None);
                let all = self.function == Function::All;
                each_valid(rows.rows, valid.as_ref(), |row| {
                    let (value, held) = (values.value(row), &mut truths[rows.group(row)]);
                    *held = Some(match all {
                        true => held.unwrap_or(true) && value,
                        false => held.unwrap_or(false) || value,
                    });
                });
            }
            // NULL in each row, which no function but count(*) sees.
            (content, _) => content.resize(rows.groups),
        }
    }
}

impl Content {
    /// Makes room for so many groups.
    pub fn resize(&mut self, groups: usize) {
        match self {
            Self::Count(counts) => counts.resize(groups, 0),
            Self::Sum(sums) => sums.resize(groups),
            Self::Extreme(extremes) => extremes.values.resize(groups, None),
            Self::Text(texts) => texts.resize(groups, None),
            Self::Truth(truths) => truths.resize(groups, None),
        }
    }
}

impl Sums {
    /// How far from zero a total may be after these numbers; `None` beyond 127 bits.
    fn reach_with(&self, rows: usize, numbers: &Numbers) -> Option<i128> {
        let more = numbers.magnitude()?.checked_mul(rows as i128)?;
        self.reach.checked_add(more)
    }

    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, rows: &Numbered, numbers: &Numbers) {
        self.resize(rows.groups);
        if numbers.is_missing(rows.rows) {
            return;
        }
        self.scale = Some(numbers.scale);
        let before = self.reach;
        self.reach = self.reach_with(rows.rows, numbers).unwrap_or(i128::MAX);
        count(&mut self.counts, rows, numbers.valid.as_ref());
        let fits_narrow = i64::try_from(self.reach - before).is_ok();
        match (&numbers.unscaled, &rows.of_rows) {
            (Unscaled::Narrow(values), None) if fits_narrow && numbers.valid.is_none() => {
                self.totals[0] += i128::from(values.iter().sum::<i64>());
            }
            (Unscaled::Narrow(values), Some(of_rows)) if numbers.valid.is_none() => {
                for (value, group) in values.iter().zip(of_rows) {
                    self.totals[*group as usize] += i128::from(*value);
                }
            }
            _ => each_valid(rows.rows, numbers.valid.as_ref(), |row| {
                self.totals[rows.group(row)] += numbers.get(row);
            }),
        }
    }
}

impl Extremes {
    fn add(&mut self, rows: &Numbered, numbers: &Numbers, greatest: bool) {
        self.values.resize(rows.groups, None);
        if numbers.is_missing(rows.rows) {
            return;
        }
        self.scale = Some(numbers.scale);
        // With no NULL among them the bounds are values.
        if rows.of_rows.is_none() && numbers.valid.is_none() && numbers.is_exact {
            let (least, most) = numbers.bounds;
            return self.keep(0, if greatest { most } else { least }, greatest);
        }
        each_valid(rows.rows, numbers.valid.as_ref(), |row| {
            self.keep(rows.group(row), numbers.get(row), greatest);
        });
    }

    #[inline]
    pub fn keep(&mut self, group: usize, value: i128, greatest: bool) {
        let held = &mut self.values[group];
        let better = held.is_none_or(|held| if greatest { value > held } else { value < held });
        if better {
            *held = Some(value);
        }
    }
}

/// Takes a text in the place of the one that is held, where it is greater or less.
pub(super) fn keep_text(held: &mut Option<Vec<u8>>, value: &[u8], greatest: bool) {
    let better = held.as_deref().is_none_or(|held| match greatest {
        true => value > held,
        false => value < held,
    });
    if better {
        *held = Some(value.to_vec());
    }
}

impl Numbered {
    #[inline]
    fn group(&self, row: usize) -> usize {
        self.of_rows.as_ref().map_or(0, |of_rows| of_rows[row] as usize)
    }
}

fn count(counts: &mut [i64], rows: &Numbered, valid: Option<&NullBuffer>) {
    match (&rows.of_rows, valid) {
        (None, _) => {
            let nulls = valid.map_or(0, NullBuffer::null_count);
            counts[0] += (rows.rows - nulls) as i64;
        }
        (Some(of_rows), None) => {
            for group in of_rows {
                counts[*group as usize] += 1;
            }
        }
        (Some(of_rows), Some(valid)) => {
            for row in valid.valid_indices() {
                counts[of_rows[row] as usize] += 1;
            }
        }
    }
}

fn each_valid(rows: usize, valid: Option<&NullBuffer>, mut f: impl FnMut(usize)) {
    match valid {
        None => (0..rows).for_each(f),
        Some(valid) => valid.valid_indices().for_each(&mut f),
    }
}
