//! Changes of counters and gauges: `rate`, `increase`, `delta`, `irate`, `idelta`, `resets`, `changes`.

use super::{General, Given, View};
use crate::native::{CounterResetHint, Histogram, Incompatible, Sparse};
use crate::notes::Doing;
use crate::range_function::RangeFunction;
use crate::samples::Samples;
use crate::syntax::tree::Extension;

/// One sample with the time at which its counter began, 0 where that is not known.
#[derive(Clone, Copy)]
pub(super) struct Sample<'s> {
    pub(super) at: i64,
    pub(super) start: i64,
    pub(super) value: Kind<'s>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'s> {
    Float(f64),
    Histogram(&'s Histogram),
}

impl<'s> Samples<'s> {
    fn float(&self, index: usize) -> Sample<'s> {
        let start = self.starts.get(index).copied().unwrap_or(0);
        Sample { at: self.timestamps[index], start, value: Kind::Float(self.values[index]) }
    }

    fn histogram(&self, index: usize) -> Sample<'s> {
        let start = self.histogram_starts.get(index).copied().unwrap_or(0);
        let value = Kind::Histogram(self.histograms[index]);
        Sample { at: self.histogram_timestamps[index], start, value }
    }

    /// Floats and histograms, sorted by time.
    fn all(self) -> impl Iterator<Item = Sample<'s>> {
        let (mut float, mut histogram) = (0, 0);
        std::iter::from_fn(move || {
            let next = (self.timestamps.get(float), self.histogram_timestamps.get(histogram));
            let is_float = match next {
                (Some(a), Some(b)) => a < b,
                (a, _) => a.is_some(),
            };
            if is_float {
                float += 1;
                return Some(self.float(float - 1));
            }
            next.1?;
            histogram += 1;
            Some(self.histogram(histogram - 1))
        })
    }
}

/// Whether a counter began anew between two samples, as far as their starts tell.
fn began_anew(before: Sample<'_>, now: Sample<'_>) -> bool {
    // 0 is unknown, and a start that is not before its sample means nothing.
    if now.start == 0 || now.start >= now.at || now.start < before.at {
        return false;
    }
    // A start at the sample before is that of a delta, unless the start of that one is unknown, too.
    now.start > before.at || (before.start <= before.at && before.start != 0 && before.start != before.at)
}

/// Whether a counter began before the sample before, but not when that one's did.
fn overlaps(before: Sample<'_>, now: Sample<'_>) -> bool {
    now.start != 0 && now.start < before.at && now.start != before.start
}

impl General<'_, '_> {
    /// `rate`, `increase` and `delta`.
    pub(super) fn change(&self, view: View<'_>) -> Given {
        let samples = view.samples;
        if !samples.values.is_empty() && !samples.histograms.is_empty() {
            self.evaluation.shared.note_mixed_samples(self.metric, self.at);
            return Given::Nothing;
        }
        if self.extension.is_some() {
            return self.extended_change(view);
        }
        if samples.histograms.is_empty() {
            return self.float_change(view);
        }
        self.histogram_change(view)
    }

    fn is_counter(&self) -> bool {
        self.function.is_of_counter()
    }

    fn per_second(&self) -> f64 {
        if self.function == RangeFunction::Rate { self.reach.range_ms as f64 / 1000.0 } else { 1.0 }
    }

    fn float_change(&self, view: View<'_>) -> Given {
        let samples = view.samples;
        if samples.starts.is_empty() || !self.is_counter() {
            return Given::of_float(view.float);
        }
        let count = samples.values.len();
        let (first, last) = (samples.float(0), samples.float(count - 1));
        let mut change = samples.values[count - 1] - samples.values[0];
        let mut has_overlap = false;
        for index in 1..count {
            let (before, now) = (samples.float(index - 1), samples.float(index));
            has_overlap |= overlaps(before, now);
            if samples.values[index] < samples.values[index - 1] || began_anew(before, now) {
                change += samples.values[index - 1];
            }
        }
        if has_overlap {
            self.evaluation.shared.note_start_overlap(self.metric, self.at);
        }
        let begins_within = begins_within(first, view.start);
        if begins_within {
            change += samples.values[0];
        }
        let zero = (change > 0.0 && samples.values[0] >= 0.0).then(|| samples.values[0] / change);
        match self.factor(view, first, last, count, begins_within, zero) {
            Some(factor) => Given::Float(change * factor),
            None => Given::Nothing,
        }
    }

