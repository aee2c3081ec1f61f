//! What all parts of the bench measure with.

/// Rows of a batch, and so of a segment.
pub const BATCH_ROWS: u32 = 50;

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
