//! Which texts hold a secret, and which messages may quote one.

#[cfg(test)]
mod tests;

/// Functions that take secrets: what follows the underscore, and the verbs before it.
const NAMES: [(&[u8], &[&[u8]]); 2] = [
    (b"_master_key", &[b"create", b"open", b"rotate"]),
    (b"_credential", &[b"create", b"alter"]),
];
/// The language whose statements hold passwords, and what such statements look like without it.
const TSQL: [&[u8]; 3] = [b"tsql", b"master key", b"scoped credential"];
/// Words of our own calls, which tell nothing.
const PLAIN: [&str; 16] = [
    "select",
    "from",
    "stretch",
    "create_master_key",
    "open_master_key",
    "rotate_master_key",
    "create_credential",
    "alter_credential",
    "password",
    "identity",
    "secret",
    "name",
    "or_replace",
    "true",
    "false",
    "language",
];

/// Shorter words are in every message. A secret may hold short ones, so this errs to hiding too much.
const SHORTEST: usize = 2;

/// True when a statement names a function that takes a secret, or the language that does.
pub fn is_secret(text: &[u8]) -> bool {
    names_a_secret(text) || (has_escaped_names(text) && names_a_secret(&without_escapes(text)))
}

/// `U&"..."`: a name that may be written in code points.
fn has_escaped_names(text: &[u8]) -> bool {
    text.windows(2).any(|two| matches!(two, [b'u' | b'U', b'&']))
}

/// Puts ASCII letters in the place of their code points. `UESCAPE` can name any escape character, so here each byte is
/// one that stands before four hexadecimal digits, or before a plus sign and six: what is no name may change too, and
/// nobody sees it.
fn without_escapes(text: &[u8]) -> Vec<u8> {
    let code = |digits: Option<&[u8]>| {
        let digits = std::str::from_utf8(digits?).ok()?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(code).ok().filter(u8::is_ascii)
    };
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (letter, length) = match text.get(at + 1) {
            Some(b'+') => (code(text.get(at + 2..at + 8)), 8),
            _ => (code(text.get(at + 1..at + 5)), 5),
        };
        plain.push(letter.unwrap_or(text[at]));
        at += if letter.is_some() { length } else { 1 };
    }
    plain
}

fn names_a_secret(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(at, byte)| match byte {
        b'_' => NAMES.iter().any(|(noun, verbs)| {
            begins(&text[at..], noun)
                && verbs
                    .iter()
                    .any(|verb| at >= verb.len() && begins(&text[at - verb.len()..], verb))
        }),
        b't' | b'T' | b'm' | b'M' | b's' | b'S' => TSQL.iter().any(|words| begins(&text[at..], words)),
        _ => false,
    })
}

fn begins(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// True when a message holds a word of the statement that may be a secret, in whatever case (core folds identifiers).
pub fn quotes(message: &str, statement: &str) -> bool {
    let message = message.to_lowercase();
    statement
        .to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.len() >= SHORTEST && !PLAIN.contains(word))
        .any(|word| message.contains(word))
}
