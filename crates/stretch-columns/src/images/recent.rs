//! Numbers whose images are in an area already: quantities, rates and discounts have few values, and a numeric takes
//! longer to make than to find.

/// Values that are remembered: as many as the quantities of an order, in few lines of the processor's cache.
const PLACES: usize = 64;

/// Places of the values met last, each value in the one slot that its bits choose.
pub struct Recent([Option<(i128, usize)>; PLACES]);

impl Default for Recent {
    fn default() -> Self {
        Self([None; PLACES])
    }
}

impl Recent {
    /// Where the value's image lies.
    pub fn place(&self, value: i128) -> Option<usize> {
        let (known, place) = self.0[slot(value)]?;
        (known == value).then_some(place)
    }

    /// Notes where the value's image lies.
    pub fn note(&mut self, value: i128, place: usize) {
        self.0[slot(value)] = Some((value, place));
    }
}

/// Stored numbers are often multiples of a power of ten, so that their last bits alone would share few slots. The
/// multiplier is the golden ratio's, whose high bits spread any steps (Knuth, The Art of Computer Programming, 6.4).
fn slot(value: i128) -> usize {
    let spread = (value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (spread >> (u64::BITS - PLACES.trailing_zeros())) as usize
}
