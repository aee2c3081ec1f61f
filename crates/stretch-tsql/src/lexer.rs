//! Text to tokens: words, variables, literals, numbers and symbols; comments and white space fall away.
//!
//! Typographic quotes stand where straight ones are meant. A literal that a straight quote opens is closed by a
//! straight one only, so that typographic ones may stand inside. A literal that a typographic quote opens is closed by
//! a typographic one; a lone straight quote in it is refused, because one cannot tell what was meant.

use crate::error::{Error, Kind, number};
use crate::position::Position;

/// The longest name of SQL Server, in characters.
pub(crate) const MAX_NAME: usize = 128;

/// One token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word that is no literal; `quoted` when brackets or double quotes enclose it.
    Word { text: String, quoted: bool },
    /// A variable with its `@`.
    Variable(String),
    /// A string literal, unescaped.
    Text(String),
    /// Digits with an optional point and exponent.
    Number(String),
    /// An operator or a punctuation mark.
    Symbol(&'static str),
    /// The end of the batch.
    End,
}

/// A token and where it begins and ends.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub at: Position,
    /// Byte offset behind the token.
    pub end: usize,
}

/// Symbols, longer ones first.
const SYMBOLS: [&str; 20] = [
    "<=", ">=", "<>", "!=", "!<", "!>", "(", ")", ",", ";", "=", ".", "+", "-", "*", "/", "%", "<", ">", ":",
];

