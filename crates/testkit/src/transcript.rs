//! What psql printed for each piece of a script, and how two printings of a piece differ.

#[cfg(test)]
mod tests;

use crate::psql_script::Piece;

/// How much of one printing is in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Every line at its place.
    Same,
    /// The same lines, in another order.
    Reordered,
    Different,
}

/// Cuts what psql printed for a whole script, by the lines that it repeats, into what it printed for each piece, with
/// the piece itself. Pieces that it did not come to, because the script ended early, are left out.
///
/// The error names the line of the script that was not found.
pub fn cut(printed: &str, pieces: &[Piece]) -> Result<Vec<String>, String> {
    let mut begins = Vec::new();
    let mut at = 0;
    for piece in pieces {
        match find(printed, &piece.heading, at) {
            Some(begin) => {
                begins.push(begin);
                at = begin + piece.heading.len();
            }
            None if ends_early(pieces, begins.len()) => break,
            None => return Err(format!("line {} is not in what was printed", piece.line)),
        }
    }
    let ends = begins.iter().skip(1).copied().chain([printed.len()]);
    Ok(begins
        .iter()
        .zip(ends)
        .map(|(begin, end)| printed[*begin..end].to_owned())
        .collect())
}

/// Where the heading is, at the beginning of a line if it is at one: a command may leave the line before it without an
/// end.
fn find(printed: &str, heading: &str, from: usize) -> Option<usize> {
    let rest = &printed[from..];
    let mut found = rest.match_indices(heading).map(|(at, _)| from + at);
    found
        .find(|at| *at == 0 || printed.as_bytes()[at - 1] == b'\n')
        .or_else(|| rest.find(heading).map(|at| from + at))
}

/// Whether the last piece that was found may have ended the script.
fn ends_early(pieces: &[Piece], found: usize) -> bool {
    let last = found.checked_sub(1).map(|last| &pieces[last].text);
    last.is_some_and(|text| text.contains("\\q"))
}

/// Compares two printings of one piece.
pub fn compare(one: &str, other: &str) -> Likeness {
    if one == other {
        return Likeness::Same;
    }
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    match sorted(one) == sorted(other) {
        true => Likeness::Reordered,
        false => Likeness::Different,
    }
}

/// Whether two printings of a query show its rows in an order that it asks for, as far as that can be seen: the columns
/// by which the statement orders are printed, and alike in both. True where it asks for no order.
pub fn obeys_order(statement: &str, one: &str, other: &str) -> bool {
    let Some(items) = order(statement) else {
        return true;
    };
    let keys = |printed: &str| keys(&items, printed);
    // Messages come while rows are looked for, in whatever order that is.
    let silent = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("NOTICE:"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    silent(one) == silent(other) || keys(one).is_some_and(|keys_of_one| Some(keys_of_one) == keys(other))
}

/// The items of the last ORDER BY that stands outside of all parentheses, in small letters.
fn order(statement: &str) -> Option<Vec<String>> {
    let mut depth = 0_i32;
    let outside: String = statement
        .to_lowercase()
        .chars()
        .map(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            match depth {
                0 if c != ')' && c != ';' => c,
                _ => ' ',
            }
        })
        .collect();
    let words: Vec<&str> = outside.split_whitespace().collect();
    let begin = words.windows(2).rposition(|pair| pair == ["order", "by"])? + 2;
    let ends = |word: &&str| ["limit", "offset", "fetch", "for"].contains(word);
    let end = words[begin..]
        .iter()
        .position(ends)
        .map_or(words.len(), |at| begin + at);
    Some(
        words[begin..end]
            .join(" ")
            .split(',')
            .map(|item| item.trim().to_owned())
            .collect(),
    )
}

/// The cells by which rows are ordered, row by row; `None` where a column is not printed.
fn keys(items: &[String], printed: &str) -> Option<Vec<Vec<String>>> {
    let lines: Vec<&str> = printed.lines().collect();
    let is_rule = |line: &&str| line.starts_with('-') && line.len() > 1 && line.chars().all(|c| "-+".contains(c));
    let rule = lines.iter().position(is_rule).filter(|at| *at > 0)?;
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let names = cells(lines[rule - 1]);
    let place = |item: &String| {
        let name = item.split_whitespace().next()?.rsplit('.').next()?.trim_matches('"');
        match name.parse::<usize>() {
            Ok(number) => number.checked_sub(1).filter(|at| *at < names.len()),
            Err(_) => names.iter().position(|known| known == name),
        }
    };
    let places = items.iter().map(place).collect::<Option<Vec<usize>>>()?;
    let rows = lines[rule + 1..].iter().take_while(|line| !line.starts_with('('));
    Some(
        rows.map(|line| {
            places
                .iter()
                .map(|at| cells(line).get(*at).cloned().unwrap_or_default())
                .collect()
        })
        .collect(),
    )
}

/// The lines of each that the other does not have as often: `-` and `+` before them, as many as `most`.
pub fn difference(one: &str, other: &str, most: usize) -> String {
    let only = |a: &str, b: &str, sign: char| {
        let mut there: Vec<&str> = b.lines().collect();
        let mut out = Vec::new();
        for line in a.lines() {
            match there.iter().position(|other| *other == line) {
                Some(at) => drop(there.swap_remove(at)),
                None => out.push(format!("{sign} {line}\n")),
            }
        }
        let more = out.len().saturating_sub(most);
        out.truncate(most);
        if more > 0 {
            out.push(format!("{sign} … {more} more\n"));
        }
        out.concat()
    };
    only(one, other, '-') + &only(other, one, '+')
}

/// Eight hexadecimal digits that tell texts apart (FNV-1a), so that lists can name a text without quoting it.
pub fn digest(text: &str) -> String {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    format!("{:08x}", text.as_bytes().iter().fold(0x811c_9dc5, step))
}
