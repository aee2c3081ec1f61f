//! Dates and times of constants: the styles of CONVERT that are deterministic, and forms that mean the same everywhere.

use crate::error::{Error, Kind, number};
use crate::position::Position;

/// A date with a time of day; the calendar is the Gregorian one, years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub year: i32,
    pub month: u32,
    pub day: u32,
    /// Microseconds since midnight.
    pub micros: i64,
    /// Minutes east of UTC, for datetimeoffset.
    pub offset: Option<i32>,
}

const DAY_MICROS: i64 = 86_400_000_000;

/// How the digits of a date are ordered, and what separates them.
#[derive(Clone, Copy)]
enum Order {
    YearFirst(char),
    MonthFirst(char),
    DayFirst(char),
    Compact,
}

fn bad(at: Position) -> Error {
    Error::new(
        Kind::Value,
        number::BAD_DATE,
        at,
        "the string is not a date in the form that is expected here",
    )
    .supported("Write yyyymmdd or yyyy-mm-ddThh:mm:ss, or use CONVERT with a style, for example 101 for mm/dd/yyyy.")
}

/// Reads a string by a style of CONVERT; `None` when the style is not a deterministic one with a date.
pub(crate) fn by_style(text: &str, style: i64, at: Position) -> Option<Result<Moment, Error>> {
    let order = match style {
        101 => Order::MonthFirst('/'),
        102 => Order::YearFirst('.'),
        103 => Order::DayFirst('/'),
        104 => Order::DayFirst('.'),
        105 => Order::DayFirst('-'),
        110 => Order::MonthFirst('-'),
        111 => Order::YearFirst('/'),
        112 => Order::Compact,
        20 | 21 | 120 | 121 | 126 | 127 => Order::YearFirst('-'),
        _ => return None,
    };
    Some(
        read(text, order)
            .ok_or_else(|| bad(at))
            .and_then(|moment| moment.checked(at)),
    )
}

/// Reads a string that means the same under every language setting.
pub(crate) fn neutral(text: &str, at: Position) -> Result<Moment, Error> {
    let compact = text.trim().bytes().take(8).filter(u8::is_ascii_digit).count() == 8;
    let order = if compact { Order::Compact } else { Order::YearFirst('-') };
    read(text, order).ok_or_else(|| bad(at))?.checked(at)
}

fn read(text: &str, order: Order) -> Option<Moment> {
    let text = text.trim();
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.trim()),
        None => (text, ""),
    };
    let (year, month, day) = read_date(date, order)?;
    let (micros, offset) = if time.is_empty() { (0, None) } else { read_time(time)? };
    Some(Moment {
        year,
        month,
        day,
        micros,
        offset,
    })
}

fn read_date(date: &str, order: Order) -> Option<(i32, u32, u32)> {
    let (separator, places) = match order {
        Order::Compact => {
            if date.len() != 8 || !date.is_ascii() {
                return None;
            }
            let year = digits(date.get(..4)?, 4, 4)?;
            return Some((
                year.try_into().ok()?,
                digits(date.get(4..6)?, 2, 2)?,
                digits(date.get(6..)?, 2, 2)?,
            ));
        }
        Order::YearFirst(separator) => (separator, [0, 1, 2]),
        Order::MonthFirst(separator) => (separator, [2, 0, 1]),
        Order::DayFirst(separator) => (separator, [2, 1, 0]),
    };
    let parts: Vec<&str> = date.split(separator).collect();
    if parts.len() != 3 {
        return None;
    }
    let part = |index: usize| places.get(index).and_then(|place| parts.get(*place)).copied();
    let year = digits(part(0)?, 4, 4)?;
    Some((year.try_into().ok()?, digits(part(1)?, 1, 2)?, digits(part(2)?, 1, 2)?))
}

