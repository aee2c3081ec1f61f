//! Values of varying length in one piece of memory, with the headers of varlena (varatt.h; postgres.h up to 15).

/// Longest payload of a varlena with a header of one byte (VARATT_SHORT_MAX less the header).
const SHORT_MAX: usize = 126;
/// Bytes of the long header.
const LONG_HEADER: usize = 4;
/// Longest varlena with its header: 30 bits hold the length, and the server allocates no more (MaxAllocSize of
/// memutils.h).
const LONG_MAX: usize = 0x3FFF_FFFF;
/// Alignment of varlenas with a long header (TYPALIGN_INT).
const LONG_ALIGNMENT: usize = 4;

/// A value that no varlena can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored value has {bytes} bytes, more than PostgreSQL can hold")]
pub struct TooLong {
    pub bytes: usize,
}

/// Images of values one behind the other. A place that is a multiple of four is aligned once the area is copied to
/// where the server allocates.
#[derive(Debug, Default)]
pub struct Area {
    bytes: Vec<u8>,
    /// Place of each value; `None` for NULL.
    places: Vec<Option<usize>>,
}

impl Area {
    /// With room for the places of so many values.
    pub fn with_rows(rows: usize) -> Self {
        Self {
            bytes: Vec::new(),
            places: Vec::with_capacity(rows),
        }
    }

    /// Without its values, and with room for the places of so many others.
    pub fn emptied(mut self, rows: usize) -> Self {
        self.bytes.clear();
        self.places.clear();
        self.places.reserve(rows);
        self
    }

    /// NULL, which has no place.
    pub fn null(&mut self) {
        self.places.push(None);
    }

    /// Bytes without a header, for types of fixed length that need no alignment (uuid).
    pub fn plain(&mut self, value: &[u8]) {
        self.places.push(Some(self.bytes.len()));
        self.bytes.extend_from_slice(value);
    }

    /// The value that lies at a place, once more.
    pub fn again(&mut self, place: usize) {
        self.places.push(Some(place));
    }

    /// A varlena with a header of four bytes, aligned: what functions of numeric want without a copy. Gives its place.
    pub fn aligned(&mut self, value: &[u8]) -> Result<usize, TooLong> {
        self.aligned_to(LONG_ALIGNMENT, value)
    }

    /// A varlena with a header of four bytes at a multiple of eight, as arrays of numbers of eight bytes are.
    pub fn aligned_to_eight(&mut self, value: &[u8]) -> Result<(), TooLong> {
        self.aligned_to(2 * LONG_ALIGNMENT, value).map(drop)
    }

    fn aligned_to(&mut self, alignment: usize, value: &[u8]) -> Result<usize, TooLong> {
        let header = long_header(value.len())?;
        let place = self.bytes.len().next_multiple_of(alignment);
        self.bytes
            .reserve(place - self.bytes.len() + header.len() + value.len());
        // Less than the alignment: no call for what is most often two bytes.
        while self.bytes.len() < place {
            self.bytes.push(0);
        }
        self.places.push(Some(place));
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(value);
        Ok(place)
    }

    /// A varlena with the shortest header, as in a stored tuple.
    pub fn packed(&mut self, value: &[u8]) -> Result<(), TooLong> {
        let Some(header) = short_header(value.len()) else {
            return self.aligned(value).map(drop);
        };
        self.places.push(Some(self.bytes.len()));
        self.bytes.push(header);
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// What the places lie in; to be copied to an address that is a multiple of eight.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the places lie, as long as nothing is added; `None` when that is no multiple of eight, and they must be
    /// copied.
    pub fn address(&self) -> Option<usize> {
        let address = self.bytes.as_ptr() as usize;
        address.is_multiple_of(8).then_some(address)
    }

    /// One place per value, in order; `None` for NULL.
    pub fn places(&self) -> &[Option<usize>] {
        &self.places
    }

    /// One datum per value, in order, when the bytes have been copied to `base`; 0 for NULL.
    pub fn datums(&self, base: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.places
            .iter()
            .map(move |place| place.map_or(0, |place| base + place))
    }
}

/// SET_VARSIZE: the length with header, moved left by two on little-endian machines.
pub(crate) fn long_header(payload: usize) -> Result<[u8; LONG_HEADER], TooLong> {
    let length = payload.saturating_add(LONG_HEADER);
    if length > LONG_MAX {
        return Err(TooLong { bytes: payload });
    }
    let length = length as u32;
    Ok(if cfg!(target_endian = "big") {
        length.to_be_bytes()
    } else {
        (length << 2).to_le_bytes()
    })
}

/// SET_VARSIZE_SHORT: the length with header, marked by one bit. `None` when the payload is too long for it.
pub(crate) fn short_header(payload: usize) -> Option<u8> {
    if payload > SHORT_MAX {
        return None;
    }
    let length = payload as u8 + 1;
    Some(if cfg!(target_endian = "big") {
        length | 0x80
    } else {
        (length << 1) | 1
    })
}
