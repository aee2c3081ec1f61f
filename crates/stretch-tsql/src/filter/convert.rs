//! What deterministic functions make of constants: CAST, CONVERT, some of arithmetic and some of dates.

use super::constant::Constant;
use super::moment::{self, Moment};
use super::number::Number;
use super::types::FilterType;
use crate::error::{Error, Kind, number as numbers, unfit};
use crate::position::Position;

pub(super) fn number(value: Constant, at: Position) -> Result<Number, Error> {
    match value {
        Constant::Number(n) => Ok(n),
        _ => Err(unfit(at, "this function needs a number")),
    }
}

pub(super) fn whole(value: Constant, at: Position) -> Result<i64, Error> {
    match value {
        Constant::Number(Number::Int(int)) => Ok(int),
        _ => Err(unfit(at, "a whole number is needed here")),
    }
}

pub(super) fn arithmetic(name: &str, first: Number, second: Option<Number>, at: Position) -> Result<Number, Error> {
    let float = first.to_f64();
    let is_negative = float < 0.0;
    match (name, first) {
        ("SQRT", _) => Number::float(float.sqrt(), at).map_err(|_| unfit(at, "SQRT of a negative number")),
        ("SQUARE", _) => Number::float(float * float, at),
        ("ABS", n) if is_negative => n.negate(at),
        ("ABS", n) => Ok(n),
        ("SIGN", Number::Int(int)) => Ok(Number::Int(int.signum())),
        ("CEILING" | "FLOOR", n @ Number::Int(_)) => Ok(n),
        ("CEILING", Number::Float(f)) => Number::float(f.ceil(), at),
        ("FLOOR", Number::Float(f)) => Number::float(f.floor(), at),
        ("POWER", Number::Float(f)) => Number::float(f.powf(second.map_or(1.0, Number::to_f64)), at),
        ("POWER", Number::Int(base)) => match second {
            Some(Number::Int(exponent)) => u32::try_from(exponent)
                .ok()
                .and_then(|exponent| base.checked_pow(exponent))
                .map(Number::Int)
                .ok_or_else(|| Error::new(Kind::Value, numbers::OVERFLOW, at, "the power is out of range")),
            _ => Err(unfit(at, "POWER of a whole number takes a whole exponent here")),
        },
        _ => Err(unfit(at, "this function is not evaluated for decimals").supported("Write the result as a literal.")),
    }
}

pub(super) fn date_add(part: &str, count: i64, start: Moment, at: Position) -> Result<Moment, Error> {
    let months = match part {
        "year" | "yy" | "yyyy" => Some(12),
        "quarter" | "qq" | "q" => Some(3),
        "month" | "mm" | "m" => Some(1),
        _ => None,
    };
    if let Some(months) = months {
        let message = "the date is out of range";
        let months = count
            .checked_mul(months)
            .ok_or_else(|| Error::new(Kind::Value, numbers::DATE_OUT_OF_RANGE, at, message))?;
        return start.add_months(months, at);
    }
    let seconds: i64 = match part {
        "week" | "wk" | "ww" => 7 * 86_400,
        "day" | "dd" | "d" => 86_400,
        "hour" | "hh" => 3_600,
        "minute" | "mi" | "n" => 60,
        "second" | "ss" | "s" => 1,
        _ => {
            return Err(unfit(at, "this part of a date is not supported")
                .supported("Use year, quarter, month, week, day, hour, minute or second."));
        }
    };
    start.add_micros(count.checked_mul(seconds * 1_000_000), at)
}

/// CAST and CONVERT of a constant.
pub(super) fn cast(value: Constant, target: FilterType, style: Option<i64>, at: Position) -> Result<Constant, Error> {
    match (value, target) {
        (Constant::Text(text), kind) if kind.is_moment() => {
            let moment = style.map(|style| moment::by_style(&text, style, at));
            match moment {
                Some(Some(moment)) => moment.map(|m| Constant::Moment(shaped(m, target))),
                _ => Err(unfit(
                    at,
                    "a conversion to a date is deterministic only with a style that says so",
                )
                .supported("Styles: 101 to 105, 110 to 112, 20, 21, 120, 121, 126, 127.")),
            }
        }
        (Constant::Moment(moment), kind) if kind.is_moment() => Ok(Constant::Moment(shaped(moment, target))),
        (Constant::Number(n), FilterType::Int) => n.truncate(at).map(Constant::Number),
        (Constant::Number(n), FilterType::Bit) => Ok(Constant::Number(Number::Int(i64::from(n.to_f64() != 0.0)))),
        (Constant::Number(n), FilterType::Decimal(scale)) => n.rescale(scale, at).map(Constant::Number),
        (Constant::Number(n), FilterType::Float) => Number::float(n.to_f64(), at).map(Constant::Number),
        (Constant::Text(text), FilterType::Text(limit)) => {
            Ok(Constant::Text(text.chars().take(limit.unwrap_or(usize::MAX)).collect()))
        }
        (Constant::Text(text), FilterType::Int) => {
            let parsed = text.trim().parse().map(Number::Int).map(Constant::Number);
            parsed.map_err(|_| {
                let message = "the string cannot be converted to a whole number";
                Error::new(Kind::Value, numbers::CONVERSION_FAILED, at, message)
            })
        }
        (Constant::Text(text), FilterType::Guid) => Ok(Constant::Text(text)),
        _ => Err(unfit(at, "this conversion is not supported in a filter").supported("Write the result as a literal.")),
    }
}

/// A date has no time of day; only datetimeoffset keeps an offset.
fn shaped(moment: Moment, target: FilterType) -> Moment {
    Moment {
        micros: if target == FilterType::Date { 0 } else { moment.micros },
        offset: if target == FilterType::Offset {
            Some(moment.offset.unwrap_or(0))
        } else {
            None
        },
        ..moment
    }
}
