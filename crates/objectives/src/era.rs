use std::fmt::Write;

use facts::objectives::{Run, Verdict};
use kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Slices of one length that follow one another without a gap. In a snapshot a year of minutes that were all up is
/// `U525600`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Era {
    from: Timestamp,
    slice: Span,
    verdicts: Verdicts,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Verdicts(Vec<Stretch>);

/// Neighbouring slices with one verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    /// Index of the first slice after it.
    end: u32,
    verdict: Verdict,
}

/// Neighbouring slices with one verdict, or the part of them that is inside a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Length of one slice.
    pub(crate) slice: Span,
    pub(crate) verdict: Verdict,
    /// How many slices it touches.
    pub(crate) slices: u32,
}

impl Era {
    pub(crate) fn new(from: Timestamp, slice: Span) -> Self {
        Self { from, slice: slice.max(Span::from_millis(1)), verdicts: Verdicts::default() }
    }

    pub(crate) fn slice(&self) -> Span {
        self.slice
    }

    pub(crate) fn from(&self) -> Timestamp {
        self.from
    }

    pub(crate) fn end(&self) -> Timestamp {
        self.start_of(self.len())
    }

    pub(crate) fn stretches(&self) -> usize {
        self.verdicts.0.len()
    }

    /// Adds slices at the end, and returns how many of them no longer fit into this era.
    pub(crate) fn push(&mut self, run: Run) -> u32 {
        let fitting = run.slices.min(u32::MAX - self.len());
        if fitting > 0 {
            self.verdicts.push(self.len() + fitting, run.verdict);
        }
        run.slices - fitting
    }

    /// The slice that covers an instant.
    pub(crate) fn covering(&self, instant: Timestamp) -> Option<Judged> {
        let index = self.index_of(instant)?;
        let verdict = self.verdicts.0[self.verdicts.at(index)].verdict;
        let (start, end) = (self.start_of(index), self.start_of(index + 1));
        Some(Judged { start, end, slice: self.slice, verdict, slices: 1 })
    }

    /// Changes the verdict of the slice that covers an instant; nothing where none does.
    pub(crate) fn set(&mut self, instant: Timestamp, verdict: Verdict) {
        if let Some(index) = self.index_of(instant) {
            self.verdicts.set(index, verdict);
        }
    }

    /// What lies between two instants, in order, cut at both.
    pub(crate) fn between(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Judged> + '_ {
        let first = if from <= self.from { 0 } else { self.index_of(from).unwrap_or(self.len()) };
        let skipped = self.verdicts.0.partition_point(|stretch| stretch.end <= first);
        (skipped..self.verdicts.0.len()).map_while(move |i| {
            let stretch = self.verdicts.0[i];
            let begin = if i == 0 { 0 } else { self.verdicts.0[i - 1].end }.max(first);
            let start = self.start_of(begin).max(from);
            let end = self.start_of(stretch.end).min(until);
            if start >= end {
                return None;
            }
            let last = self.index_of(end - Span::from_millis(1)).unwrap_or(begin);
            let slices = last - begin + 1;
            Some(Judged { start, end, slice: self.slice, verdict: stretch.verdict, slices })
        })
    }

    /// Forgets the first so many stretches, but never all.
    pub(crate) fn forget(&mut self, stretches: usize) {
        let stretches = stretches.min(self.stretches().saturating_sub(1));
        if stretches == 0 {
            return;
        }
        let forgotten = self.verdicts.0[stretches - 1].end;
        self.from = self.start_of(forgotten);
        self.verdicts.0.drain(..stretches);
        for stretch in &mut self.verdicts.0 {
            stretch.end -= forgotten;
        }
    }

    fn len(&self) -> u32 {
        self.verdicts.0.last().map_or(0, |stretch| stretch.end)
    }

    fn start_of(&self, index: u32) -> Timestamp {
        self.from + self.slice.times(i64::from(index))
    }

    fn index_of(&self, instant: Timestamp) -> Option<u32> {
        let into = (instant - self.from).as_millis();
        let index = if into < 0 { None } else { u32::try_from(into / self.slice.as_millis().max(1)).ok() };
        index.filter(|index| *index < self.len())
    }
}

impl Verdicts {
    /// The stretch that holds a slice; past the last slice, one past the last stretch.
    fn at(&self, index: u32) -> usize {
        self.0.partition_point(|stretch| stretch.end <= index)
    }

    fn push(&mut self, end: u32, verdict: Verdict) {
        match self.0.last_mut() {
            Some(last) if last.verdict == verdict => last.end = end,
            _ => self.0.push(Stretch { end, verdict }),
        }
    }

    fn set(&mut self, index: u32, verdict: Verdict) {
        let i = self.at(index);
        let Some(found) = self.0.get(i).copied() else { return };
        if found.verdict == verdict {
            return;
        }
        let begin = if i == 0 { 0 } else { self.0[i - 1].end };
        let mut parts = Verdicts::default();
        // Both neighbours take part, so that equal verdicts on either side become one stretch.
        let first = i.saturating_sub(1);
        if i > 0 {
            parts.push(begin, self.0[first].verdict);
        }
        if begin < index {
            parts.push(index, found.verdict);
        }
        parts.push(index + 1, verdict);
        if index + 1 < found.end {
            parts.push(found.end, found.verdict);
        }
        let after = self.0.get(i + 1).copied();
        if let Some(after) = after {
            parts.push(after.end, after.verdict);
        }
        let last = if after.is_some() { i + 1 } else { i };
        self.0.splice(first..=last, parts.0);
    }
}

