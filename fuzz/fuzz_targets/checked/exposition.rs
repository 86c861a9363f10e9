//! An exposition: what is strict is also grammatical, and the count is that of what was handed over.

use signals::exposition::{Entry, Histograms, Protocol, Rules, parse};

/// Reads it by both rules.
pub fn read(body: &[u8], protocol: Protocol) {
    let both = Histograms { native: true, classic_too: true };
    let read = |rules| {
        let mut samples = 0;
        let count = parse(body, protocol, rules, both, |entry| match entry {
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
}
