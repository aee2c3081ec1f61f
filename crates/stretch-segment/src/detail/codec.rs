//! The binary layout of a segment detail, version 2. All integers are little-endian.
//!
//! ```text
//! magic "PGSD" · version u16
//! columns u16 · per column: field_id i32, name (length u16, UTF-8), stored u8 [precision u8, scale u8], form u8
//! per column: statistics of the segment
//! row groups u32 · per row group: rows u32, first_row u32, per column: offset u64, len u64, checksum 16, statistics,
//!     dictionary len u32 [checksum 16], pages u32 · per page: first_row u32, len u32, checksum 16
//!     known u8 · if 1, per page: statistics
//! footer (length u32)
//! checksum 16 of everything before
//!
//! statistics: null_count u32, minimum, maximum
//! bound: tag u8: 0 none · 1 i64 · 2 f64 bits · 3 i128, scale u8 · 4 bytes (length u8)
//! ```
//!
//! Version 1 has nothing between the statistics of a chunk and those of the next: its pages are not known. A reader
//! refuses any other version before it looks at anything else. A change of this layout is a new version, and these
//! stay readable.

use bytes::Bytes;

use super::{ChunkDetail, ColumnDetail, Page, Pages, RowGroupDetail, SegmentDetail, checksum};
use crate::error::SegmentError;
use crate::limits::CHECKSUM_BYTES;
use crate::stats::{Bound, ColumnStats};
use crate::types::{StoredType, ValueForm};

const MAGIC: &[u8; 4] = b"PGSD";
const TOO_SHORT: SegmentError = SegmentError::CorruptDetail("it ends too early");

impl SegmentDetail {
    /// The binary form. Ends with a checksum of itself.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads the binary form. Never panics and never allocates more than a small multiple of the input.
    /// Errors: [`SegmentError::UnknownVersion`], [`SegmentError::CorruptDetail`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let detail = read(bytes)?;
        detail.check()?;
        Ok(detail)
    }
}

fn write(detail: &SegmentDetail) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + detail.footer.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&SegmentDetail::FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&(detail.columns.len() as u16).to_le_bytes());
    for column in &detail.columns {
        out.extend_from_slice(&column.field_id.to_le_bytes());
        out.extend_from_slice(&(column.name.len() as u16).to_le_bytes());
        out.extend_from_slice(column.name.as_bytes());
        put_stored(column.stored, &mut out);
        out.push(match column.form {
            ValueForm::Native => 0,
            ValueForm::Send => 1,
            ValueForm::Output => 2,
        });
    }
    for stats in &detail.stats {
        put_stats(stats, &mut out);
    }
    out.extend_from_slice(&(detail.row_groups.len() as u32).to_le_bytes());
    for group in &detail.row_groups {
        out.extend_from_slice(&group.rows.to_le_bytes());
        out.extend_from_slice(&group.first_row.to_le_bytes());
        for chunk in &group.chunks {
            out.extend_from_slice(&chunk.offset.to_le_bytes());
            out.extend_from_slice(&chunk.len.to_le_bytes());
            out.extend_from_slice(&chunk.checksum);
            put_stats(&chunk.stats, &mut out);
            put_pages(&chunk.pages, &mut out);
        }
    }
    out.extend_from_slice(&(detail.footer.len() as u32).to_le_bytes());
    out.extend_from_slice(&detail.footer);
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    out
}

fn put_stored(stored: StoredType, out: &mut Vec<u8>) {
    let tag = match stored {
        StoredType::Bool => 0,
        StoredType::Int16 => 1,
        StoredType::Int32 => 2,
        StoredType::Int64 => 3,
        StoredType::Float32 => 4,
        StoredType::Float64 => 5,
        StoredType::Decimal128 { .. } => 6,
        StoredType::NumericWire => 7,
        StoredType::Utf8 => 8,
        StoredType::Binary => 9,
        StoredType::Date32 => 10,
        StoredType::Timestamp => 11,
        StoredType::TimestampTz => 12,
        StoredType::Uuid => 13,
    };
    out.push(tag);
    if let StoredType::Decimal128 { precision, scale } = stored {
        out.extend_from_slice(&[precision, scale]);
    }
}

fn put_pages(pages: &Pages, out: &mut Vec<u8>) {
    match &pages.dictionary {
        None => out.extend_from_slice(&0u32.to_le_bytes()),
        Some((len, checksum)) => {
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(checksum);
        }
    }
    out.extend_from_slice(&(pages.data.len() as u32).to_le_bytes());
    for page in &pages.data {
        out.extend_from_slice(&page.first_row.to_le_bytes());
        out.extend_from_slice(&page.len.to_le_bytes());
        out.extend_from_slice(&page.checksum);
    }
    out.push(u8::from(!pages.stats.is_empty()));
    for stats in &pages.stats {
        put_stats(stats, out);
    }
}

fn put_stats(stats: &ColumnStats, out: &mut Vec<u8>) {
    // A segment has fewer than 2^32 rows.
    out.extend_from_slice(&(stats.null_count as u32).to_le_bytes());
    for bound in [&stats.min, &stats.max] {
        match bound {
            None => out.push(0),
            Some(Bound::Int(v)) => {
                out.push(1);
                out.extend_from_slice(&v.to_le_bytes());
            }
            Some(Bound::Float(v)) => {
                out.push(2);
                out.extend_from_slice(&v.to_bits().to_le_bytes());
            }
            Some(Bound::Decimal(v, scale)) => {
                out.push(3);
                out.extend_from_slice(&v.to_le_bytes());
                out.push(*scale);
            }
            // A longer one does not come from this crate: unknown is always a true bound.
            Some(Bound::Bytes(v)) if v.len() > usize::from(u8::MAX) => out.push(0),
            Some(Bound::Bytes(v)) => {
                out.push(4);
                out.push(v.len() as u8);
                out.extend_from_slice(v);
            }
        }
    }
}