impl From<Verdicts> for String {
    fn from(verdicts: Verdicts) -> Self {
        let mut text = String::new();
        let mut begin = 0;
        for Stretch { end, verdict } in verdicts.0 {
            let letter = match verdict {
                Verdict::Up => 'U',
                Verdict::Down => 'D',
                Verdict::Unknown => 'N',
            };
            // Writing to a String never fails.
            let _ = write!(text, "{letter}{}", end - begin);
            begin = end;
        }
        text
    }
}

impl TryFrom<String> for Verdicts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = |rest: &str| {
            format!("`{}` is not a run of verdicts like `U1440`", rest.chars().take(20).collect::<String>())
        };
        let (mut verdicts, mut rest, mut end) = (Verdicts::default(), text.as_str(), 0_u32);
        while let Some(letter) = rest.chars().next() {
            let verdict = match letter {
                'U' => Verdict::Up,
                'D' => Verdict::Down,
                'N' => Verdict::Unknown,
                _ => return Err(error(rest)),
            };
            let digits = &rest[1..];
            let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let slices: u32 = digits[..length].parse().map_err(|_| error(rest))?;
            end = end.checked_add(slices).filter(|_| slices > 0).ok_or_else(|| error(rest))?;
            verdicts.push(end, verdict);
            rest = &digits[length..];
        }
        Ok(verdicts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Up), Just(Verdict::Down), Just(Verdict::Unknown)]
    }

    fn era(verdicts: &[Verdict]) -> Era {
        let mut era = Era::new(Timestamp::from_millis(0), Span::from_mins(1));
        for &verdict in verdicts {
            assert_eq!(era.push(Run { verdict, slices: 1 }), 0);
        }
        era
    }

    #[test]
    fn a_year_of_minutes_that_were_up_is_one_word() {
        let mut era = Era::new(Timestamp::from_millis(0), Span::from_mins(1));
        era.push(Run { verdict: Verdict::Up, slices: 525_600 });
        let json = serde_json::to_string(&era).unwrap();
        assert_eq!(json, r#"{"from":"1970-01-01T00:00:00Z","slice":"1m","verdicts":"U525600"}"#);
        assert_eq!(serde_json::from_str::<Era>(&json).unwrap(), era);
    }

    #[test]
    fn damaged_text_is_refused() {
        for text in ["X3", "U", "U0", "3", "U4294967295U1", "U1é"] {
            let error = Verdicts::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains("is not a run of verdicts"), "{text}: {error}");
        }
    }

    #[test]
    fn an_era_that_is_full_says_what_did_not_fit() {
        let mut era = Era::new(Timestamp::from_millis(0), Span::from_millis(1));
        assert_eq!(era.push(Run { verdict: Verdict::Unknown, slices: u32::MAX }), 0);
        assert_eq!(era.push(Run { verdict: Verdict::Up, slices: 7 }), 7);
    }

    proptest! {
        #[test]
        fn an_era_is_a_list_of_verdicts(
            start in prop::collection::vec(verdict(), 1..40),
            changes in prop::collection::vec((0..40_usize, verdict()), 0..20),
            window in (-5..50_i64, 0..50_i64),
            forgotten in 0..6_usize,
        ) {
            let (mut list, mut era) = (start.clone(), era(&start));
            for (index, verdict) in changes {
                if index < list.len() {
                    list[index] = verdict;
                }
                era.set(Timestamp::from_millis(index as i64 * MINUTE + 7), verdict);
            }
            for (i, verdict) in list.iter().enumerate() {
                let found = era.covering(Timestamp::from_millis(i as i64 * MINUTE + 59_999)).unwrap();
                prop_assert_eq!((found.start.as_millis(), found.verdict), (i as i64 * MINUTE, *verdict));
            }
            prop_assert_eq!(era.covering(era.end()), None);
            prop_assert!(era.verdicts.0.windows(2).all(|pair| pair[0].verdict != pair[1].verdict));
            let again: Era = serde_json::from_str(&serde_json::to_string(&era).unwrap()).unwrap();
            prop_assert_eq!(&again, &era);

            let (from, until) = (window.0 * MINUTE, (window.0 + window.1) * MINUTE + 30_000);
            let seen: Vec<Verdict> = era
                .between(Timestamp::from_millis(from), Timestamp::from_millis(until))
                .flat_map(|judged| {
                    assert!(judged.start.as_millis() >= from && judged.end.as_millis() <= until);
                    std::iter::repeat_n(judged.verdict, judged.slices as usize)
                })
                .collect();
            let expected: Vec<Verdict> = (0_i64..)
                .zip(&list)
                .filter(|(i, _)| i * MINUTE < until && (i + 1) * MINUTE > from)
                .map(|(_, verdict)| *verdict)
                .collect();
            prop_assert_eq!(seen, expected);

            let end = era.end();
            era.forget(forgotten);
            prop_assert_eq!(era.end(), end);
            let kept = era.covering(end - Span::from_millis(1)).unwrap();
            prop_assert_eq!(Some(&kept.verdict), list.last());
        }
    }
}
