//! The values of one column of a batch, in PostgreSQL's representation, as they are pushed.

use crate::error::SegmentError;
use crate::limits::{MAX_DECIMAL_PRECISION, MAX_VALUE_BYTES};
use crate::numeric;
use crate::types::{ColumnSpec, ColumnType};

/// Values of varying length, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct ByteValues {
    data: Vec<u8>,
    /// End of each value in `data`.
    ends: Vec<usize>,
}

impl ByteValues {
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        &self.data[self.start(row)..self.ends[row]]
    }

    pub(crate) fn len_of(&self, row: usize) -> usize {
        self.ends[row] - self.start(row)
    }

    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }

    fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.ends.push(self.data.len());
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.data.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Is every value valid UTF-8 for itself? (The whole may be valid although a cut runs through a character.)
    pub(crate) fn is_utf8(&self) -> bool {
        match std::str::from_utf8(&self.data) {
            Ok(text) => self.ends.iter().all(|&end| text.is_char_boundary(end)),
            Err(_) => false,
        }
    }
}

/// A null holds the type's zero in the values.
#[derive(Debug)]
pub(crate) enum Values {
    Bool(Vec<bool>),
    Int2(Vec<i16>),
    Int4(Vec<i32>),
    Int8(Vec<i64>),
    Float4(Vec<f32>),
    Float8(Vec<f64>),
    /// A numeric column as long as every value fits its precision and scale.
    Decimal(Vec<i128>),
    /// A numeric column with any other value: wire form.
    NumericWire(ByteValues),
    Bytes(ByteValues),
}

/// One column of a [`crate::BatchBuilder`]. Pushing never fails: the first value that does not fit the column
/// is remembered and makes `finish` fail, so that the hot path has no `Result`.
#[derive(Debug)]
pub struct ColumnBuffer {
    index: usize,
    ty: ColumnType,
    values: Values,
    valid: Vec<bool>,
    null_count: usize,
    error: Option<SegmentError>,
    scratch: Vec<u8>,
}

impl ColumnBuffer {
    pub(crate) fn new(index: usize, spec: &ColumnSpec) -> Self {
        let values = match spec.ty {
            ColumnType::Bool => Values::Bool(Vec::new()),
            ColumnType::Int2 => Values::Int2(Vec::new()),
            ColumnType::Int4 | ColumnType::Date => Values::Int4(Vec::new()),
            ColumnType::Int8 | ColumnType::Timestamp | ColumnType::TimestampTz => Values::Int8(Vec::new()),
            ColumnType::Float4 => Values::Float4(Vec::new()),
            ColumnType::Float8 => Values::Float8(Vec::new()),
            ColumnType::Numeric { precision, scale } if is_decimal(precision, scale) => Values::Decimal(Vec::new()),
            ColumnType::Numeric { .. } => Values::NumericWire(ByteValues::default()),
            ColumnType::Text | ColumnType::Bytea | ColumnType::Uuid | ColumnType::Opaque => {
                Values::Bytes(ByteValues::default())
            }
        };
        ColumnBuffer {
            index,
            ty: spec.ty,
            values,
            valid: Vec::new(),
            null_count: 0,
            error: None,
            scratch: Vec::new(),
        }
    }

    /// Number of values pushed, nulls included.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Has nothing been pushed?
    pub fn is_empty(&self) -> bool {
        self.valid.is_empty()
    }

    pub(crate) fn ty(&self) -> ColumnType {
        self.ty
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.valid[row]
    }

    pub(crate) fn null_count(&self) -> usize {
        self.null_count
    }

    pub(crate) fn error(&self) -> Option<&SegmentError> {
        self.error.as_ref()
    }

    /// Bytes of memory that the values take.
    pub fn bytes(&self) -> usize {
        let per_row = self.fixed_width() + 1;
        self.valid.len() * per_row + self.var_bytes()
    }

