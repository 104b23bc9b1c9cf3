//! Medians, ratios and the table. A ratio is taken within a round, so that what disturbs the machine
//! disturbs both sides of it.

use std::time::Duration;

/// What is to be reached, as a ratio to the bare signature check of the same algorithm.
pub(crate) fn goal(contender: &str, algorithm: &str) -> Option<f64> {
    match (contender, algorithm) {
        ("authorizer, verify", "RS256") => Some(1.15),
        ("authorizer, verify", _) => Some(1.10),
        ("authorizer, full path, TOKEN", _) => Some(1.6),
        _ => None,
    }
}

/// The measurements of one contender with one algorithm, a round each.
#[derive(Debug, Default, Clone)]
pub(crate) struct Series {
    pub(crate) per_token: Vec<Duration>,
    pub(crate) to_raw: Vec<f64>,
}

impl Series {
    pub(crate) fn ratio(&self) -> f64 {
        median(self.to_raw.clone())
    }

    /// Microseconds: median, and from least to most.
    pub(crate) fn time(&self) -> String {
        let times: Vec<_> = self.per_token.iter().map(Duration::as_secs_f64).collect();
        let [least, most] = [f64::min as fn(f64, f64) -> f64, f64::max]
            .map(|of| times.iter().copied().reduce(of).unwrap_or_default() * 1e6);
        format!("{:.1} ({least:.1}-{most:.1})", median(times) * 1e6)
    }

    /// One line of the table, in Markdown.
    pub(crate) fn line(&self, contender: &str, algorithm: &str) -> String {
        let ratio = self.ratio();
        let goal = match goal(contender, algorithm) {
            None => String::new(),
            Some(goal) if ratio <= goal => format!("{goal:.2}, met"),
            Some(goal) => format!("{goal:.2}, **missed**"),
        };
        let time = self.time();
        format!("| {algorithm} | {contender} | {time} | {ratio:.2} | {goal} |")
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2);
    middle.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_outlier() {
        assert_eq!(median(vec![3.0, 1.0, 1000.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn a_goal_is_met_up_to_itself() {
        let series = |ratio: f64| Series {
            per_token: vec![Duration::from_micros(30)],
            to_raw: vec![ratio],
        };
        let line = |ratio: f64| series(ratio).line("authorizer, verify", "RS256");
        assert_eq!(
            line(1.15),
            "| RS256 | authorizer, verify | 30.0 (30.0-30.0) | 1.15 | 1.15, met |"
        );
        assert!(line(1.16).ends_with("1.15, **missed** |"));
    }
}
