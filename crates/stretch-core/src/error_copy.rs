//! A complete copy of an error report of the server, as one line of ASCII: it travels where only a text can.
//!
//! pgrx carries an ERROR through Rust as a value of few fields, one of which is a text that nobody looks at.
//! `pg_stretch` puts this line there, so the copy lives exactly as long as the value does, and nothing has to be
//! remembered beside it.

/// What a line begins with. No message catalog of the server has such a name, so nobody's own text is mistaken for a
/// line.
const BEGIN: &str = "pg_stretch error:";
/// Stands for a text that is not there.
const NONE: &str = "-";

/// Numbers and texts of a report; whoever makes one decides which is which. Texts are bytes in the encoding of the
/// database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCopy<const NUMBERS: usize, const TEXTS: usize> {
    pub numbers: [i32; NUMBERS],
    pub texts: [Option<Vec<u8>>; TEXTS],
}

/// Whether a text is such a line.
pub fn is_line(text: &[u8]) -> bool {
    text.starts_with(BEGIN.as_bytes())
}

impl<const NUMBERS: usize, const TEXTS: usize> ErrorCopy<NUMBERS, TEXTS> {
    /// The line: numbers as decimals, texts as hexadecimal digits, spaces between them.
    pub fn to_line(&self) -> String {
        let mut line = String::from(BEGIN);
        for number in &self.numbers {
            line.push(' ');
            line.push_str(&number.to_string());
        }
        for text in &self.texts {
            line.push(' ');
            match text {
                None => line.push_str(NONE),
                Some(bytes) => line.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])),
            }
        }
        line
    }

    /// What [`to_line`](Self::to_line) wrote; `None` for anything else.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(BEGIN)?.strip_prefix(' ')?.split(' ');
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = words.next()?.parse().ok()?;
        }
        let mut texts = [const { None }; TEXTS];
        for text in &mut texts {
            *text = match words.next()? {
                NONE => None,
                digits => Some(bytes(digits)?),
            };
        }
        words.next().is_none().then_some(Self { numbers, texts })
    }
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(value(*high)? << 4 | value(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
