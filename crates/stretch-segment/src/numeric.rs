//! PostgreSQL's numeric in its three forms: on disk, on the wire, and as a scaled integer.
//!
//! - *Disk* is the datum without its varlena header, native endian (`numeric.c`, NumericShort and NumericLong):
//!   one header word with the sign, display scale and weight (short) or two words (long), then digit groups in
//!   base 10,000. NaN and the infinities are a header word alone.
//! - *Wire* is what `numeric_send` writes: big-endian words ndigits, weight, sign, dscale, then the groups.
//!   An infinity carries dscale 32 there, which is how PostgreSQL reads its own header bits; so do we.
//! - *Scaled* is an `i128` and a display scale: 1.50 is (150, 2).
//!
//! Everything written to disk form is canonical: leading and trailing zero groups stripped, the short header
//! whenever it fits, zero without groups and without sign. That is byte for byte what PostgreSQL stores itself.

use std::cmp::Ordering;

const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xC000;
const FLAG_MASK: u16 = 0xC000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const POSITIVE_INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
const SPECIAL_MASK: u16 = 0xF000;
const SHORT_NEGATIVE: u16 = 0x2000;
const SHORT_DSCALE_SHIFT: u32 = 7;
const SHORT_DSCALE_MAX: u16 = 63;
const SHORT_WEIGHT_SIGN: u16 = 0x0040;
const SHORT_WEIGHT_MASK: u16 = 0x003F;
/// Largest display scale the long header can hold.
pub const MAX_DSCALE: u16 = 0x3FFF;
const WIRE_HEADER: usize = 8;
/// More groups than an `i128` with a partial lowest group can have.
const MAX_GROUPS: usize = 12;

/// Bytes that are no numeric of the form they were given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed numeric")]
pub struct Malformed;

/// The parts of a numeric: `sign` is one of the sign words above, `digits` are
/// two-byte words that `read` takes in the form's byte order.
struct Parts<'a> {
    sign: u16,
    weight: i16,
    dscale: u16,
    digits: &'a [u8],
    read: fn([u8; 2]) -> u16,
}

impl<'a> Parts<'a> {
    fn from_disk(payload: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = payload.split_first_chunk::<2>().ok_or(Malformed)?;
        let header = u16::from_ne_bytes(*header);
        let parts = match header & FLAG_MASK {
            SPECIAL => {
                let sign = header & SPECIAL_MASK;
                if !rest.is_empty() || !is_special(sign) {
                    return Err(Malformed);
                }
                Parts {
                    sign,
                    weight: 0,
                    dscale: special_dscale(sign),
                    digits: rest,
                    read: u16::from_ne_bytes,
                }
            }
            SHORT => {
                let negative = if header & SHORT_WEIGHT_SIGN != 0 {
                    !SHORT_WEIGHT_MASK
                } else {
                    0
                };
                Parts {
                    sign: if header & SHORT_NEGATIVE != 0 { NEGATIVE } else { 0 },
                    weight: (negative | (header & SHORT_WEIGHT_MASK)) as i16,
                    dscale: (header >> SHORT_DSCALE_SHIFT) & SHORT_DSCALE_MAX,
                    digits: rest,
                    read: u16::from_ne_bytes,
                }
            }
            sign => {
                let (weight, digits) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
                Parts {
                    sign,
                    weight: i16::from_ne_bytes(*weight),
                    dscale: header & MAX_DSCALE,
                    digits,
                    read: u16::from_ne_bytes,
                }
            }
        };
        parts.checked()
    }

