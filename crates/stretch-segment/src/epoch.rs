//! PostgreSQL's dates and timestamps (from 2000-01-01) to Parquet's (from 1970-01-01) and back.
//!
//! A bijection over the whole integer type. Infinity and -infinity keep their MAX and MIN. A value whose shift
//! would pass MAX - 1 continues at MIN + 1: that range is free, because the smallest shifted value is
//! MIN + 1 + offset. Only timestamps of the last eight days of PostgreSQL's calendar (year 294276) are such.

const DAYS: i32 = 10_957;
const MICROS: i64 = 946_684_800_000_000;

/// Days since 2000-01-01 to days since 1970-01-01.
#[inline]
pub fn date_to_parquet(v: i32) -> i32 {
    if v == i32::MAX || v == i32::MIN {
        return v;
    }
    if v >= i32::MAX - DAYS {
        i32::MIN + 1 + (v - (i32::MAX - DAYS))
    } else {
        v + DAYS
    }
}

/// The inverse of [`date_to_parquet`].
#[inline]
pub fn date_from_parquet(v: i32) -> i32 {
    if v == i32::MAX || v == i32::MIN {
        return v;
    }
    if v < i32::MIN + 1 + DAYS {
        (v - (i32::MIN + 1)) + (i32::MAX - DAYS)
    } else {
        v - DAYS
    }
}

/// Microseconds since 2000-01-01 to microseconds since 1970-01-01.
#[inline]
pub fn timestamp_to_parquet(v: i64) -> i64 {
    if v == i64::MAX || v == i64::MIN {
        return v;
    }
    if v >= i64::MAX - MICROS {
        i64::MIN + 1 + (v - (i64::MAX - MICROS))
    } else {
        v + MICROS
    }
}

/// The inverse of [`timestamp_to_parquet`].
#[inline]
pub fn timestamp_from_parquet(v: i64) -> i64 {
    if v == i64::MAX || v == i64::MIN {
        return v;
    }
    if v < i64::MIN + 1 + MICROS {
        (v - (i64::MIN + 1)) + (i64::MAX - MICROS)
    } else {
        v - MICROS
    }
}

#[cfg(test)]
mod tests;
