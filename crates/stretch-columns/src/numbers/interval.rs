//! Between which numbers the values of an expression lie, by those of its columns: so statistics answer conditions on
//! expressions as they answer conditions on columns.

use crate::calendar::{DAY, cut, is_plain_moment};
use crate::expression::{Arithmetic, Expression};
use stretch_segment::{Bound, ColumnStats, CompareOp};

/// Bounds of unscaled numbers, and the digits behind their point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub bounds: (i128, i128),
    pub scale: u8,
}

/// The interval of an expression whose columns have these statistics; `None` where it is not known, or where a value in
/// it would be an error.
pub fn of<'a>(expression: &Expression, stats: &dyn Fn(i16) -> Option<&'a ColumnStats>) -> Option<Interval> {
    let whole = |bounds: (i128, i128)| Interval { bounds, scale: 0 };
    match expression {
        Expression::Column(attribute) => of_column(stats(*attribute)?),
        Expression::Constant(value, scale) => Some(Interval {
            bounds: (*value, *value),
            scale: *scale,
        }),
        Expression::Integers(operator, kind, operands) => {
            let (a, b) = (of(&operands.0, stats)?, of(&operands.1, stats)?);
            let bounds = operator.bounds(a.bounds, b.bounds)?;
            (a.scale == 0 && b.scale == 0 && kind.holds(bounds)).then_some(whole(bounds))
        }
        Expression::Divided(division, kind, operand, divisor) => {
            let of = of(operand, stats)?;
            let bounds = division.bounds(of.bounds, *divisor);
            (of.scale == 0 && kind.holds(bounds)).then_some(whole(bounds))
        }
        Expression::Numerics(operator, operands) => {
            let (a, b) = (of(&operands.0, stats)?, of(&operands.1, stats)?);
            if *operator == Arithmetic::Times {
                return Some(Interval {
                    bounds: operator.bounds(a.bounds, b.bounds)?,
                    scale: a.scale.checked_add(b.scale)?,
                });
            }
            let scale = a.scale.max(b.scale);
            Some(Interval {
                bounds: operator.bounds(a.at_scale(scale)?, b.at_scale(scale)?)?,
                scale,
            })
        }
        Expression::Day(attribute) => {
            let (first, last) = moments(of_column(stats(*attribute)?)?)?;
            Some(whole((first.div_euclid(DAY).into(), last.div_euclid(DAY).into())))
        }
        Expression::Truncated(unit, attribute) => {
            let (first, last) = moments(of_column(stats(*attribute)?)?)?;
            Some(whole((cut(*unit, first).into(), cut(*unit, last).into())))
        }
        Expression::Extracted(..) | Expression::Length(_) => None,
    }
}

/// Whether a number in the interval may stand so to a value. `true` where that is not known.
pub fn may_compare(interval: Interval, op: CompareOp, value: &Bound) -> bool {
    let (value, scale) = match value {
        Bound::Int(value) => (i128::from(*value), 0),
        Bound::Decimal(value, scale) => (*value, *scale),
        _ => return true,
    };
    let common = scale.max(interval.scale);
    let value = Interval {
        bounds: (value, value),
        scale,
    };
    let (Some(of), Some((value, _))) = (interval.at_scale(common), value.at_scale(common)) else {
        return true;
    };
    match op {
        CompareOp::Lt => of.0 < value,
        CompareOp::Le => of.0 <= value,
        CompareOp::Eq => of.0 <= value && value <= of.1,
        CompareOp::Ge => of.1 >= value,
        CompareOp::Gt => of.1 > value,
    }
}

impl Interval {
    fn at_scale(self, scale: u8) -> Option<(i128, i128)> {
        let factor = 10i128.checked_pow(scale.checked_sub(self.scale)?.into())?;
        Arithmetic::Times.bounds(self.bounds, (factor, factor))
    }
}

fn of_column(stats: &ColumnStats) -> Option<Interval> {
    let (bounds, scale) = match (stats.min.as_ref()?, stats.max.as_ref()?) {
        (Bound::Int(least), Bound::Int(greatest)) => ((i128::from(*least), i128::from(*greatest)), 0),
        (Bound::Decimal(least, scale), Bound::Decimal(greatest, other)) if scale == other => {
            ((*least, *greatest), *scale)
        }
        _ => return None,
    };
    Some(Interval { bounds, scale })
}

/// The ends of an interval of moments, where all in it are plain ones.
fn moments(of: Interval) -> Option<(i64, i64)> {
    let (first, last) = (i64::try_from(of.bounds.0).ok()?, i64::try_from(of.bounds.1).ok()?);
    (is_plain_moment(first) && is_plain_moment(last)).then_some((first, last))
}
