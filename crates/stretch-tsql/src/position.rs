//! Where something stands in a batch.

/// A place in the text: `line` and `column` count from 1, columns in characters; `offset` counts bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1; only a line feed ends one.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset, from 0, always on the border of a character and at most the length of the text.
    pub offset: usize,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        offset: 0,
    };

    /// The place behind `c`, which stands here.
    pub(crate) fn after(self, c: char) -> Self {
        let offset = self.offset + c.len_utf8();
        if c == '\n' {
            Self {
                line: self.line.saturating_add(1),
                column: 1,
                offset,
            }
        } else {
            Self {
                line: self.line,
                column: self.column.saturating_add(1),
                offset,
            }
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