    /// By how much a change is carried to the edges of the range; `None` where one sample alone tells nothing.
    fn factor(
        &self,
        view: View<'_>,
        first: Sample<'_>,
        last: Sample<'_>,
        count: usize,
        begins_within: bool,
        zero: Option<f64>,
    ) -> Option<f64> {
        let secs = |ms: i64| ms as f64 / 1000.0;
        let average = if count > 1 { secs(last.at - first.at) / (count - 1) as f64 } else { 0.0 };
        let threshold = average * 1.1;
        let (sampled, to_start) = if begins_within {
            // The counter was zero when it began.
            (secs(last.at - first.start), 0.0)
        } else if count < 2 {
            return None;
        } else {
            let sampled = secs(last.at - first.at);
            let mut to_start = secs(first.at.saturating_sub(view.start));
            if to_start >= threshold {
                to_start = average / 2.0;
            }
            (sampled, zero.map_or(to_start, |zero| to_start.min(sampled * zero)))
        };
        let mut to_end = secs(view.end.saturating_sub(last.at));
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        Some(factor / self.per_second())
    }

    fn histogram_change(&self, view: View<'_>) -> Given {
        let samples = view.samples;
        let count = samples.histograms.len();
        let (first, last) = (samples.histogram(0), samples.histogram(count - 1));
        let begins_within = self.is_counter() && begins_within(first, view.start);
        let mut change = None;
        if count > 1 {
            match self.difference(samples) {
                Ok(difference) => change = Some(difference),
                Err(Incompatible) => {
                    self.evaluation.shared.note_incompatible(self.metric, self.at);
                    return Given::Nothing;
                }
            }
        }
        if begins_within {
            change = match change {
                None => Some(samples.histograms[0].clone()),
                Some(difference) => {
                    let mut sum = Sparse::from(&difference);
                    match sum.add(samples.histograms[0]) {
                        Ok(remarks) if remarks.bounds_reconciled => {
                            self.evaluation.shared.note_bounds(Doing::Addition, self.at);
                        }
                        Ok(_) => {}
                        Err(Incompatible) => {
                            self.evaluation.shared.note_incompatible(self.metric, self.at);
                            return Given::Nothing;
                        }
                    }
                    Some(sum.histogram())
                }
            };
        }
        let Some(change) = change else { return Given::Nothing };
        let (own, grown) = (samples.histograms[0].count, change.count);
        let zero = (self.is_counter() && grown > 0.0 && own >= 0.0).then(|| own / grown);
        match self.factor(view, first, last, count, begins_within, zero) {
            Some(factor) => Given::Histogram(change.multiplied(factor)),
            None => Given::Nothing,
        }
    }

    /// What was added from the first histogram to the last.
    fn difference(&self, samples: Samples<'_>) -> Result<Histogram, Incompatible> {
        let shared = self.evaluation.shared;
        let (histograms, is_counter) = (samples.histograms, self.is_counter());
        let (first, last) = (histograms[0], histograms[histograms.len() - 1]);
        let is_gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
        if is_counter && histograms.iter().any(|one| is_gauge(one)) {
            shared.note_not_counter(self.metric, self.at);
        }
        // What the first one looks like does not matter where the counter began anew right after it.
        let begins_anew = is_counter
            && (began_anew(samples.histogram(0), samples.histogram(1))
                || histograms[1].is_reset_since(first));
        let base = if begins_anew { Sparse::empty_like(histograms[1]) } else { Sparse::from(first) };
        let custom = if begins_anew { histograms[1] } else { first }.has_custom_buckets();
        let between = if is_counter { &histograms[1..] } else { &histograms[histograms.len() - 1..] };
        if between.iter().any(|one| one.has_custom_buckets() != custom) {
            return Err(Incompatible);
        }
        let schema_min = between.iter().map(|one| one.schema).min().unwrap_or(last.schema);
        let mut change = Sparse::from(last);
        change.coarsen(schema_min);
        if change.combine(base.clone(), -1.0)?.bounds_reconciled {
            shared.note_bounds(Doing::Subtraction, self.at);
        }
        if is_counter {
            self.add_what_resets_hide(samples, base, &mut change)?;
        } else if !is_gauge(first) || !is_gauge(last) {
            shared.note_not_gauge(self.metric, self.at);
        }
        change.hint = CounterResetHint::Gauge;
        Ok(change.histogram())
    }

