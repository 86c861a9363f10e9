use super::*;

fn buckets(spans: &[(i32, u32)], counts: &[f64]) -> Buckets {
    let spans = spans.iter().map(|(offset, length)| Span { offset: *offset, length: *length }).collect();
    Buckets { spans, counts: counts.to_vec() }
}

fn exponential() -> Histogram {
    Histogram {
        schema: 2,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 12.0,
        sum: 30.5,
        positive: buckets(&[(-2, 3), (1, 2)], &[1.0, 2.0, 3.0, 2.0, 1.0]),
        negative: buckets(&[(0, 1)], &[2.0]),
        is_integer: true,
        ..Histogram::default()
    }
}

#[test]
fn what_the_specification_asks_is_held() {
    exponential().check().unwrap();
    Histogram::stale(f64::from_bits(0x7ff0_0000_0000_0002)).check().unwrap();
    let custom = Histogram {
        schema: CUSTOM_BUCKETS,
        count: 3.0,
        positive: buckets(&[(0, 1), (1, 1)], &[1.0, 2.0]),
        custom_bounds: vec![-1.0, 2.0],
        is_integer: true,
        ..Histogram::default()
    };
    custom.check().unwrap();
    type Spoil = fn(&mut Histogram);
    let spoilt: [(&Histogram, Spoil, &str); 11] = [
        (&custom, |h| h.custom_bounds = vec![2.0, -1.0], "do not rise"),
        (&custom, |h| h.custom_bounds = vec![1.0], "without a bound"),
        (&custom, |h| h.custom_bounds.push(f64::INFINITY), "+Inf among the bounds"),
        (&custom, |h| h.zero_count = 1.0, "a zero bucket or negative buckets"),
        (&custom, |h| h.schema = 3, "custom bounds in a histogram of an exponential"),
        (&custom, |h| h.schema = -5, "the schema of a histogram is"),
        (&custom, |h| h.positive.spans[1].offset = -1, "begins before the one in front of it ends"),
        (&custom, |h| h.positive.counts.push(1.0), "another number of buckets"),
        (&custom, |h| h.positive.counts[0] = -1.0, "a count below zero"),
        (&custom, |h| h.count = 4.0, "do not add up"),
        (&custom, |h| h.positive.spans[0].offset = i32::MAX, "without a bound"),
    ];
    for (good, spoil, said) in spoilt {
        let mut bad = good.clone();
        spoil(&mut bad);
        let error = bad.check().unwrap_err();
        assert!(error.contains(said), "{error}\n{said}");
    }
    // An observation of NaN is counted and in no bucket.
    Histogram { count: 13.0, sum: f64::NAN, ..exponential() }.check().unwrap();
}

/// Bucket i of schema n holds (2^((i-1)/2^n), 2^(i/2^n)], so one schema lower it is bucket ceil(i/2).
#[test]
fn coarser_buckets_hold_what_the_finer_ones_held() {
    let mut coarse = exponential();
    coarse.reduce_to(1);
    // -2 and -1, 0; 2, 3: bucket -2 goes to -1; -1 and 0 to 0; 2 to 1; 3 to 2.
    assert_eq!(coarse.positive, buckets(&[(-1, 4)], &[1.0, 5.0, 2.0, 1.0]));
    assert_eq!(coarse.negative, buckets(&[(0, 1)], &[2.0]));
    assert_eq!((coarse.schema, coarse.count), (1, 12.0));
    coarse.check().unwrap();
    coarse.reduce_to(1);
    assert_eq!(coarse.positive.counts.len(), 4, "it is there already");
}

#[test]
fn buckets_are_merged_until_they_are_few_enough() {
    let mut few = exponential();
    assert!(few.limit_buckets(4));
    assert!(few.buckets() <= 4 && few.check().is_ok(), "{few:?}");
    let mut one = exponential();
    assert!(!one.limit_buckets(1), "two signs are two buckets at least");
    let mut custom = Histogram { schema: CUSTOM_BUCKETS, ..exponential() };
    assert!(!custom.limit_buckets(1), "custom buckets have no coarser form");
}