/// Cuts a batch into tokens; the last is [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer {
        text,
        at: Position::START,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let at = lexer.at;
        let kind = lexer.token()?;
        let last = kind == TokenKind::End;
        tokens.push(Token {
            kind,
            at,
            end: lexer.at.offset,
        });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: Position,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.after(c);
        Some(c)
    }

    /// Skips white space and comments; `/* */` nests.
    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            match self.peek() {
                Some(c) if c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}') => {
                    self.next();
                }
                Some('-') if self.second() == Some('-') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                Some('/') if self.second() == Some('*') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Error> {
        let at = self.at;
        let mut depth = 0u32;
        loop {
            match (self.next(), self.peek()) {
                (Some('/'), Some('*')) => {
                    self.next();
                    depth += 1;
                }
                (Some('*'), Some('/')) => {
                    self.next();
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => {}
                (None, _) => {
                    let message = "a comment is not closed";
                    return Err(Error::new(Kind::Syntax, number::UNCLOSED_COMMENT, at, message)
                        .supported("Comments nest: each /* needs a */ of its own."));
                }
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind, Error> {
        let at = self.at;
        let Some(c) = self.peek() else {
            return Ok(TokenKind::End);
        };
        if matches!(c, 'N' | 'n') && self.second().is_some_and(is_single_quote) {
            self.next();
            return self.quoted(at, &SINGLE).map(TokenKind::Text);
        }
        if is_single_quote(c) {
            return self.quoted(at, &SINGLE).map(TokenKind::Text);
        }
        if matches!(c, '"' | '“' | '”') {
            let text = self.quoted(at, &DOUBLE)?;
            return name(at, text);
        }
        if c == '[' {
            let text = self.bracketed(at)?;
            return name(at, text);
        }
        if c == '@' || starts_word(c) {
            return self.word(at, c == '@');
        }
        if c.is_ascii_digit() || (c == '.' && self.second().is_some_and(|d| d.is_ascii_digit())) {
            return self.number(at);
        }
        for symbol in SYMBOLS {
            if self.rest().starts_with(symbol) {
                for _ in symbol.chars() {
                    self.next();
                }
                return Ok(TokenKind::Symbol(symbol));
            }
        }
        Err(Error::syntax(
            at,
            format!("the character U+{:04X} means nothing here", u32::from(c)),
        ))
    }

    /// A literal or name in quotes; the position stands on the opening quote.
    fn quoted(&mut self, at: Position, quotes: &Quotes) -> Result<String, Error> {
        let straight = self.next() == Some(quotes.straight);
        let mut value = String::new();
        loop {
            let here = self.at;
            let Some(c) = self.next() else {
                let message = format!("{} is not closed", quotes.what);
                return Err(Error::new(Kind::Syntax, number::UNCLOSED_QUOTE, at, message)
                    .supported("It must end with a quote of the kind that opened it, straight or typographic."));
            };
            let closes = if straight {
                c == quotes.straight
            } else {
                quotes.typographic.contains(&c)
            };
            let doubled = self.peek() == Some(c);
            if closes && !doubled {
                return Ok(value);
            }
            if closes || (!straight && c == quotes.straight && doubled) {
                self.next();
            } else if c == quotes.straight {
                let message = format!("{} mixes typographic and straight quotes", quotes.what);
                return Err(Error::new(Kind::Syntax, number::UNCLOSED_QUOTE, here, message)
                    .supported("Open and close it with quotes of one kind."));
            }
            value.push(c);
        }
    }

    fn bracketed(&mut self, at: Position) -> Result<String, Error> {
        self.next();
        let mut value = String::new();
        while let Some(c) = self.next() {
            if c == ']' {
                if self.peek() != Some(']') {
                    return Ok(value);
                }
                self.next();
            }
            value.push(c);
        }
        let message = "a name in brackets is not closed";
        Err(Error::new(Kind::Syntax, number::UNCLOSED_QUOTE, at, message).supported("It must end with ]."))
    }

    fn word(&mut self, at: Position, variable: bool) -> Result<TokenKind, Error> {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| continues_word(*c)) {
            self.next();
            text.push(c);
        }
        if text.starts_with("@@") {
            return Err(Error::new(
                Kind::Unsupported,
                number::SYNTAX,
                at,
                "system functions that begin with @@ are not supported",
            ));
        }
        if text.chars().count() > MAX_NAME {
            return Err(too_long(at));
        }
        match (variable, text.len()) {
            (true, 1) => Err(Error::syntax(at, "a variable needs a name behind its @")),
            (true, _) => Ok(TokenKind::Variable(text)),
            (false, _) => Ok(TokenKind::Word { text, quoted: false }),
        }
    }

    fn number(&mut self, at: Position) -> Result<TokenKind, Error> {
        let mut text = String::new();
        let mut seen_point = false;
        while let Some(c) = self.peek() {
            let take = match c {
                '0'..='9' => true,
                '.' if !seen_point => {
                    seen_point = true;
                    true
                }
                _ => false,
            };
            if !take {
                break;
            }
            self.next();
            text.push(c);
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            text.push('e');
            if let Some(sign @ ('+' | '-')) = self.peek() {
                self.next();
                text.push(sign);
            }
            let before = text.len();
            while let Some(c) = self.peek().filter(char::is_ascii_digit) {
                self.next();
                text.push(c);
            }
            if text.len() == before {
                text.push('0');
            }
        }
        if self.peek().is_some_and(|c| continues_word(c) || c == '.') {
            return Err(Error::syntax(
                at,
                "a number is followed by something that is not part of it",
            ));
        }
        Ok(TokenKind::Number(text))
    }
}

/// The quotes of one family.
struct Quotes {
    straight: char,
    typographic: [char; 2],
    what: &'static str,
}

const SINGLE: Quotes = Quotes {
    straight: '\'',
    typographic: ['‘', '’'],
    what: "a string literal",
};
const DOUBLE: Quotes = Quotes {
    straight: '"',
    typographic: ['“', '”'],
    what: "a name in double quotes",
};

fn is_single_quote(c: char) -> bool {
    c == SINGLE.straight || SINGLE.typographic.contains(&c)
}

fn starts_word(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '#')
}

fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '#' | '@' | '$')
}

fn name(at: Position, text: String) -> Result<TokenKind, Error> {
    if text.is_empty() {
        return Err(Error::syntax(at, "a name is empty"));
    }
    if text.chars().count() > MAX_NAME {
        return Err(too_long(at));
    }
    if text.contains('\0') {
        return Err(Error::syntax(at, "a name holds a zero byte"));
    }
    Ok(TokenKind::Word { text, quoted: true })
}

fn too_long(at: Position) -> Error {
    let message = format!("a name is longer than {MAX_NAME} characters");
    Error::new(Kind::Name, number::NAME_TOO_LONG, at, message)
}
