//! Labels of a series or an exemplar, brought into the order in which they are handed out.

/// What stands against the labels of a series.
pub(super) type Unfit = &'static str;

pub(super) const TOO_LONG: Unfit = "a label of more than 65536 bytes";
pub(super) const TOO_MANY: Unfit = "more than 256 labels";
pub(super) const NOT_UTF8: Unfit = "a label is not UTF-8";

/// Whether labels are as they are handed out: sorted by name, each name once and not empty, no empty value.
pub(super) fn are_in_order(labels: &[(&str, &str)]) -> bool {
    labels.is_sorted_by(|a, b| is_before(a.0, b.0))
        && labels.first().is_none_or(|(name, _)| !name.is_empty())
        && labels.iter().all(|(_, value)| !value.is_empty())
}

/// Sorts the labels from `from` on, refuses a name that stands twice or is empty, and drops those without a value.
pub(super) fn sort(labels: &mut Vec<(&str, &str)>, from: usize) -> Result<(), Unfit> {
    let own = &mut labels[from..];
    if !own.is_sorted_by(|a, b| is_before(a.0, b.0)) {
        own.sort_by(|a, b| a.0.cmp(b.0));
        if own.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("a label is given twice");
        }
    }
    if own.first().is_some_and(|(name, _)| name.is_empty()) {
        return Err("a label has an empty name");
    }
    if own.iter().any(|(_, value)| value.is_empty()) {
        let mut kept = from;
        for at in from..labels.len() {
            if !labels[at].1.is_empty() {
                labels.swap(kept, at);
                kept += 1;
            }
        }
        labels.truncate(kept);
    }
    Ok(())
}

/// Whether one of them names the metric.
pub(super) fn have_name(labels: &[(&str, &str)]) -> Result<(), Unfit> {
    let named = labels.iter().any(|(name, _)| *name == "__name__");
    if named { Ok(()) } else { Err("no `__name__`") }
}

/// `a < b`, without a call where the first bytes tell; on every label of every series.
#[inline]
fn is_before(a: &str, b: &str) -> bool {
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(first), Some(other)) if first != other => first < other,
        _ => a < b,
    }
}
