//! Patterns of LIKE that are decided on bytes: text between any number of any characters.

use stretch_segment::Bound;

/// A pattern without `_`: pieces of literal text, between which anything may stand. There is at least one; the first is
/// the beginning of what matches, the last its end, and either may be empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Like {
    pieces: Vec<Vec<u8>>,
}

impl Like {
    /// Reads a pattern with the usual escape character. `None` where one character stands for any other, which bytes do
    /// not tell, and where an escape character ends it, which is the server's error.
    pub fn parse(pattern: &[u8]) -> Option<Self> {
        let mut pieces = vec![Vec::new()];
        let mut bytes = pattern.iter();
        while let Some(byte) = bytes.next() {
            let literal = match byte {
                b'_' => return None,
                b'%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                b'\\' => bytes.next()?,
                other => other,
            };
            pieces.last_mut()?.push(*literal);
        }
        Some(Like { pieces })
    }

    /// Whether a text has this shape. In UTF-8 no character is found in a place where it does not begin, so that bytes
    /// are looked for.
    pub fn matches(&self, value: &[u8]) -> bool {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else {
            return false;
        };
        if self.pieces.len() == 1 {
            return value == first;
        }
        let Some(rest) = value.strip_prefix(first.as_slice()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_slice()) else {
            return false;
        };
        self.pieces[1..self.pieces.len() - 1].iter().all(|piece| {
            let found = match piece.is_empty() {
                true => Some(0),
                false => rest.windows(piece.len()).position(|part| part == piece.as_slice()),
            };
            if let Some(at) = found {
                rest = &rest[at + piece.len()..];
            }
            found.is_some()
        })
    }

    /// What matches is not below the first of these, in the order of bytes, and below the second if there is one.
    pub fn range(&self) -> (Bound, Option<Bound>) {
        let first = self.pieces.first().map_or(&[][..], Vec::as_slice);
        let mut beyond = first.to_vec();
        while beyond.last() == Some(&0xFF) {
            beyond.pop();
        }
        let above = beyond.last_mut().map(|last| *last += 1).is_some();
        (Bound::Bytes(first.to_vec()), above.then_some(Bound::Bytes(beyond)))
    }
}

#[cfg(test)]
mod tests;
