//! Numbers that are all right.

use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which numbers are all right. Everything that is said must hold; something must be said.
///
/// ```
/// let bounds: runner_evidence::Bounds = serde_json::from_str(r#"{ "at_least": 0.9, "below": 1 }"#).unwrap();
///
/// assert_eq!(bounds.broken_by(0.9), None);
/// assert_eq!(bounds.broken_by(0.5), Some("0.5 is not at least 0.9".to_owned()));
/// assert_eq!(bounds.broken_by(1.0), Some("1 is not below 1".to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub struct Bounds {
    /// The smallest number that is all right.
    pub at_least: Option<f64>,
    /// The largest number that is too small.
    pub above: Option<f64>,
    /// The largest number that is all right.
    pub at_most: Option<f64>,
    /// The smallest number that is too large.
    pub below: Option<f64>,
    /// The only number that is all right.
    pub equals: Option<f64>,
}

impl Bounds {
    /// Refuses bounds that no number keeps, and those that say nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](runner_plugin::FailureKind::InvalidConfig); its text begins with `place`, as in ``` `expect` ```.
    pub fn check(&self, place: &str) -> Result<(), Failure> {
        let said = [self.at_least, self.above, self.at_most, self.below, self.equals];
        if said.iter().all(Option::is_none) {
            return Err(Failure::invalid_config(format!(
                "{place} needs one of `at_least`, `above`, `at_most`, `below` and `equals`"
            )));
        }
        let lowest = [self.at_least, self.above, self.equals].into_iter().flatten().fold(f64::MIN, f64::max);
        let highest = [self.at_most, self.below, self.equals].into_iter().flatten().fold(f64::MAX, f64::min);
        // Between the two there are numbers; if they are one number, it has to be kept by all bounds itself.
        if lowest > highest || (lowest == highest && self.broken_by(lowest).is_some()) {
            return Err(Failure::invalid_config(format!("{place}: there is no number that is all right")));
        }
        Ok(())
    }

    /// Says which bound a number breaks, the first if there are several. What is not a number breaks all.
    #[must_use]
    pub fn broken_by(&self, number: f64) -> Option<String> {
        let kept = |holds: bool, words: &str, bound: f64| {
            (!holds || number.is_nan()).then(|| format!("{number} is not {words}{bound}"))
        };
        None.or_else(|| self.at_least.and_then(|bound| kept(number >= bound, "at least ", bound)))
            .or_else(|| self.above.and_then(|bound| kept(number > bound, "above ", bound)))
            .or_else(|| self.at_most.and_then(|bound| kept(number <= bound, "at most ", bound)))
            .or_else(|| self.below.and_then(|bound| kept(number < bound, "below ", bound)))
            .or_else(|| self.equals.and_then(|bound| kept(number == bound, "", bound)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_held_at_its_edge() {
        let broken = |bounds: Bounds| [0.9, 1.0, 1.1].map(|number| bounds.broken_by(number).is_some());

        assert_eq!(broken(Bounds { at_least: Some(1.0), ..Bounds::default() }), [true, false, false]);
        assert_eq!(broken(Bounds { above: Some(1.0), ..Bounds::default() }), [true, true, false]);
        assert_eq!(broken(Bounds { at_most: Some(1.0), ..Bounds::default() }), [false, false, true]);
        assert_eq!(broken(Bounds { below: Some(1.0), ..Bounds::default() }), [false, true, true]);
        assert_eq!(broken(Bounds { equals: Some(1.0), ..Bounds::default() }), [true, false, true]);
    }

    #[test]
    fn what_is_not_a_number_is_never_all_right() {
        let bounds = Bounds { at_least: Some(1.0), ..Bounds::default() };

        assert_eq!(bounds.broken_by(f64::NAN), Some("NaN is not at least 1".to_owned()));
        assert_eq!(bounds.broken_by(f64::INFINITY), None);
        assert_eq!(bounds.broken_by(f64::NEG_INFINITY), Some("-inf is not at least 1".to_owned()));
    }

    #[test]
    fn bounds_that_say_nothing_or_leave_nothing_are_refused() {
        let refused = |bounds: Bounds| bounds.check("`expect`").map_err(|failure| failure.message);
        let nothing = Err("`expect`: there is no number that is all right".to_owned());

        assert_eq!(
            refused(Bounds::default()),
            Err("`expect` needs one of `at_least`, `above`, `at_most`, `below` and `equals`".to_owned())
        );
        assert_eq!(refused(Bounds { at_least: Some(2.0), at_most: Some(1.0), ..Bounds::default() }), nothing);
        assert_eq!(refused(Bounds { above: Some(1.0), at_most: Some(1.0), ..Bounds::default() }), nothing);
        assert_eq!(refused(Bounds { at_least: Some(1.0), at_most: Some(1.0), ..Bounds::default() }), Ok(()));
    }
}
