//! Numbers of groups: rows whose keys have the same stored bytes get the same number.

use crate::stored::Reading;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::DataType;
use std::collections::HashMap;

/// Numbers that are looked up without the map, by a hash: a power of two.
const CACHE: usize = 256;
/// Number of NULL among the values of a column.
const NULL: u32 = 0;

/// The values of one key in a batch.
pub(super) struct Key {
    /// How they are read; `None` when the segment has no such column, so that all is NULL.
    pub reading: Option<Reading>,
    pub array: ArrayRef,
}

impl Key {
    /// Whether values of the array can be told apart: all types that a segment has are known, and a column without
    /// values.
    pub fn is_known(&self) -> bool {
        matches!(
            self.array.data_type(),
            DataType::Null
                | DataType::Boolean
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Float32
                | DataType::Float64
                | DataType::Date32
                | DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, _)
                | DataType::Decimal128(..)
                | DataType::Utf8
                | DataType::Binary
                | DataType::FixedSizeBinary(_)
        )
    }
}

/// Gives equal words the same number.
#[derive(Default)]
struct Words {
    numbers: HashMap<u64, u32>,
    cache: Vec<Option<(u64, u32)>>,
}

impl Words {
    /// The number of a word; `next` is that of a new one.
    #[inline]
    fn number(&mut self, word: u64, next: u32) -> u32 {
        if self.cache.is_empty() {
            self.cache = vec![None; CACHE];
        }
        // Fibonacci hashing: the high bits of the product depend on all bits of the word.
        let place = (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize;
        if let Some((known, number)) = self.cache[place]
            && known == word
        {
            return number;
        }
        let number = *self.numbers.entry(word).or_insert(next);
        self.cache[place] = Some((word, number));
        number
    }
}

/// Numbers of the values of one column.
#[derive(Default)]
struct Dictionary {
    words: Words,
    bytes: HashMap<Box<[u8]>, u32>,
    /// Values so far; NULL is one.
    count: u32,
}

impl Dictionary {
    #[inline]
    fn word(&mut self, word: u64) -> u32 {
        let next = self.count + 1;
        let number = self.words.number(word, next);
        self.count = self.count.max(number);
        number
    }

    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        // Short strings are words: their bytes, and their length in the last.
        if bytes.len() < 8 {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            word[7] = bytes.len() as u8;
            return self.word(u64::from_le_bytes(word));
        }
        if let Some(number) = self.bytes.get(bytes) {
            return *number;
        }
        self.count += 1;
        self.bytes.insert(bytes.into(), self.count);
        self.count
    }

