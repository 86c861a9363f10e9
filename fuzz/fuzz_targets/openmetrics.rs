//! Exposition as OpenMetrics: what is strict is also grammatical, and the count is that of what was handed over. Corpus:
//! crates/signals/tests/corpus/openmetrics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signals::exposition::{Entry, Histograms, Protocol, Rules, parse};

fuzz_target!(|body: &[u8]| {
    let both = Histograms { native: true, classic_too: true };
    let read = |rules| {
        let mut samples = 0;
        let count = parse(body, Protocol::OpenMetrics, rules, both, |entry| match entry {
            Entry::Sample(sample) => {
                assert!(!sample.name.is_empty());
                samples += 1;
            }
            Entry::Histogram(sample) => {
                assert!(sample.histogram.check().is_ok());
                samples += 1;
            }
            _ => {}
        });
        count.inspect(|count| assert_eq!(*count, samples))
    };
    let (strict, grammar) = (read(Rules::Strict), read(Rules::Grammar));
    if strict.is_ok() {
        assert_eq!(strict, grammar);
    }
});
