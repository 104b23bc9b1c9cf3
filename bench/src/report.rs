//! Times, ratios and the table. A ratio is that of the best rounds: what else runs on the machine makes a round
//! longer, never shorter.

/// What is to be reached, as a ratio to the bare signature check of the same algorithm.
pub(crate) fn goal(contender: &str, algorithm: &str) -> Option<f64> {
    match (contender, algorithm) {
        ("authorizer, verify", "RS256") => Some(1.15),
        ("authorizer, verify", _) => Some(1.10),
        ("authorizer, full path, TOKEN", _) => Some(1.6),
        _ => None,
    }
}

/// The times of one contender with one algorithm, in seconds for one token, a round each.
#[derive(Debug, Default, Clone)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    pub(crate) fn least(&self) -> f64 {
        self.0.iter().copied().reduce(f64::min).unwrap_or_default()
    }

    /// One line of the table, in Markdown, with the ratio to the bare check's series.
    pub(crate) fn line(&self, contender: &str, algorithm: &str, raw: &Self) -> String {
        let ratio = self.least() / raw.least();
        let goal = match goal(contender, algorithm) {
            None => String::new(),
            Some(goal) if ratio <= goal => format!("{goal:.2}, met"),
            Some(goal) => format!("{goal:.2}, **missed**"),
        };
        let [least, middle] = [self.least(), median(self.0.clone())].map(|time| time * 1e6);
        format!("| {algorithm} | {contender} | {least:.1} | {middle:.1} | {ratio:.2} | {goal} |")
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
        let series = |time: f64| Series(vec![3.0, time, 5.0]);
        let line = |time: f64| series(time).line("authorizer, verify", "RS256", &series(1.0));
        assert!(line(1.15).ends_with("| 1.15 | 1.15, met |"));
        assert!(line(1.16).ends_with("| 1.16 | 1.15, **missed** |"));
    }
}