    /// The number of each row's value.
    fn numbers(&mut self, array: &dyn Array) -> Vec<u32> {
        match array.data_type() {
            DataType::Int16 => self.primitive::<Int16Type>(array, |value| value as u64),
            DataType::Int32 => self.primitive::<Int32Type>(array, |value| value as u64),
            DataType::Int64 => self.primitive::<Int64Type>(array, |value| value as u64),
            DataType::Float32 => self.primitive::<Float32Type>(array, |value| value.to_bits().into()),
            DataType::Float64 => self.primitive::<Float64Type>(array, f64::to_bits),
            DataType::Date32 => self.primitive::<Date32Type>(array, |value| value as u64),
            DataType::Timestamp(..) => self.primitive::<TimestampMicrosecondType>(array, |value| value as u64),
            DataType::Decimal128(..) => {
                let values = array.as_primitive::<Decimal128Type>().values();
                self.each(array, |all, row| match i64::try_from(values[row]) {
                    Ok(value) => all.word(value as u64),
                    Err(_) => all.bytes(&values[row].to_le_bytes()),
                })
            }
            DataType::Boolean => {
                let values = array.as_boolean().values();
                self.each(array, |all, row| all.word(values.value(row).into()))
            }
            DataType::Utf8 => {
                let values = array.as_string::<i32>();
                self.each(array, |all, row| all.bytes(values.value(row).as_bytes()))
            }
            DataType::Binary => {
                let values = array.as_binary::<i32>();
                self.each(array, |all, row| all.bytes(values.value(row)))
            }
            DataType::FixedSizeBinary(_) => {
                let values = array.as_fixed_size_binary();
                self.each(array, |all, row| all.bytes(values.value(row)))
            }
            // `is_known` is asked before.
            _ => vec![NULL; array.len()],
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&mut self, array: &dyn Array, word: impl Fn(T::Native) -> u64) -> Vec<u32> {
        let values = array.as_primitive::<T>().values();
        self.each(array, |all, row| all.word(word(values[row])))
    }

    fn each(&mut self, array: &dyn Array, mut number: impl FnMut(&mut Self, usize) -> u32) -> Vec<u32> {
        match array.nulls() {
            None => (0..array.len()).map(|row| number(self, row)).collect(),
            Some(valid) => (0..array.len())
                .map(|row| if valid.is_valid(row) { number(self, row) } else { NULL })
                .collect(),
        }
    }
}

/// One key of all groups.
#[derive(Default)]
struct Column {
    dictionary: Dictionary,
    /// Numbers of the pairs of what the keys before make and this one's values.
    pairs: Words,
    /// How many of these there are.
    count: u32,
    reading: Option<Reading>,
    /// Values of the groups, in their order.
    values: Vec<ArrayRef>,
}

/// One key of finished groups.
pub struct KeyValues {
    pub reading: Reading,
    /// One array behind the other, in the order of the groups.
    pub values: Vec<ArrayRef>,
}

/// Groups of rows.
pub(super) struct Groups {
    columns: Vec<Column>,
    count: usize,
}

/// The groups of the rows of a batch.
pub(super) struct Numbered {
    /// Group of each row; `None` when all are in the one group that there is.
    pub of_rows: Option<Vec<u32>>,
    pub rows: usize,
    /// Groups, those of earlier batches among them.
    pub groups: usize,
}

impl Groups {
    pub fn new(keys: usize) -> Self {
        Self {
            columns: (0..keys).map(|_| Column::default()).collect(),
            count: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of the groups' keys.
    pub fn bytes(&self) -> usize {
        let values = self.columns.iter().flat_map(|column| &column.values);
        values.map(|values| values.get_array_memory_size()).sum()
    }

    /// Whether keys are read as those of the groups so far.
    pub fn fits(&self, keys: &[Key]) -> bool {
        self.count == 0
            || self
                .columns
                .iter()
                .zip(keys)
                .all(|(column, key)| column.reading == key.reading)
    }

    /// The groups of the rows; keys that were not met make new ones.
    pub fn number(&mut self, rows: usize, keys: &[Key]) -> Numbered {
        let mut all: Option<Vec<u32>> = None;
        for (column, key) in self.columns.iter_mut().zip(keys) {
            column.reading = key.reading;
            let mut numbers = column.dictionary.numbers(key.array.as_ref());
            for (row, number) in numbers.iter_mut().enumerate() {
                let before = all.as_ref().map_or(0, |all| u64::from(all[row]));
                let pair = column.pairs.number(before << 32 | u64::from(*number), column.count);
                column.count = column.count.max(pair + 1);
                *number = pair;
            }
            all = Some(numbers);
        }
        let Some(of_rows) = all else {
            self.count = 1;
            return Numbered {
                of_rows: None,
                rows,
                groups: 1,
            };
        };
        // The numbers of new groups ascend in the order of their first rows.
        let mut first_rows = Vec::new();
        for (row, number) in of_rows.iter().enumerate() {
            if *number as usize >= self.count {
                self.count += 1;
                first_rows.push(row as u32);
            }
        }
        if !first_rows.is_empty() {
            for (column, key) in self.columns.iter_mut().zip(keys) {
                column.values.extend(rows_of(&key.array, &first_rows));
            }
        }
        Numbered {
            of_rows: Some(of_rows),
            rows,
            groups: self.count,
        }
    }

    /// The keys of the groups.
    pub fn keys(self) -> Vec<Option<KeyValues>> {
        let column = |column: Column| {
            Some(KeyValues {
                reading: column.reading?,
                values: column.values,
            })
        };
        self.columns.into_iter().map(column).collect()
    }
}

/// The rows of an array with these numbers, in their order.
fn rows_of(array: &ArrayRef, rows: &[u32]) -> Option<ArrayRef> {
    let rows = arrow_array::UInt32Array::from(rows.to_vec());
    arrow_select::take::take(array.as_ref(), &rows, None).ok()
}