    fn from_wire(wire: &'a [u8]) -> Result<Self, Malformed> {
        let (header, digits) = wire.split_first_chunk::<WIRE_HEADER>().ok_or(Malformed)?;
        let word = |i: usize| u16::from_be_bytes([header[i * 2], header[i * 2 + 1]]);
        let (ndigits, sign, dscale) = (word(0), word(2), word(3));
        if digits.len() != usize::from(ndigits) * 2 {
            return Err(Malformed);
        }
        match sign {
            0 | NEGATIVE if dscale <= MAX_DSCALE => {}
            sign if is_special(sign) && ndigits == 0 => {}
            _ => return Err(Malformed),
        }
        Parts {
            sign,
            weight: word(1) as i16,
            dscale,
            digits,
            read: u16::from_be_bytes,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Malformed> {
        if !self.digits.len().is_multiple_of(2) || self.groups().any(|g| g > 9_999) {
            return Err(Malformed);
        }
        Ok(self)
    }

    fn groups(&self) -> impl DoubleEndedIterator<Item = u16> + ExactSizeIterator + '_ {
        let read = self.read;
        self.digits.chunks_exact(2).map(move |c| read([c[0], c[1]]))
    }

    fn is_special(&self) -> bool {
        is_special(self.sign)
    }

    /// Without leading and trailing zero groups; zero has weight 0 and no sign.
    fn canonical(mut self) -> Self {
        if self.is_special() {
            return self;
        }
        while self.groups().next() == Some(0) {
            self.digits = &self.digits[2..];
            // Saturates only for weights no numeric can have; the number of groups is below 65,536.
            self.weight = self.weight.saturating_sub(1);
        }
        while self.groups().next_back() == Some(0) {
            self.digits = &self.digits[..self.digits.len() - 2];
        }
        if self.digits.is_empty() {
            self.weight = 0;
            self.sign = 0;
        }
        self
    }

    fn push_disk(&self, out: &mut Vec<u8>) {
        push_disk_header(self.sign, self.weight, self.dscale, out);
        for g in self.groups() {
            out.extend_from_slice(&g.to_ne_bytes());
        }
    }

    fn push_wire(&self, out: &mut Vec<u8>) {
        push_wire_header(self.groups().len() as u16, self.weight, self.sign, self.dscale, out);
        for g in self.groups() {
            out.extend_from_slice(&g.to_be_bytes());
        }
    }
}

fn is_special(sign: u16) -> bool {
    matches!(sign, NAN | POSITIVE_INFINITY | NEGATIVE_INFINITY)
}

fn special_dscale(sign: u16) -> u16 {
    if sign == NAN { 0 } else { 32 }
}

fn push_disk_header(sign: u16, weight: i16, dscale: u16, out: &mut Vec<u8>) {
    if is_special(sign) {
        out.extend_from_slice(&sign.to_ne_bytes());
    } else if dscale <= SHORT_DSCALE_MAX && (-64..=63).contains(&weight) {
        let header = SHORT
            | if sign == NEGATIVE { SHORT_NEGATIVE } else { 0 }
            | dscale << SHORT_DSCALE_SHIFT
            | if weight < 0 { SHORT_WEIGHT_SIGN } else { 0 }
            | weight as u16 & SHORT_WEIGHT_MASK;
        out.extend_from_slice(&header.to_ne_bytes());
    } else {
        out.extend_from_slice(&(sign | dscale).to_ne_bytes());
        out.extend_from_slice(&weight.to_ne_bytes());
    }
}

fn push_wire_header(ndigits: u16, weight: i16, sign: u16, dscale: u16, out: &mut Vec<u8>) {
    for word in [ndigits, weight as u16, sign, dscale] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// The base-10,000 groups of `magnitude / 10^dscale`, lowest first, without zero groups at either end.
struct Groups {
    groups: [u16; MAX_GROUPS],
    start: usize,
    end: usize,
    weight: i16,
}

impl Groups {
    fn new(magnitude: u128, dscale: u16) -> Self {
        let fraction = dscale.div_ceil(4);
        // The lowest group holds this many zeros of padding behind the last digit.
        let padding = u32::from(fraction * 4 - dscale);
        let mut groups = [0u16; MAX_GROUPS];
        let mut end = 0;
        let mut rest = magnitude;
        if padding > 0 {
            let cut = 10u64.pow(4 - padding);
            let lowest = match u64::try_from(rest) {
                Ok(small) => {
                    rest = (small / cut).into();
                    small % cut
                }
                Err(_) => {
                    let lowest = rest % u128::from(cut);
                    rest /= u128::from(cut);
                    lowest as u64
                }
            };
            groups[0] = lowest as u16 * 10u16.pow(padding);
            end = 1;
        }
        while rest > u128::from(u64::MAX) {
            groups[end] = (rest % 10_000) as u16;
            rest /= 10_000;
            end += 1;
        }
        // Almost every value is small: 64-bit division is several times faster.
        let mut rest = rest as u64;
        while rest > 0 {
            groups[end] = (rest % 10_000) as u16;
            rest /= 10_000;
            end += 1;
        }
        while end > 0 && groups[end - 1] == 0 {
            end -= 1;
        }
        let mut start = 0;
        while start < end && groups[start] == 0 {
            start += 1;
        }
        let weight = if start == end {
            0
        } else {
            end as i16 - fraction as i16 - 1
        };
        Groups {
            groups,
            start,
            end,
            weight,
        }
    }

    /// Highest group first.
    fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.groups[self.start..self.end].iter().rev().copied()
    }
}

fn sign_word(value: i128) -> u16 {
    if value < 0 { NEGATIVE } else { 0 }
}

/// Appends the disk form of `value / 10^dscale` to `out`. `dscale` is at most [`MAX_DSCALE`]; higher bits are cut.
pub fn i128_to_disk(value: i128, dscale: u16, out: &mut Vec<u8>) {
    let dscale = dscale & MAX_DSCALE;
    let groups = Groups::new(value.unsigned_abs(), dscale);
    push_disk_header(sign_word(value), groups.weight, dscale, out);
    for g in groups.iter() {
        out.extend_from_slice(&g.to_ne_bytes());
    }
}

/// Appends the wire form of `value / 10^dscale` to `out`. `dscale` as for [`i128_to_disk`].
pub fn i128_to_wire(value: i128, dscale: u16, out: &mut Vec<u8>) {
    let dscale = dscale & MAX_DSCALE;
    let groups = Groups::new(value.unsigned_abs(), dscale);
    push_wire_header(
        (groups.end - groups.start) as u16,
        groups.weight,
        sign_word(value),
        dscale,
        out,
    );
    for g in groups.iter() {
        out.extend_from_slice(&g.to_be_bytes());
    }
}

/// The scaled integer and display scale of a datum in disk form. `None` when it is NaN or infinite, has
/// digits behind its display scale, or does not fit an `i128`.
pub fn disk_to_i128(payload: &[u8]) -> Result<Option<(i128, u16)>, Malformed> {
    Ok(scaled(&Parts::from_disk(payload)?))
}

/// As [`disk_to_i128`], from the wire form.
pub fn wire_to_i128(wire: &[u8]) -> Result<Option<(i128, u16)>, Malformed> {
    Ok(scaled(&Parts::from_wire(wire)?))
}

fn scaled(parts: &Parts<'_>) -> Option<(i128, u16)> {
    if parts.is_special() {
        return None;
    }
    let dscale = i32::from(parts.dscale);
    let mut value = Magnitude::Word(0);
    // Decimal places behind the group just added.
    let mut places = -4 * (i32::from(parts.weight) + 1);
    for group in parts.groups() {
        places += 4;
        let excess = places - dscale;
        let (shift, digits) = match excess {
            ..=0 => (10_000, group),
            1..=3 => {
                let cut = 10u16.pow(excess as u32);
                if group % cut != 0 {
                    return None;
                }
                (10_000 / cut, group / cut)
            }
            _ if group == 0 => (1, 0),
            _ => return None,
        };
        value = value.times_plus(shift.into(), digits.into())?;
    }
    let mut missing = (dscale - places).max(0) as u32;
    while missing > 0 && !matches!(value, Magnitude::Word(0)) {
        let digits = missing.min(DIGITS_OF_A_WORD);
        value = value.times_plus(10u64.pow(digits), 0)?;
        missing -= digits;
    }
    // A magnitude of 2^127 cannot come out of the checked arithmetic, so the sign always fits.
    let value = value.get();
    Some((if parts.sign == NEGATIVE { -value } else { value }, parts.dscale))
}

/// Decimal digits that any word holds: 10 to the power of 19 is less than 2 to the power of 64.
const DIGITS_OF_A_WORD: u32 = 19;

/// A number in the making. Nearly all fit a machine's word, whose arithmetic is several times faster.
#[derive(Clone, Copy)]
enum Magnitude {
    Word(u64),
    Wide(i128),
}

impl Magnitude {
    /// `None` when it would not fit.
    fn times_plus(self, factor: u64, more: u64) -> Option<Self> {
        if let Self::Word(value) = self
            && let Some(value) = value.checked_mul(factor).and_then(|value| value.checked_add(more))
        {
            return Some(Self::Word(value));
        }
        let value = self.get().checked_mul(factor.into())?.checked_add(more.into())?;
        Some(Self::Wide(value))
    }

