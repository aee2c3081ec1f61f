//! Each day of a thousand years follows the one before by the rules of the calendar.

use super::*;

fn length(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[test]
fn days_follow_each_other() {
    let first = Date {
        year: 2000,
        month: 1,
        day: 1,
    };
    assert_eq!((Date::of(0), first.number()), (first, 0));
    let mut expected = Date {
        year: 1495,
        month: 12,
        day: 31,
    };
    for day in expected.number()..expected.number() + 370_000 {
        assert_eq!(Date::of(day), expected);
        assert_eq!(expected.number(), day);
        expected.day += 1;
        if expected.day > length(expected.year, expected.month) {
            (expected.day, expected.month) = (1, expected.month + 1);
        }
        if expected.month > 12 {
            (expected.month, expected.year) = (1, expected.year + 1);
        }
    }
    assert_eq!(expected.year, 2509);
}
