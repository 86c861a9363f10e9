//! Bodies that once were worth a look: good ones, ones that broke something, and whatever fuzzing adds. Each is read by
//! its own reader and by all others, whole and cut at every length; nothing may panic, and what a reader hands over has
//! to hold together.

use std::path::{Path, PathBuf};

use signals::exposition::{self, Entry, Histograms, Protocol, Rules};
use signals::remote_write::{Batch, Decoder, Version};

const BOTH: Histograms = Histograms { native: true, classic_too: true };

/// The folders, each named after its fuzz target.
const FORMATS: [&str; 5] = ["remote_write_1", "remote_write_2", "text", "openmetrics", "metric_families"];

fn bodies(format: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(format);
    let files = std::fs::read_dir(&folder).expect("the corpus is there");
    let mut all: Vec<PathBuf> = files.map(|file| file.expect("it can be listed").path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("it can be read"))).collect()
}

fn every_reader(body: &[u8], decoder: &mut Decoder) {
    let packed = snap::raw::Encoder::new().compress_vec(body).expect("it is small");
    for version in [Version::V1, Version::V2] {
        let _ = decoder.decode(&packed, version, holds_together);
    }
    for protocol in [Protocol::Text, Protocol::OpenMetrics, Protocol::MetricFamilies] {
        for rules in [Rules::Grammar, Rules::Strict] {
            let _ = exposition::parse(body, protocol, rules, BOTH, |entry| {
                if let Entry::Histogram(sample) = entry {
                    assert!(sample.histogram.check().is_ok());
                    let mut coarse = sample.histogram.clone();
                    coarse.limit_buckets(1);
                    assert!(coarse.check().is_ok());
                }
            });
        }
    }
}

fn holds_together(batch: &Batch<'_>) {
    for series in batch.series() {
        let labels = series.labels();
        assert!(labels.is_sorted_by(|a, b| a.0 < b.0) && labels.iter().any(|(name, _)| *name == "__name__"));
        for stamped in series.histograms() {
            let mut coarse = stamped.histogram.clone();
            assert!(coarse.check().is_ok());
            coarse.limit_buckets(1);
            assert!(coarse.check().is_ok(), "merging buckets loses nothing");
            assert_eq!(coarse.count, stamped.histogram.count);
        }
    }
}

#[test]
fn every_body_of_the_corpus_is_read_whole_and_cut_anywhere() {
    let mut decoder = Decoder::default();
    for (path, body) in FORMATS.into_iter().flat_map(bodies) {
        assert!(body.len() <= 64 << 10, "`{}` is large for a corpus", path.display());
        // A long one is cut here and there; the short ones that people write, at every byte.
        let step = (body.len() / 512).max(1);
        (0..=body.len()).step_by(step).for_each(|length| every_reader(&body[..length], &mut decoder));
        every_reader(&body, &mut decoder);
    }
}

#[test]
fn the_good_bodies_are_good() {
    let mut decoder = Decoder::default();
    let find = |format: &str, name: &str| {
        bodies(format).into_iter().find(|(path, _)| path.ends_with(name)).expect("it is there").1
    };
    let mut written = |format: &str, name: &str, version: Version| {
        let packed = snap::raw::Encoder::new().compress_vec(&find(format, name)).expect("it is small");
        let counted = decoder.decode(&packed, version, |batch| {
            assert_eq!(batch.refused_count, 0, "{:?}", batch.refused);
            (batch.samples_count(), batch.histograms_count(), batch.exemplars_count(), batch.metadata.len())
        });
        counted.expect("it is well-formed")
    };
    assert_eq!(written("remote_write_1", "two_series", Version::V1), (3, 0, 0, 0));
    assert_eq!(written("remote_write_1", "histogram_exemplar_metadata", Version::V1), (0, 2, 1, 1));
    assert_eq!(written("remote_write_2", "series", Version::V2), (1, 0, 0, 0));
    assert_eq!(written("remote_write_2", "everything", Version::V2), (0, 2, 1, 1));
    let exposed = |format: &str, name: &str, protocol| {
        exposition::parse(&find(format, name), protocol, Rules::Strict, BOTH, |_| {})
            .expect("it is well-formed")
    };
    assert_eq!(exposed("text", "documentation", Protocol::Text), 3);
    assert_eq!(exposed("openmetrics", "all_types", Protocol::OpenMetrics), 15);
    assert_eq!(exposed("metric_families", "all_types", Protocol::MetricFamilies), 11);
}
