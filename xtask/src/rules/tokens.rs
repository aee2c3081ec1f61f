//! Rust source as words and marks, without comments: enough to find paths, and no more.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or name.
    Word,
    /// A string literal of any sort; its text is what stands between the quotes.
    String,
    /// `::`, or any other character; a number, lifetime or character literal as a whole.
    Mark,
}

/// A token and the line it begins in, counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    /// True for a keyword, name or mark of this text, and never for a string.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::String && self.text == text
    }
}

/// Splits a source file. What is no Rust gives nonsense, and never an error.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, len, inner) = next(rest, first);
        if let Some(kind) = kind {
            tokens.push(Token {
                kind,
                text: &rest[inner.0..inner.1],
                line,
            });
        }
        line += rest[..len].matches('\n').count();
        at += len;
    }
    tokens
}

/// Kind (`None` for blanks and comments), length, and where in it the token's text is.
fn next(rest: &str, first: char) -> (Option<Kind>, usize, (usize, usize)) {
    let whole = |kind, len| (Some(kind), len, (0, len));
    if first.is_whitespace() {
        return (None, first.len_utf8(), (0, 0));
    }
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()), (0, 0));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest), (0, 0));
    }
    if let Some((len, inner)) = string(rest) {
        return (Some(Kind::String), len, inner);
    }
    // The name behind `r#` is the name.
    if rest.starts_with("r#") && rest[2..].starts_with(is_word) {
        let len = 2 + word(&rest[2..]);
        return (Some(Kind::Word), len, (2, len));
    }
    if first.is_ascii_digit() {
        return whole(Kind::Mark, word(rest));
    }
    if rest.starts_with("b'") {
        return whole(Kind::Mark, 1 + quote(&rest[1..]));
    }
    if is_word(first) {
        return whole(Kind::Word, word(rest));
    }
    if first == '\'' {
        return whole(Kind::Mark, quote(rest));
    }
    if rest.starts_with("::") {
        return whole(Kind::Mark, 2);
    }
    whole(Kind::Mark, first.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a string literal with its prefix, and where its content is; `None` where none begins.
fn string(rest: &str) -> Option<(usize, (usize, usize))> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|behind| behind.starts_with('"') || prefix.ends_with('r') && raw(behind).is_some())
    });
    let begin = prefix.unwrap_or("").len();
    let behind = &rest[begin..];
    if prefix.is_some_and(|p| p.ends_with('r')) {
        let hashes = raw(behind)?;
        let from = begin + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        let to = rest[from..].find(&end).map_or(rest.len(), |at| from + at);
        return Some(((to + end.len()).min(rest.len()), (from, to)));
    }
    behind.strip_prefix('"')?;
    let to = begin + 1 + escaped(&behind[1..], b'"');
    Some(((to + 1).min(rest.len()), (begin + 1, to)))
}

/// How many hashes stand before the quote of a raw string.
fn raw(behind: &str) -> Option<usize> {
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// Where the first `end` is that no backslash precedes.
fn escaped(text: &str, end: u8) -> usize {
    let mut skip = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if skip => skip = false,
            b'\\' => skip = true,
            _ if byte == end => return at,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal or of a lifetime.
fn quote(rest: &str) -> usize {
    let mut chars = rest[1..].chars();
    let (first, second) = (chars.next(), chars.next());
    match first {
        Some('\\') => (escaped(&rest[1..], b'\'') + 2).min(rest.len()),
        Some(one) if second == Some('\'') => one.len_utf8() + 2,
        _ => 1 + word(&rest[1..]),
    }
}

#[cfg(test)]
mod tests;