    fn add_what_resets_hide(
        &self,
        samples: Samples<'_>,
        base: Sparse,
        change: &mut Sparse,
    ) -> Result<(), Incompatible> {
        let (mut before, mut has_overlap, mut reconciled) = (base, false, false);
        for index in 1..samples.histograms.len() {
            let (earlier, now) = (samples.histogram(index - 1), samples.histogram(index));
            let histogram = samples.histograms[index];
            has_overlap |= overlaps(earlier, now);
            let current = Sparse::from(histogram);
            if began_anew(earlier, now) || current.clone().into_reset_since(before.clone()) {
                reconciled |= change.combine(before, 1.0)?.bounds_reconciled;
            }
            before = current;
        }
        if has_overlap {
            self.evaluation.shared.note_start_overlap(self.metric, self.at);
        }
        if reconciled {
            self.evaluation.shared.note_bounds(Doing::Addition, self.at);
        }
        Ok(())
    }

    /// `irate` and `idelta`: what happened between the last two samples.
    pub(super) fn instant_change(&self, view: View<'_>) -> Given {
        let shared = self.evaluation.shared;
        let (mut before, mut last) = (None, None);
        for sample in last_samples(view.samples).all() {
            before = last.replace(sample);
        }
        let (Some(before), Some(last)) = (before, last) else { return Given::Nothing };
        let is_rate = self.function == RangeFunction::Irate;
        let secs = last.at.saturating_sub(before.at) as f64 / 1000.0;
        match (before.value, last.value) {
            (Kind::Float(a), Kind::Float(b)) => {
                let is_reset = is_rate && (b < a || began_anew(before, last));
                let change = if is_reset { b } else { b - a };
                Given::Float(if is_rate { change / secs } else { change })
            }
            (Kind::Histogram(a), Kind::Histogram(b)) => {
                let is_gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
                if is_rate && (is_gauge(a) || is_gauge(b)) {
                    shared.note_not_counter(self.metric, self.at);
                }
                if !is_rate && (!is_gauge(a) || !is_gauge(b)) {
                    shared.note_not_gauge(self.metric, self.at);
                }
                let mut change = Sparse::from(b);
                if !is_rate || !(began_anew(before, last) || b.is_reset_since(a)) {
                    match change.subtract(a) {
                        Ok(remarks) if remarks.bounds_reconciled => {
                            shared.note_bounds(Doing::Subtraction, self.at);
                        }
                        Ok(_) => {}
                        Err(Incompatible) => {
                            shared.note_incompatible(self.metric, self.at);
                            return Given::Nothing;
                        }
                    }
                }
                change.hint = CounterResetHint::Gauge;
                if is_rate {
                    change.divide(secs);
                }
                Given::Histogram(change.histogram())
            }
            _ => {
                shared.note_mixed_samples(self.metric, self.at);
                Given::Nothing
            }
        }
    }

    /// `resets` and `changes`.
    pub(super) fn counted(&self, view: View<'_>) -> Given {
        let is_resets = self.function == RangeFunction::Resets;
        let mut count = 0.0;
        let samples: Vec<Sample<'_>> = view.samples.all().collect();
        let from = if self.extension == Some(Extension::Anchored) {
            // The last sample before the range is where it starts from.
            let within = samples.partition_point(|sample| sample.at <= view.start);
            if within == samples.len() {
                return Given::Nothing;
            }
            within.saturating_sub(1)
        } else {
            0
        };
        for pair in samples[from..].windows(2) {
            let (before, now) = (pair[0], pair[1]);
            let counts = match (before.value, now.value) {
                (Kind::Float(a), Kind::Float(b)) if is_resets => b < a || began_anew(before, now),
                (Kind::Float(a), Kind::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
                (Kind::Histogram(a), Kind::Histogram(b)) if is_resets => {
                    began_anew(before, now) || b.is_reset_since(a)
                }
                (Kind::Histogram(a), Kind::Histogram(b)) => !a.is_same(b),
                _ => true,
            };
            count += f64::from(u8::from(counts));
        }
        Given::Float(count)
    }
}

/// Whether a counter began within a range, before its first sample there.
fn begins_within(first: Sample<'_>, range_start: i64) -> bool {
    first.start != 0 && first.start > range_start && first.start < first.at
}

/// The last two floats and the last two histograms.
fn last_samples(samples: Samples<'_>) -> Samples<'_> {
    let float = samples.values.len().saturating_sub(2);
    let histogram = samples.histograms.len().saturating_sub(2);
    Samples {
        timestamps: &samples.timestamps[float..],
        values: &samples.values[float..],
        starts: samples.starts.get(float..).unwrap_or(&[]),
        histogram_timestamps: &samples.histogram_timestamps[histogram..],
        histograms: &samples.histograms[histogram..],
        histogram_starts: samples.histogram_starts.get(histogram..).unwrap_or(&[]),
    }
}
