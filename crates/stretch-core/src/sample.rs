//! How ANALYZE samples a table of hot and cold rows: each row, hot or cold, has the same chance to be in the sample.

#[cfg(test)]
mod tests;

/// A table whose rows are to be sampled.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// Rows of the heap, estimated.
    pub hot: f64,
    /// Cold rows.
    pub cold: f64,
    /// Blocks of the heap.
    pub blocks: f64,
}

/// The chances of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chances {
    /// Of a cold row to be in the sample.
    pub cold: f64,
    /// Of a hot row to be in the sample, once its block is read.
    pub hot: f64,
}

/// The chances where about `wanted` rows are sampled. PostgreSQL reads as many blocks of the heap as it wants rows, at
/// random, or all of them. Of the cold rows no more than `most_cold` are taken.
///
/// The estimate of the hot rows decides how large the sample is, never how large either part of it is: a hot row's
/// chance is that of a cold one, whatever the estimate.
pub fn chances(rows: Rows, wanted: f64, most_cold: f64) -> Chances {
    let share = |part: f64, of: f64| if of > part { part / of } else { 1.0 };
    let block = share(wanted, rows.blocks);
    let each = share(wanted, rows.hot + rows.cold)
        .min(block)
        .min(share(most_cold, rows.cold));
    Chances {
        cold: each,
        hot: each / block,
    }
}

/// Which of `all` row groups are read where `some` of them are enough. They are evenly spread, from a random `start` of
/// 0 to 1, and each has the same chance.
pub fn spread(all: usize, some: usize, start: f64) -> Vec<usize> {
    if some >= all {
        return (0..all).collect();
    }
    let step = all as f64 / some as f64;
    let last = all - 1;
    (0..some)
        .map(|number| (((number as f64 + start) * step) as usize).min(last))
        .collect()
}
