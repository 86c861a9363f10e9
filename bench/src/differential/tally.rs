//! What a run covered: how often each feature was asked for, and how many results held something.

use std::collections::BTreeMap;

use super::compare::Said;
use super::feature::Feature;

/// Each feature is asked for at least so often in 10,000 expressions.
const EACH_PER_10_000: u64 = 50;
/// At least this share of the results has to hold something.
const NONEMPTY_PERCENT: u64 = 80;
/// Of a feature that was wanted so often, some results have to hold something.
const WANTED_LONG: u64 = 20;
/// Counts in one line.
const IN_A_LINE: usize = 6;

/// What became of expressions.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    asked: u64,
    nonempty: u64,
}

pub(super) struct Tally {
    by_feature: BTreeMap<String, Counts>,
    all: Counts,
    refused: u64,
}

impl Tally {
    pub(super) fn of(features: &[Feature]) -> Self {
        let by_feature = features.iter().map(|feature| (feature.name(), Counts::default())).collect();
        Self { by_feature, all: Counts::default(), refused: 0 }
    }

    /// Counts an expression with these features, which the peer answered so.
    pub(super) fn count(&mut self, drawn: &[String], said: &Said) {
        let nonempty = u64::from(!said.is_empty());
        for name in drawn {
            if let Some(counts) = self.by_feature.get_mut(name) {
                counts.asked += 1;
                counts.nonempty += nonempty;
            }
        }
        self.all.asked += 1;
        self.all.nonempty += nonempty;
        self.refused += u64::from(said.is_refused());
    }

    /// Prints all counts, and gives whether they are enough for so many expressions.
    pub(super) fn tell(&self, count: usize) -> bool {
        println!("\nasked, and with a result:");
        let told: Vec<String> = self
            .by_feature
            .iter()
            .map(|(name, counts)| format!("{name} {}/{}", counts.asked, counts.nonempty))
            .collect();
        for line in told.chunks(IN_A_LINE) {
            println!("  {}", line.join(", "));
        }
        let wanted = EACH_PER_10_000 * count as u64 / 10_000;
        let rare: Vec<_> = self.by_feature.iter().filter(|(_, counts)| counts.asked < wanted).collect();
        for (name, counts) in &rare {
            println!("`{name}` was asked for {} times only, {wanted} are wanted", counts.asked);
        }
        let is_long = wanted >= WANTED_LONG;
        let never: Vec<_> =
            self.by_feature.iter().filter(|(_, counts)| is_long && counts.nonempty == 0).collect();
        for (name, _) in &never {
            println!("`{name}` never gave a result");
        }
        let least = self.by_feature.values().map(|counts| counts.asked).min().unwrap_or(0);
        let percent = self.all.nonempty * 100 / self.all.asked.max(1);
        println!(
            "{} functions, aggregations and ways of matching, each asked for at least {least} times",
            self.by_feature.len()
        );
        println!("{count} expressions, {percent} % with a result, {} refused by the peer", self.refused);
        rare.is_empty() && never.is_empty() && percent >= NONEMPTY_PERCENT
    }
}