    /// Bytes of one value apart from its varying part.
    pub(crate) fn fixed_width(&self) -> usize {
        match self.values {
            Values::Bool(_) => 1,
            Values::Int2(_) => 2,
            Values::Int4(_) | Values::Float4(_) => 4,
            Values::Int8(_) | Values::Float8(_) => 8,
            Values::Decimal(_) => 16,
            Values::NumericWire(_) | Values::Bytes(_) => size_of::<usize>(),
        }
    }

    pub(crate) fn var_bytes(&self) -> usize {
        self.byte_values().map_or(0, |b| b.data.len())
    }

    pub(crate) fn byte_values(&self) -> Option<&ByteValues> {
        match &self.values {
            Values::NumericWire(b) | Values::Bytes(b) => Some(b),
            _ => None,
        }
    }

    /// Drops the values from row `rows` on, and any error they made.
    pub(crate) fn truncate(&mut self, rows: usize) {
        if self.valid.len() <= rows {
            return;
        }
        self.null_count -= self.valid[rows..].iter().filter(|v| !**v).count();
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Bool(v) => v.truncate(rows),
            Values::Int2(v) => v.truncate(rows),
            Values::Int4(v) => v.truncate(rows),
            Values::Int8(v) => v.truncate(rows),
            Values::Float4(v) => v.truncate(rows),
            Values::Float8(v) => v.truncate(rows),
            Values::Decimal(v) => v.truncate(rows),
            Values::NumericWire(b) | Values::Bytes(b) => b.truncate(rows),
        }
        self.error = None;
    }

    /// A null of any type.
    pub fn push_null(&mut self) {
        self.push_zero();
        self.valid.push(false);
        self.null_count += 1;
    }

    fn push_zero(&mut self) {
        match &mut self.values {
            Values::Bool(v) => v.push(false),
            Values::Int2(v) => v.push(0),
            Values::Int4(v) => v.push(0),
            Values::Int8(v) => v.push(0),
            Values::Float4(v) => v.push(0.0),
            Values::Float8(v) => v.push(0.0),
            Values::Decimal(v) => v.push(0),
            Values::NumericWire(b) | Values::Bytes(b) => b.push(&[]),
        }
    }

    /// Keeps the column in step and remembers the first error.
    fn refuse(&mut self, error: SegmentError) {
        self.error.get_or_insert(error);
        self.push_null();
    }

    fn wrong(&mut self, pushed: &'static str) {
        self.refuse(SegmentError::WrongType {
            column: self.index,
            pushed,
        });
    }

    /// For `Bool`.
    pub fn push_bool(&mut self, value: bool) {
        match &mut self.values {
            Values::Bool(v) => v.push(value),
            _ => return self.wrong("a boolean"),
        }
        self.valid.push(true);
    }

    /// For `Int2`.
    pub fn push_i16(&mut self, value: i16) {
        match &mut self.values {
            Values::Int2(v) => v.push(value),
            _ => return self.wrong("a 16-bit integer"),
        }
        self.valid.push(true);
    }

    /// For `Int4`, and for `Date` in PostgreSQL's days since 2000-01-01.
    pub fn push_i32(&mut self, value: i32) {
        match &mut self.values {
            Values::Int4(v) => v.push(value),
            _ => return self.wrong("a 32-bit integer"),
        }
        self.valid.push(true);
    }

    /// For `Int8`, and for `Timestamp` and `TimestampTz` in PostgreSQL's microseconds since 2000-01-01.
    pub fn push_i64(&mut self, value: i64) {
        match &mut self.values {
            Values::Int8(v) => v.push(value),
            _ => return self.wrong("a 64-bit integer"),
        }
        self.valid.push(true);
    }

    /// For `Float4`; every bit of a NaN is kept.
    pub fn push_f32(&mut self, value: f32) {
        match &mut self.values {
            Values::Float4(v) => v.push(value),
            _ => return self.wrong("a 32-bit float"),
        }
        self.valid.push(true);
    }

    /// For `Float8`; every bit of a NaN is kept.
    pub fn push_f64(&mut self, value: f64) {
        match &mut self.values {
            Values::Float8(v) => v.push(value),
            _ => return self.wrong("a 64-bit float"),
        }
        self.valid.push(true);
    }

    /// For `Text`, `Bytea`, `Opaque`, and `Uuid` (exactly 16 bytes).
    pub fn push_bytes(&mut self, value: &[u8]) {
        if self.ty == ColumnType::Uuid && value.len() != 16 {
            return self.wrong("a uuid that has not 16 bytes");
        }
        if value.len() > MAX_VALUE_BYTES {
            return self.refuse(SegmentError::TooLarge {
                what: "a value in bytes",
                got: value.len() as u64,
                limit: MAX_VALUE_BYTES as u64,
            });
        }
        match &mut self.values {
            Values::Bytes(b) => b.push(value),
            _ => return self.wrong("bytes"),
        }
        self.valid.push(true);
    }

    /// For `Numeric`: the datum without its varlena header. A value that the column's precision and scale do
    /// not describe turns the whole column of this segment to wire form. Whether a datum comes back byte for
    /// byte is [`numeric::is_canonical`]; its value always does.
    pub fn push_numeric(&mut self, payload: &[u8]) {
        if !matches!(self.ty, ColumnType::Numeric { .. }) {
            return self.wrong("a numeric");
        }
        if let Values::Decimal(v) = &mut self.values {
            match numeric::disk_to_i128(payload) {
                Ok(Some((value, dscale))) if fits(self.ty, value, dscale) => {
                    v.push(value);
                    self.valid.push(true);
                    return;
                }
                Ok(_) => self.turn_to_wire(),
                Err(_) => {
                    return self.refuse(SegmentError::MalformedNumeric { column: self.index });
                }
            }
        }
        self.scratch.clear();
        if numeric::disk_to_wire(payload, &mut self.scratch).is_err() {
            return self.refuse(SegmentError::MalformedNumeric { column: self.index });
        }
        if let Values::NumericWire(b) = &mut self.values {
            b.push(&self.scratch);
        }
        self.valid.push(true);
    }

    /// For `Numeric`: a value of the column's precision and scale, as a decimal of a segment has it.
    pub(crate) fn push_decimal(&mut self, value: i128) {
        match &mut self.values {
            Values::Decimal(v) => v.push(value),
            _ => return self.wrong("a decimal"),
        }
        self.valid.push(true);
    }

    /// For `Numeric`: the wire form, as a segment has it.
    pub(crate) fn push_numeric_wire(&mut self, value: &[u8]) {
        self.turn_to_wire();
        match &mut self.values {
            Values::NumericWire(b) => b.push(value),
            _ => return self.wrong("a numeric"),
        }
        self.valid.push(true);
    }

    fn turn_to_wire(&mut self) {
        let ColumnType::Numeric { scale, .. } = self.ty else {
            return;
        };
        let Values::Decimal(decimals) = &self.values else {
            return;
        };
        let mut wire = ByteValues::default();
        for (value, valid) in decimals.iter().zip(&self.valid) {
            self.scratch.clear();
            if *valid {
                numeric::i128_to_wire(*value, u16::from(scale), &mut self.scratch);
            }
            wire.push(&self.scratch);
        }
        self.values = Values::NumericWire(wire);
    }
}

fn is_decimal(precision: u8, scale: u8) -> bool {
    (1..=MAX_DECIMAL_PRECISION).contains(&precision) && scale <= precision
}

/// 10 to the power of the place: a precision is asked for with every value.
const POWERS_OF_TEN: [u128; MAX_DECIMAL_PRECISION as usize + 1] = {
    let mut powers = [1; MAX_DECIMAL_PRECISION as usize + 1];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

fn fits(ty: ColumnType, value: i128, dscale: u16) -> bool {
    match ty {
        ColumnType::Numeric { precision, scale } => {
            dscale == u16::from(scale) && value.unsigned_abs() < POWERS_OF_TEN[usize::from(precision)]
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
