/// The word that was probably meant: at most a third of its letters differ (Levenshtein distance, with a swap of
/// neighbours as one edit), and the closest wins.
pub(crate) fn nearest<'w>(written: &str, words: &[&'w str]) -> Option<&'w str> {
    // Nobody mistypes a word into fifty characters, and the distance takes quadratic time.
    if written.len() > 50 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let scored = words.iter().map(|word| (distance(written.as_bytes(), word.as_bytes()), *word));
    let (edits, word) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= (word.len() / 3).max(1)).then_some(word)
}

fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let words = ["service", "time", "outcome", "status", "count"];
        assert_eq!(nearest("servcie", &words), Some("service"));
        assert_eq!(nearest("Status", &words), Some("status"));
        assert_eq!(nearest("statsu", &words), Some("status"));
        assert_eq!(nearest("tiem", &words), Some("time"));
        assert_eq!(nearest("banana", &words), None);
        assert_eq!(nearest("", &[]), None);
    }
}
