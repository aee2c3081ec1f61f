//! Column statistics: number of nulls and bounds of the values, in PostgreSQL's domain and order.

use std::cmp::Ordering;

use crate::limits::MAX_BOUND_BYTES;

/// A bound of a column's values, or a constant to compare with one.
#[derive(Debug, Clone)]
pub enum Bound {
    /// bool (0, 1), integers, and dates and timestamps in PostgreSQL's raw numbers.
    Int(i64),
    /// float4 and float8. NaN is the greatest value and equal to itself; -0 equals 0.
    Float(f64),
    /// A numeric: the unscaled value and its display scale. 1.50 is (150, 2), and equals (15, 1).
    Decimal(i128, u8),
    /// text, bytea and uuid in byte order. A long one is cut, so it may be lower (minimum) or higher (maximum)
    /// than every value.
    Bytes(Vec<u8>),
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Bound {
    /// PostgreSQL's order. `None` for bounds of different kinds, and for two decimals too far apart in scale
    /// to be compared in 128 bits.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Bound::Int(a), Bound::Int(b)) => Some(a.cmp(b)),
            (Bound::Float(a), Bound::Float(b)) => Some(compare_floats(*a, *b)),
            (Bound::Bytes(a), Bound::Bytes(b)) => Some(a.cmp(b)),
            (Bound::Decimal(a, sa), Bound::Decimal(b, sb)) => compare_decimals(*a, *sa, *b, *sb),
            _ => None,
        }
    }
}

/// PostgreSQL's order of floats: NaN greatest and equal to itself, -0 equal to 0.
pub(crate) fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn compare_decimals(a: i128, scale_a: u8, b: i128, scale_b: u8) -> Option<Ordering> {
    let scale = scale_a.max(scale_b);
    let widen = |v: i128, s: u8| v.checked_mul(10i128.checked_pow(u32::from(scale - s))?);
    match (widen(a, scale_a), widen(b, scale_b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ if a.signum() != b.signum() => Some(a.signum().cmp(&b.signum())),
        _ => None,
    }
}

impl Bound {
    /// A lower bound for this string of bytes: a prefix of at most [`MAX_BOUND_BYTES`].
    pub fn lower(value: &[u8]) -> Bound {
        Bound::Bytes(value[..value.len().min(MAX_BOUND_BYTES)].to_vec())
    }

    /// An upper bound for this string of bytes: itself, or its prefix rounded up. `None` when the prefix is
    /// all 0xFF, so that nothing short is above it.
    pub fn upper(value: &[u8]) -> Option<Bound> {
        if value.len() <= MAX_BOUND_BYTES {
            return Some(Bound::Bytes(value.to_vec()));
        }
        let mut prefix = value[..MAX_BOUND_BYTES].to_vec();
        while prefix.last() == Some(&0xFF) {
            prefix.pop();
        }
        let last = prefix.last_mut()?;
        *last += 1;
        Some(Bound::Bytes(prefix))
    }
}

/// Statistics of one column over a row group, a segment, or many segments. A bound that is `None` is unknown,
/// or there is no value (then `null_count` equals the number of rows).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnStats {
    pub null_count: u64,
    /// No value is below it.
    pub min: Option<Bound>,
    /// No value is above it.
    pub max: Option<Bound>,
}

impl ColumnStats {
    /// Statistics of this column over `rows` rows and `other` over `other_rows` rows together. The numbers of
    /// rows tell "no value at all" from "bound unknown". Bounds that cannot be compared become unknown.
    pub fn merge(&self, rows: u64, other: &ColumnStats, other_rows: u64) -> ColumnStats {
        let null_count = self.null_count.saturating_add(other.null_count);
        let (min, max) = if self.null_count >= rows {
            (other.min.clone(), other.max.clone())
        } else if other.null_count >= other_rows {
            (self.min.clone(), self.max.clone())
        } else {
            (
                pick(&self.min, &other.min, Ordering::Less),
                pick(&self.max, &other.max, Ordering::Greater),
            )
        };
        ColumnStats { null_count, min, max }
    }
}

/// The one of two bounds that is `want` than the other.
fn pick(a: &Option<Bound>, b: &Option<Bound>, want: Ordering) -> Option<Bound> {
    let (a, b) = (a.as_ref()?, b.as_ref()?);
    let order = a.partial_cmp(b)?;
    Some(if order == want || order == Ordering::Equal {
        a.clone()
    } else {
        b.clone()
    })
}

#[cfg(test)]
mod tests;