    fn get(self) -> i128 {
        match self {
            Self::Word(value) => value.into(),
            Self::Wide(value) => value,
        }
    }
}

/// Appends the wire form of a datum in disk form to `out`, group by group as it is.
pub fn disk_to_wire(payload: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    Parts::from_disk(payload)?.push_wire(out);
    Ok(())
}

/// Appends the canonical disk form of a numeric in wire form to `out`.
pub fn wire_to_disk(wire: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    Parts::from_wire(wire)?.canonical().push_disk(out);
    Ok(())
}

/// Does this datum in disk form come back byte for byte from either stored form? PostgreSQL writes no other,
/// but data of old major versions may have a long header where a short one would do.
pub fn is_canonical(payload: &[u8]) -> bool {
    let Ok(parts) = Parts::from_disk(payload) else {
        return false;
    };
    let mut again = Vec::with_capacity(payload.len());
    parts.canonical().push_disk(&mut again);
    again == payload
}

/// Is this a well-formed numeric in disk form?
pub fn is_well_formed(payload: &[u8]) -> bool {
    Parts::from_disk(payload).is_ok()
}

/// PostgreSQL's order of two numerics in wire form: -Infinity, finite values, Infinity, NaN. Display scale
/// does not count. Malformed bytes sort last.
pub fn compare_wire(a: &[u8], b: &[u8]) -> Ordering {
    match (Parts::from_wire(a), Parts::from_wire(b)) {
        (Ok(a), Ok(b)) => compare(&a.canonical(), &b.canonical()),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => Ordering::Equal,
    }
}

fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let class = |p: &Parts<'_>| match p.sign {
        NEGATIVE_INFINITY => 0,
        NEGATIVE => 1,
        POSITIVE_INFINITY => 4,
        NAN => 5,
        _ if p.digits.is_empty() => 2,
        _ => 3,
    };
    let magnitude = |a: &Parts<'_>, b: &Parts<'_>| a.weight.cmp(&b.weight).then_with(|| a.groups().cmp(b.groups()));
    class(a).cmp(&class(b)).then_with(|| match class(a) {
        1 => magnitude(b, a),
        3 => magnitude(a, b),
        _ => Ordering::Equal,
    })
}

#[cfg(test)]
mod tests;
