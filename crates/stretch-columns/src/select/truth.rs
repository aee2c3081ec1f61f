//! Truth values of SQL, one per row: true, false or unknown (NULL).

use arrow_buffer::{BooleanBuffer, NullBuffer};

/// A row is true where `yes` is set, false where `no` is, and unknown where neither is; never both.
#[derive(Debug, Clone, PartialEq)]
pub struct Truths {
    yes: BooleanBuffer,
    no: BooleanBuffer,
}

impl Truths {
    /// The same for every row; `None` is unknown.
    pub fn constant(rows: usize, truth: Option<bool>) -> Self {
        let all = |set| match set {
            true => BooleanBuffer::new_set(rows),
            false => BooleanBuffer::new_unset(rows),
        };
        Self {
            yes: all(truth == Some(true)),
            no: all(truth == Some(false)),
        }
    }

    /// What it is for the first row, for so many.
    pub(super) fn repeated(&self, rows: usize) -> Self {
        let first = |truths: &BooleanBuffer| !truths.is_empty() && truths.value(0);
        let truth = match (first(&self.yes), first(&self.no)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        Self::constant(rows, truth)
    }

    /// True or false for every row.
    pub(super) fn known(yes: BooleanBuffer) -> Self {
        Self { no: !&yes, yes }
    }

    /// True or false where there is a value, unknown elsewhere.
    pub(super) fn of_values(yes: BooleanBuffer, valid: Option<&NullBuffer>) -> Self {
        let known = Self::known(yes);
        match valid {
            None => known,
            Some(valid) => Self {
                yes: &known.yes & valid.inner(),
                no: &known.no & valid.inner(),
            },
        }
    }

    /// What is false becomes unknown, as where a list to be in has a NULL.
    pub(super) fn or_unknown(self) -> Self {
        Self {
            no: BooleanBuffer::new_unset(self.yes.len()),
            yes: self.yes,
        }
    }

    /// AND: false where one is false, true where both are true. Both have the same number of rows.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            yes: &self.yes & &other.yes,
            no: &self.no | &other.no,
        }
    }

    /// OR: true where one is true, false where both are false. Both have the same number of rows.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            yes: &self.yes | &other.yes,
            no: &self.no & &other.no,
        }
    }

    /// NOT: unknown stays unknown.
    pub fn negated(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }

    /// The rows that are true, which is what WHERE asks for.
    pub fn yes(&self) -> &BooleanBuffer {
        &self.yes
    }

    /// The truth of one row; `None` is unknown.
    pub fn get(&self, row: usize) -> Option<bool> {
        (self.yes.value(row) || self.no.value(row)).then(|| self.yes.value(row))
    }
}
