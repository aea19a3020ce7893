//! Many samples as one number and how far they spread.

/// How many standard deviations of a normal distribution a median absolute deviation is.
const PER_DEVIATION: f64 = 1.4826;

/// What was measured of one metric. Not negative, never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measurement {
    /// The middle sample: unlike a mean it is not moved by one sample that had to wait.
    pub(crate) median: f64,
    /// The usual deviation: the median of all distances to the median, in the size of a standard deviation. `None` where
    /// only one number is known.
    pub(crate) deviation: Option<f64>,
}

impl Measurement {
    /// One number of which nothing more is known.
    pub(crate) fn single(value: f64) -> Self {
        Self { median: value, deviation: None }
    }

    /// A median and the median of the distances to it.
    pub(crate) fn with_distance(median: f64, distance: f64) -> Self {
        Self { median, deviation: Some(distance * PER_DEVIATION) }
    }

    /// What samples say; `None` if there are none.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let middle = median(samples)?;
        let distances: Vec<f64> = samples.iter().map(|sample| (sample - middle).abs()).collect();
        Some(match samples {
            [_] => Self::single(middle),
            _ => Self::with_distance(middle, median(&distances)?),
        })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(half.checked_sub(1)?)?;
    Some(lower + (upper - lower) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_that_had_to_wait_moves_nothing() {
        assert_eq!(
            Measurement::of(&[10.0, 1000.0, 11.0, 10.0, 9.0]),
            Some(Measurement { median: 10.0, deviation: Some(1.4826) })
        );
        assert_eq!(
            Measurement::of(&[4.0, 1.0, 3.0, 2.0]),
            Some(Measurement { median: 2.5, deviation: Some(1.4826) })
        );
        assert_eq!(Measurement::of(&[7.0]), Some(Measurement { median: 7.0, deviation: None }));
        assert_eq!(Measurement::of(&[]), None);
    }
}
