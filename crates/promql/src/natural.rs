//! The order of texts in which people expect them: numbers within them count as numbers, so `a9` is before `a10`.

use std::cmp::Ordering;

/// Compares part by part: digits as a number, all else as text.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (a_part, a_rest) = part(a);
        let (b_part, b_rest) = part(b);
        let are_numbers = is_digit(a_part) && is_digit(b_part);
        let order = if are_numbers { numbers(a_part, b_part) } else { a_part.cmp(b_part) };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    a.len().cmp(&b.len())
}

fn is_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The longest beginning that is all digits, or has none.
fn part(text: &str) -> (&str, &str) {
    let first = is_digit(text);
    text.split_at(text.find(|c: char| c.is_ascii_digit() != first).unwrap_or(text.len()))
}

/// By value; the same value by how it is written.
fn numbers(a: &str, b: &str) -> Ordering {
    let significant = |digits: &str| digits.trim_start_matches('0').len();
    let tail = |digits: &str| digits.trim_start_matches('0').to_owned();
    significant(a).cmp(&significant(b)).then_with(|| tail(a).cmp(&tail(b))).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let mut texts = ["b1", "a10", "a9", "a", "a09", "a9b", "10", "9"];
        texts.sort_by(|a, b| compare(a, b));
        assert_eq!(texts, ["9", "10", "a", "a09", "a9", "a9b", "a10", "b1"]);
    }
}
