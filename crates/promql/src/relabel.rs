//! `label_replace` and `label_join`.

use kernel::{Labels, Pattern};

use crate::METRIC_NAME;
use crate::column::{Name, Row};
use crate::evaluation::{Evaluated, Sink};

/// Sets `to` to the replacement, with `$1` and `${name}` filled in, where the expression matches all of `from`.
pub(crate) fn replaced(
    lent: Row<'_>,
    to: &str,
    replacement: &str,
    from: &str,
    pattern: &Pattern,
    sink: &mut Sink<'_>,
) -> Evaluated {
    let labels = lent.labels();
    match pattern.find(labels.get(from).unwrap_or("")) {
        None => sink(lent),
        Some(found) => set(lent, &labels, to, &found.filled(replacement), sink),
    }
}

/// Sets `to` to the values of `from` with the separator between them.
pub(crate) fn joined(
    lent: Row<'_>,
    to: &str,
    separator: &str,
    from: &[String],
    sink: &mut Sink<'_>,
) -> Evaluated {
    let labels = lent.labels();
    let values: Vec<&str> = from.iter().map(|name| labels.get(name).unwrap_or("")).collect();
    set(lent, &labels, to, &values.join(separator), sink)
}

/// A name that is set is one that stays.
fn set(lent: Row<'_>, labels: &Labels, to: &str, value: &str, sink: &mut Sink<'_>) -> Evaluated {
    let labels = labels.with(to, value);
    let name = if lent.name == Name::ToDrop && to != METRIC_NAME { Name::ToDrop } else { Name::Kept };
    sink(Row { labels: &labels, name, column: lent.column })
}
