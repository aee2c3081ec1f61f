//! Expressions over columns of a row whose values are numbers, days or moments.

use crate::calendar::{Field, Unit};

/// Integer types, by which results are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    Int2,
    Int4,
    Int8,
}

/// Operators of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Plus,
    Minus,
    Times,
}

/// What is left of a division of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Towards zero.
    Quotient,
    /// With the sign of what is divided.
    Remainder,
}

/// An expression over the columns of one row. NULL in any part makes it NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A column of integers, numerics, dates or timestamps, by its attribute.
    Column(i16),
    /// A constant: unscaled, and the digits behind its point.
    Constant(i128, u8),
    /// With integers the result must be one of this type.
    Integers(Arithmetic, Integer, Box<(Expression, Expression)>),
    /// A division of integers by a constant that is not 0; the result must be one of this type.
    Divided(Division, Integer, Box<Expression>, i64),
    /// The result of numerics has the digits that the server gives it: those of the operands together for a product,
    /// else those of the operand that has more.
    Numerics(Arithmetic, Box<(Expression, Expression)>),
    /// The number of characters of a text in UTF-8.
    Length(i16),
    /// The day of a timestamp.
    Day(i16),
    /// `date_trunc(unit, timestamp)`.
    Truncated(Unit, i16),
    /// `extract(field FROM date or timestamp)`: a numeric without digits behind the point.
    Extracted(Field, i16),
}

impl Expression {
    /// Whether it follows from a column.
    pub fn asks(&self, attribute: i16) -> bool {
        match self {
            Self::Column(of) | Self::Length(of) | Self::Day(of) | Self::Truncated(_, of) | Self::Extracted(_, of) => {
                *of == attribute
            }
            Self::Constant(..) => false,
            Self::Integers(_, _, operands) | Self::Numerics(_, operands) => {
                operands.0.asks(attribute) || operands.1.asks(attribute)
            }
            Self::Divided(_, _, operand, _) => operand.asks(attribute),
        }
    }

    /// The column that it follows from, where that is one alone.
    pub fn only_column(&self) -> Option<i16> {
        match self {
            Self::Column(of) | Self::Length(of) | Self::Day(of) | Self::Truncated(_, of) | Self::Extracted(_, of) => {
                Some(*of)
            }
            Self::Constant(..) => None,
            Self::Integers(_, _, operands) | Self::Numerics(_, operands) => match (&operands.0, &operands.1) {
                (one, other) if other.is_constant() => one.only_column(),
                (one, other) if one.is_constant() => other.only_column(),
                (one, other) => one.only_column().filter(|found| other.only_column() == Some(*found)),
            },
            Self::Divided(_, _, operand, _) => operand.only_column(),
        }
    }

    /// Whether it has the same value in each row.
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Constant(..) => true,
            Self::Integers(_, _, operands) | Self::Numerics(_, operands) => {
                operands.0.is_constant() && operands.1.is_constant()
            }
            Self::Divided(_, _, operand, _) => operand.is_constant(),
            _ => false,
        }
    }

    /// About how many values it has at most, in a century where it has no end by itself: for costs. The server takes as
    /// many as the column has. `None` where that is all that is known.
    pub fn most(&self) -> Option<f64> {
        match self {
            Self::Constant(..) => Some(1.0),
            Self::Divided(Division::Remainder, _, _, divisor) => Some(2.0 * divisor.unsigned_abs() as f64),
            Self::Truncated(Unit::Week, _) => Some(5_218.0),
            Self::Truncated(Unit::Month, _) => Some(1_200.0),
            Self::Truncated(Unit::Quarter, _) => Some(400.0),
            Self::Truncated(Unit::Year, _) | Self::Extracted(Field::Year, _) => Some(100.0),
            Self::Extracted(Field::Quarter, _) => Some(4.0),
            Self::Extracted(Field::Month, _) => Some(12.0),
            Self::Extracted(Field::Day, _) => Some(31.0),
            Self::Extracted(Field::DayOfWeek, _) => Some(7.0),
            Self::Extracted(Field::Hour, _) => Some(24.0),
            Self::Extracted(Field::Minute, _) => Some(60.0),
            _ => None,
        }
    }
}

impl Integer {
    /// The least and the greatest number of the type.
    pub fn range(self) -> (i128, i128) {
        match self {
            Self::Int2 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int4 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int8 => (i64::MIN.into(), i64::MAX.into()),
        }
    }

    /// Whether all numbers between these are of the type.
    pub fn holds(self, bounds: (i128, i128)) -> bool {
        let (least, greatest) = self.range();
        bounds.0 >= least && bounds.1 <= greatest
    }
}

impl Arithmetic {
    /// The result; `None` where it has more than 128 bits.
    pub fn checked(self, a: i128, b: i128) -> Option<i128> {
        match self {
            Self::Plus => a.checked_add(b),
            Self::Minus => a.checked_sub(b),
            Self::Times => a.checked_mul(b),
        }
    }

    /// The least and the greatest result of operands between bounds; `None` where one has more than 128 bits.
    pub fn bounds(self, a: (i128, i128), b: (i128, i128)) -> Option<(i128, i128)> {
        // Each is least and greatest at bounds of its operands.
        let corners = [
            self.checked(a.0, b.0)?,
            self.checked(a.0, b.1)?,
            self.checked(a.1, b.0)?,
            self.checked(a.1, b.1)?,
        ];
        let least = corners.into_iter().min()?;
        Some((least, corners.into_iter().max()?))
    }
}

impl Division {
    /// The least and the greatest result, of numbers between bounds and a divisor that is not 0.
    pub fn bounds(self, of: (i128, i128), divisor: i64) -> (i128, i128) {
        let divisor = i128::from(divisor);
        match self {
            Self::Quotient => {
                // No number of 64 bits overflows here.
                let ends = (of.0.wrapping_div(divisor), of.1.wrapping_div(divisor));
                (ends.0.min(ends.1), ends.0.max(ends.1))
            }
            Self::Remainder => {
                let most = divisor.abs() - 1;
                (if of.0 < 0 { -most } else { 0 }, if of.1 > 0 { most } else { 0 })
            }
        }
    }
}
