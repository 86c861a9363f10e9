//! A remote write: whatever is decoded holds together.

use signals::remote_write::{Decoder, Version};

/// Decodes it as it is, and as what was packed.
pub fn read(message: &[u8], version: Version) {
    let packed = snap::raw::Encoder::new().compress_vec(message).expect("it is small");
    let mut decoder = Decoder::default();
    let _ = decoder.decode(&packed, version, |batch| {
        for series in batch.series() {
            let labels = series.labels();
            assert!(labels.is_sorted_by(|a, b| a.0 < b.0));
            assert!(labels.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
            assert!(labels.iter().any(|(name, _)| *name == "__name__"));
            for stamped in series.histograms() {
                let mut coarse = stamped.histogram.clone();
                coarse.limit_buckets(1);
                assert!(coarse.check().is_ok());
            }
            for exemplar in series.exemplars() {
                assert!(exemplar.labels.is_sorted_by(|a, b| a.0 < b.0));
            }
        }
    });
    // A body that is not packed is refused, never a panic.
    let _ = decoder.decode(message, version, |_| ());
}
