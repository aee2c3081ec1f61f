//! Days and months of the proleptic Gregorian calendar, as PostgreSQL counts them: from 2000-01-01, which is day 0.

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
/// Days from 0000-03-01, where years that end with February begin, to 2000-01-01.
const EPOCH: i64 = 730_425;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// A day by its year, month from 1, and day of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

impl Date {
    /// The date of a day.
    pub fn of(day: i64) -> Self {
        let since = day + EPOCH;
        let (era, of_era) = (since.div_euclid(ERA), since.rem_euclid(ERA));
        // Leap days come after 4, not after 100, and after 400 years.
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, five months have 153 days.
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
        }
    }

    /// The day of a date.
    pub fn number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - EPOCH
    }
}

/// What a moment is cut down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    /// That begins on Monday.
    Week,
    Month,
    Quarter,
    Year,
}

/// What is taken out of a day or moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Year,
    Quarter,
    Month,
    Day,
    /// From Sunday, which is 0.
    DayOfWeek,
    /// Of a moment only.
    Hour,
    /// Of a moment only.
    Minute,
}

/// Moments in microseconds since 2000 whose parts the calendar tells. Infinite ones, and those before the year 1, are
/// for the server: they have rules of their own.
pub fn is_plain_moment(micros: i64) -> bool {
    micros != i64::MIN && micros != i64::MAX && Date::of(micros.div_euclid(DAY)).year > 0
}

/// The same of days.
pub fn is_plain_day(day: i32) -> bool {
    day != i32::MIN && day != i32::MAX && Date::of(day.into()).year > 0
}

/// A moment cut down to a unit.
pub fn cut(unit: Unit, micros: i64) -> i64 {
    let day = micros.div_euclid(DAY);
    let first_of = |date: Date| Date { day: 1, ..date }.number() * DAY;
    let date = || Date::of(day);
    match unit {
        Unit::Second => micros - micros.rem_euclid(1_000_000),
        Unit::Minute => micros - micros.rem_euclid(60_000_000),
        Unit::Hour => micros - micros.rem_euclid(3_600_000_000),
        Unit::Day => day * DAY,
        // Day 0 is a Saturday.
        Unit::Week => (day - (day + 5).rem_euclid(7)) * DAY,
        Unit::Month => first_of(date()),
        Unit::Quarter => {
            let date = date();
            first_of(Date {
                month: (date.month - 1) / 3 * 3 + 1,
                ..date
            })
        }
        Unit::Year => first_of(Date { month: 1, ..date() }),
    }
}

/// A part of a moment.
pub fn part(field: Field, micros: i64) -> i64 {
    let day = micros.div_euclid(DAY);
    match field {
        Field::Year => Date::of(day).year,
        Field::Quarter => (Date::of(day).month - 1) / 3 + 1,
        Field::Month => Date::of(day).month,
        Field::Day => Date::of(day).day,
        Field::DayOfWeek => (day + 6).rem_euclid(7),
        Field::Hour => micros.rem_euclid(DAY) / 3_600_000_000,
        Field::Minute => micros.rem_euclid(3_600_000_000) / 60_000_000,
    }
}

#[cfg(test)]
mod tests;
