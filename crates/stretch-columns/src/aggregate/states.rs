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

/// What was added, by the digits that it has behind the point: few scales, in the order in which they came.
#[derive(Default)]
pub(super) struct Sums(pub Vec<Level>);

/// What has one scale.
pub(super) struct Level {
    pub scale: u8,
    pub totals: Vec<i128>,
    /// Values that were added.
    pub counts: Vec<i64>,
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
        let numbers: Vec<&Numbers> = values.numbers().filter(|numbers| !numbers.is_missing(rows)).collect();
        match &self.content {
            Content::Sum(sums) => {
                let limit = match self.function {
                    Function::SumOfSmall | Function::AverageOfSmall => i64::MAX.into(),
                    _ => i128::MAX,
                };
                sums.reach_with(rows, &numbers).is_some_and(|reach| reach <= limit)
            }
            Content::Extreme(extremes) => {
                let mut scales = numbers.iter().map(|numbers| numbers.scale).chain(extremes.scale);
                let first = scales.next();
                scales.all(|scale| Some(scale) == first)
            }
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
            (content, Values::Numbers(_) | Values::Chosen(_)) => {
                content.resize(rows.groups);
                for numbers in values.numbers() {
                    match content {
                        Content::Count(counts) => count(counts, rows, numbers.valid.as_ref()),
                        Content::Sum(sums) => sums.add(rows, numbers),
                        Content::Extreme(extremes) => extremes.add(rows, numbers, greatest),
                        Content::Text(_) | Content::Truth(_) => {}
                    }
                }
            }
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

/// What a group has of all scales.
pub(super) struct Total {
    /// Of all values, with the digits of `scale`.
    pub sum: i128,
    pub count: i64,
    /// The most digits behind the point that a value of the group has.
    pub scale: u8,
    /// How many values have these.
    pub of_scale: i64,
}

impl Sums {
    /// How far from zero a total of all scales may be after these numbers; `None` beyond 127 bits.
    fn reach_with(&self, rows: usize, numbers: &[&Numbers]) -> Option<i128> {
        let before = self.0.iter().map(|level| Some((level.scale, level.reach)));
        let more = numbers
            .iter()
            .map(|numbers| Some((numbers.scale, reach(rows, numbers)?)));
        let all: Vec<(u8, i128)> = before.chain(more).collect::<Option<_>>()?;
        let scale = all.iter().map(|(scale, _)| *scale).max().unwrap_or_default();
        all.iter().try_fold(0i128, |sum, (of, reach)| {
            let factor = 10i128.checked_pow((scale - of).into())?;
            sum.checked_add(reach.checked_mul(factor)?)
        })
    }

    fn resize(&mut self, groups: usize) {
        for level in &mut self.0 {
            level.resize(groups);
        }
    }

    fn add(&mut self, rows: &Numbered, numbers: &Numbers) {
        if numbers.is_missing(rows.rows) {
            return;
        }
        let known = self.0.iter().position(|level| level.scale == numbers.scale);
        let place = known.unwrap_or_else(|| {
            self.0.push(Level {
                scale: numbers.scale,
                totals: Vec::new(),
                counts: Vec::new(),
                reach: 0,
            });
            self.0.len() - 1
        });
        self.0[place].add(rows, numbers);
    }

    /// What a group has.
    pub fn total(&self, group: usize) -> Total {
        let mut total = Total {
            sum: 0,
            count: 0,
            scale: 0,
            of_scale: 0,
        };
        let used = || self.0.iter().filter(|level| level.counts[group] > 0);
        total.scale = used().map(|level| level.scale).max().unwrap_or_default();
        for level in used() {
            // What was added fits at the most digits of all groups.
            total.sum += level.totals[group] * 10i128.pow((total.scale - level.scale).into());
            total.count += level.counts[group];
            if level.scale == total.scale {
                total.of_scale = level.counts[group];
            }
        }
        total
    }
}

/// How far from zero a sum of these numbers may be; `None` beyond 127 bits.
fn reach(rows: usize, numbers: &Numbers) -> Option<i128> {
    numbers.magnitude()?.checked_mul(rows as i128)
}

impl Level {
    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, rows: &Numbered, numbers: &Numbers) {
        self.resize(rows.groups);
        let more = reach(rows.rows, numbers).unwrap_or(i128::MAX);
        self.reach = self.reach.saturating_add(more);
        count(&mut self.counts, rows, numbers.valid.as_ref());
        let fits_narrow = i64::try_from(more).is_ok();
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