fn read(bytes: &[u8]) -> Result<SegmentDetail, SegmentError> {
    let mut head = Input { rest: bytes };
    if head.array::<4>()? != *MAGIC {
        return Err(SegmentError::CorruptDetail("it does not begin as one"));
    }
    let version = head.u16()?;
    if !(1..=SegmentDetail::FORMAT_VERSION).contains(&version) {
        return Err(SegmentError::UnknownVersion(version));
    }
    let (body, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(TOO_SHORT)?;
    if checksum(body) != *sum {
        return Err(SegmentError::CorruptDetail("its checksum differs"));
    }
    let mut input = Input {
        rest: body.get(MAGIC.len() + 2..).ok_or(TOO_SHORT)?,
    };
    let detail = input.detail(version >= 2)?;
    if !input.rest.is_empty() {
        return Err(SegmentError::CorruptDetail("something follows its end"));
    }
    Ok(detail)
}

/// The bytes not read yet. Collections grow as their elements are read, so a wrong count cannot allocate.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], SegmentError> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SegmentError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, SegmentError> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, SegmentError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, SegmentError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, SegmentError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn detail(&mut self, has_pages: bool) -> Result<SegmentDetail, SegmentError> {
        let columns = self.u16()?;
        let columns = (0..columns).map(|_| self.column()).collect::<Result<Vec<_>, _>>()?;
        let stats = columns.iter().map(|_| self.stats()).collect::<Result<Vec<_>, _>>()?;
        let groups = self.u32()?;
        let mut row_groups = Vec::new();
        for _ in 0..groups {
            row_groups.push(self.row_group(columns.len(), has_pages)?);
        }
        let length = self.u32()? as usize;
        let footer = Bytes::copy_from_slice(self.take(length)?);
        Ok(SegmentDetail {
            columns,
            row_groups,
            stats,
            footer,
        })
    }

    fn column(&mut self) -> Result<ColumnDetail, SegmentError> {
        let field_id = i32::from_le_bytes(self.array()?);
        let length = usize::from(self.u16()?);
        let name = std::str::from_utf8(self.take(length)?)
            .map_err(|_| SegmentError::CorruptDetail("a column name is not UTF-8"))?
            .to_string();
        let stored = self.stored()?;
        let form = match self.u8()? {
            0 => ValueForm::Native,
            1 => ValueForm::Send,
            2 => ValueForm::Output,
            _ => return Err(SegmentError::CorruptDetail("unknown form of values")),
        };
        Ok(ColumnDetail {
            field_id,
            name,
            stored,
            form,
        })
    }

    fn stored(&mut self) -> Result<StoredType, SegmentError> {
        Ok(match self.u8()? {
            0 => StoredType::Bool,
            1 => StoredType::Int16,
            2 => StoredType::Int32,
            3 => StoredType::Int64,
            4 => StoredType::Float32,
            5 => StoredType::Float64,
            6 => StoredType::Decimal128 {
                precision: self.u8()?,
                scale: self.u8()?,
            },
            7 => StoredType::NumericWire,
            8 => StoredType::Utf8,
            9 => StoredType::Binary,
            10 => StoredType::Date32,
            11 => StoredType::Timestamp,
            12 => StoredType::TimestampTz,
            13 => StoredType::Uuid,
            _ => return Err(SegmentError::CorruptDetail("unknown stored type")),
        })
    }

    fn row_group(&mut self, columns: usize, has_pages: bool) -> Result<RowGroupDetail, SegmentError> {
        let rows = self.u32()?;
        let first_row = self.u32()?;
        let mut chunks = Vec::new();
        for _ in 0..columns {
            chunks.push(ChunkDetail {
                offset: self.u64()?,
                len: self.u64()?,
                checksum: self.array()?,
                stats: self.stats()?,
                pages: match has_pages {
                    true => self.pages()?,
                    false => Pages::default(),
                },
            });
        }
        Ok(RowGroupDetail {
            rows,
            first_row,
            chunks,
        })
    }

    fn pages(&mut self) -> Result<Pages, SegmentError> {
        let dictionary = match self.u32()? {
            0 => None,
            len => Some((len, self.array()?)),
        };
        let mut data = Vec::new();
        for _ in 0..self.u32()? {
            data.push(Page {
                first_row: self.u32()?,
                len: self.u32()?,
                checksum: self.array()?,
            });
        }
        let stats = match self.u8()? {
            0 => Vec::new(),
            1 => data.iter().map(|_| self.stats()).collect::<Result<_, _>>()?,
            _ => return Err(SegmentError::CorruptDetail("unknown kind of page statistics")),
        };
        Ok(Pages {
            dictionary,
            data,
            stats,
        })
    }

    fn stats(&mut self) -> Result<ColumnStats, SegmentError> {
        Ok(ColumnStats {
            null_count: self.u32()?.into(),
            min: self.bound()?,
            max: self.bound()?,
        })
    }

    fn bound(&mut self) -> Result<Option<Bound>, SegmentError> {
        Ok(Some(match self.u8()? {
            0 => return Ok(None),
            1 => Bound::Int(i64::from_le_bytes(self.array()?)),
            2 => Bound::Float(f64::from_bits(self.u64()?)),
            3 => Bound::Decimal(i128::from_le_bytes(self.array()?), self.u8()?),
            4 => {
                let length = usize::from(self.u8()?);
                Bound::Bytes(self.take(length)?.to_vec())
            }
            _ => return Err(SegmentError::CorruptDetail("unknown kind of bound")),
        }))
    }
}
