//! Exact arithmetic of constants: integers, decimals, floats, with T-SQL's rules where they are certain.

use crate::error::{Error, Kind, number, unfit};
use crate::position::Position;
use std::cmp::Ordering;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// int or bigint
    Int(i64),
    /// `digits` divided by ten to the `scale`
    Decimal { digits: i128, scale: u32 },
    /// float; always finite
    Float(f64),
}

/// Ten to the 38th is the largest power that a decimal of SQL Server, and an i128, can hold.
const MAX_SCALE: u32 = 38;

fn overflow(at: Position) -> Error {
    Error::new(Kind::Value, number::OVERFLOW, at, "the number is out of range")
}

fn power_of_ten(scale: u32, at: Position) -> Result<i128, Error> {
    10i128.checked_pow(scale).ok_or_else(|| overflow(at))
}

impl Number {
    /// A literal: digits with an optional point, or with an exponent, which makes a float.
    pub fn literal(text: &str, at: Position) -> Result<Self, Error> {
        if text.contains('e') {
            return Self::float(text.parse().map_err(|_| overflow(at))?, at);
        }
        if let Ok(int) = text.parse() {
            return Ok(Self::Int(int));
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("0{whole}{fraction}").parse().map_err(|_| overflow(at))?;
        let scale = u32::try_from(fraction.len()).map_err(|_| overflow(at))?;
        Self::decimal(digits, scale, at)
    }

    pub fn float(value: f64, at: Position) -> Result<Self, Error> {
        if value.is_finite() {
            Ok(Self::Float(value))
        } else {
            Err(overflow(at))
        }
    }

    fn decimal(digits: i128, scale: u32, at: Position) -> Result<Self, Error> {
        if scale > MAX_SCALE {
            return Err(overflow(at));
        }
        Ok(Self::Decimal { digits, scale })
    }

    pub fn to_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            // Through text, which rounds once and correctly.
            Self::Decimal { .. } => self.to_string().parse().unwrap_or(f64::NAN),
            Self::Float(float) => float,
        }
    }

    pub fn negate(self, at: Position) -> Result<Self, Error> {
        Ok(match self {
            Self::Int(int) => Self::Int(int.checked_neg().ok_or_else(|| overflow(at))?),
            Self::Decimal { digits, scale } => Self::Decimal {
                digits: digits.checked_neg().ok_or_else(|| overflow(at))?,
                scale,
            },
            Self::Float(float) => Self::Float(-float),
        })
    }

    /// Both as decimals of one scale.
    fn aligned(self, other: Self, at: Position) -> Result<(i128, i128, u32), Error> {
        let ((a, a_scale), (b, b_scale)) = (self.parts(at)?, other.parts(at)?);
        let scale = a_scale.max(b_scale);
        let scaled = |digits: i128, from: u32| {
            let factor = power_of_ten(scale - from, at)?;
            digits.checked_mul(factor).ok_or_else(|| overflow(at))
        };
        Ok((scaled(a, a_scale)?, scaled(b, b_scale)?, scale))
    }

    fn parts(self, at: Position) -> Result<(i128, u32), Error> {
        match self {
            Self::Int(int) => Ok((i128::from(int), 0)),
            Self::Decimal { digits, scale } => Ok((digits, scale)),
            Self::Float(_) => Err(overflow(at)),
        }
    }

    /// `a op b` for `+ - * / %`.
    pub fn apply(self, operator: &str, other: Self, at: Position) -> Result<Self, Error> {
        let zero = || Error::new(Kind::Value, number::DIVIDE_BY_ZERO, at, "division by zero");
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => {
                if b == 0 && matches!(operator, "/" | "%") {
                    return Err(zero());
                }
                let result = match operator {
                    "+" => a.checked_add(b),
                    "-" => a.checked_sub(b),
                    "*" => a.checked_mul(b),
                    "/" => a.checked_div(b),
                    _ => a.checked_rem(b),
                };
                result.map(Self::Int).ok_or_else(|| overflow(at))
            }
            (Self::Float(_), _) | (_, Self::Float(_)) => {
                let (a, b) = (self.to_f64(), other.to_f64());
                match operator {
                    "+" => Self::float(a + b, at),
                    "-" => Self::float(a - b, at),
                    "*" => Self::float(a * b, at),
                    "/" if b == 0.0 => Err(zero()),
                    "/" => Self::float(a / b, at),
                    _ => Err(unfit(at, "% of floats is not supported")),
                }
            }
            _ => self.apply_decimal(operator, other, at),
        }
    }

    fn apply_decimal(self, operator: &str, other: Self, at: Position) -> Result<Self, Error> {
        if operator == "*" {
            let ((a, a_scale), (b, b_scale)) = (self.parts(at)?, other.parts(at)?);
            let digits = a.checked_mul(b).ok_or_else(|| overflow(at))?;
            return Self::decimal(digits, a_scale + b_scale, at);
        }
        let (a, b, scale) = self.aligned(other, at)?;
        let digits = match operator {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            _ => {
                return Err(
                    unfit(at, "the quotient of decimals depends on their declared precision")
                        .supported("Write the result as a literal."),
                );
            }
        };
        Self::decimal(digits.ok_or_else(|| overflow(at))?, scale, at)
    }

    /// Rounds half away from zero to `scale` digits behind the point.
    pub fn rescale(self, scale: u32, at: Position) -> Result<Self, Error> {
        let (digits, from) = self.parts(at).map_err(|_| {
            unfit(at, "a float is not converted to a decimal here").supported("Write the decimal as a literal.")
        })?;
        let digits = if from <= scale {
            let factor = power_of_ten(scale - from, at)?;
            digits.checked_mul(factor).ok_or_else(|| overflow(at))?
        } else {
            let factor = power_of_ten(from - scale, at)?;
            let (quotient, rest) = (digits / factor, digits % factor);
            if rest.unsigned_abs() * 2 >= factor.unsigned_abs() {
                quotient + digits.signum()
            } else {
                quotient
            }
        };
        Self::decimal(digits, scale, at)
    }

    /// The integer part, as CAST to an integer type takes it.
    pub fn truncate(self, at: Position) -> Result<Self, Error> {
        let int = match self {
            Self::Int(int) => Some(int),
            Self::Decimal { digits, scale } => i64::try_from(digits / power_of_ten(scale, at)?).ok(),
            Self::Float(float) if float.abs() < 9.2e18 => Some(float.trunc() as i64),
            Self::Float(_) => None,
        };
        int.map(Self::Int).ok_or_else(|| overflow(at))
    }

    /// Order by value; `None` when it cannot be decided exactly.
    pub fn order(self, other: Self) -> Option<Ordering> {
        if matches!(self, Self::Float(_)) || matches!(other, Self::Float(_)) {
            return self.to_f64().partial_cmp(&other.to_f64());
        }
        let (a, b, _) = self.aligned(other, Position::START).ok()?;
        Some(a.cmp(&b))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => write!(f, "{float}"),
            Self::Decimal { digits, scale } => {
                let sign = if *digits < 0 { "-" } else { "" };
                let scale = *scale as usize;
                let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
                let (whole, fraction) = text.split_at(text.len() - scale);
                if fraction.is_empty() {
                    write!(f, "{sign}{whole}")
                } else {
                    write!(f, "{sign}{whole}.{fraction}")
                }
            }
        }
    }
}