/// `hh:mm[:ss[.ffffff]]` and `Z` or `±hh:mm`.
fn read_time(time: &str) -> Option<(i64, Option<i32>)> {
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        None => (time, None),
        Some(at) => {
            let zone = time.get(at..)?;
            let offset = if zone.eq_ignore_ascii_case("z") {
                0
            } else {
                let (hours, minutes) = zone.get(1..)?.split_once(':')?;
                let minutes = digits(hours, 2, 2)? * 60 + digits(minutes, 2, 2).filter(|m| *m < 60)?;
                let minutes = i32::try_from(minutes).ok().filter(|m| *m <= 14 * 60)?;
                if zone.starts_with('-') { -minutes } else { minutes }
            };
            (time.get(..at)?.trim(), Some(offset))
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 1, 2).filter(|n| *n < 24)?;
    let minute = digits(parts.next()?, 2, 2).filter(|n| *n < 60)?;
    let second = match parts.next() {
        Some(part) => digits(part, 2, 2).filter(|n| *n < 60)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    // SQL Server knows seven digits, PostgreSQL six.
    let fraction = fraction.trim_end_matches('0');
    let micros = if fraction.is_empty() {
        0
    } else {
        let shown = u32::try_from(fraction.len()).ok().filter(|n| *n <= 6)?;
        digits(fraction, 1, 6)? * 10u32.pow(6 - shown)
    };
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * 1_000_000 + i64::from(micros), offset))
}

/// A run of `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (least..=most).contains(&text.len());
    if plain { text.parse().ok() } else { None }
}

/// Days since 1970-01-01, by counting years from March (the leap day comes last then).
fn days_of(year: i32, month: u32, day: u32) -> i64 {
    let shifted = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a number of days since 1970-01-01.
fn date_of(days: i64) -> Option<(i32, u32, u32)> {
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = u32::try_from(of_year - (153 * shifted + 2) / 5 + 1).ok()?;
    let month = u32::try_from(if shifted < 10 { shifted + 3 } else { shifted - 9 }).ok()?;
    let year = year
        .checked_add(era.checked_mul(400)?)?
        .checked_add(i64::from(month <= 2))?;
    Some((i32::try_from(year).ok()?, month, day))
}

fn month_length(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Moment {
    /// A day at midnight.
    pub fn day(year: i32, month: u32, day: u32, at: Position) -> Result<Self, Error> {
        Self {
            year,
            month,
            day,
            micros: 0,
            offset: None,
        }
        .checked(at)
    }

    fn checked(self, at: Position) -> Result<Self, Error> {
        let valid = (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=month_length(self.year, self.month)).contains(&self.day);
        if valid { Ok(self) } else { Err(out_of_range(at)) }
    }

    /// Microseconds since 1970-01-01 in UTC, for comparing.
    pub fn instant(self) -> i64 {
        let local = days_of(self.year, self.month, self.day) * DAY_MICROS + self.micros;
        local - i64::from(self.offset.unwrap_or(0)) * 60_000_000
    }

    /// DATEADD with months: the last day of a shorter month stands for a day that it lacks.
    pub fn add_months(self, months: i64, at: Position) -> Result<Self, Error> {
        let total = (i64::from(self.year) * 12 + i64::from(self.month) - 1)
            .checked_add(months)
            .filter(|total| (12..120_000).contains(total))
            .ok_or_else(|| out_of_range(at))?;
        let year = i32::try_from(total / 12).map_err(|_| out_of_range(at))?;
        let month = u32::try_from(total % 12 + 1).map_err(|_| out_of_range(at))?;
        let day = self.day.min(month_length(year, month));
        Self {
            year,
            month,
            day,
            ..self
        }
        .checked(at)
    }

    /// DATEADD with days, or parts of them.
    pub fn add_micros(self, micros: Option<i64>, at: Position) -> Result<Self, Error> {
        let local = days_of(self.year, self.month, self.day) * DAY_MICROS + self.micros;
        let sum = micros
            .and_then(|micros| local.checked_add(micros))
            .ok_or_else(|| out_of_range(at))?;
        let (year, month, day) = date_of(sum.div_euclid(DAY_MICROS)).ok_or_else(|| out_of_range(at))?;
        Self {
            year,
            month,
            day,
            micros: sum.rem_euclid(DAY_MICROS),
            offset: self.offset,
        }
        .checked(at)
    }

    /// `hh:mm:ss[.ffffff]`
    pub fn clock(self) -> String {
        let seconds = self.micros / 1_000_000;
        let fraction = self.micros % 1_000_000;
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if fraction == 0 {
            clock
        } else {
            format!("{clock}.{fraction:06}")
        }
    }
}

fn out_of_range(at: Position) -> Error {
    Error::new(Kind::Value, number::DATE_OUT_OF_RANGE, at, "the date is out of range")
}
