//! When an issuer may be asked about tokens: not for a while after it has failed to answer, and then by one question
//! alone. Plain data: `endpoint` does the asking.

use std::time::{Duration, SystemTime};

use crate::renewal::Pause;

/// A question, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Ticket(u64);

/// What a question has shown of whoever was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It answers.
    Answers,
    /// It does not answer, and may want to be left alone for this long.
    Fails { retry_after: Option<Duration> },
    /// It does not answer, perhaps for the token's sake: the pause stays short, for whoever makes such a token
    /// would silence the issuer for all others.
    Chokes,
    /// Nothing: the question was not sent, was given up, or was itself at fault.
    Nothing,
}

/// Whose turn it is to ask one issuer.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pause: Pause,
    last: Ticket,
    /// Questions up to this one tell nothing new by failing: one outage fails many of them.
    settled: Ticket,
    /// The one question that is under way after a pause.
    probe: Option<Ticket>,
}

impl Turns {
    /// Begins a question, unless the issuer is to be left alone. Each one that begins must end.
    pub(crate) fn begin(&mut self, now: SystemTime) -> Option<Ticket> {
        if self.pause.lasts(now) || self.probe.is_some() {
            return None;
        }
        self.last = Ticket(self.last.0 + 1);
        self.probe = self.pause.has_begun().then_some(self.last);
        Some(self.last)
    }

    /// Ends a question.
    pub(crate) fn end(&mut self, question: Ticket, shown: Shown, now: SystemTime) {
        if self.probe == Some(question) {
            self.probe = None;
        }
        let is_news = question > self.settled;
        match shown {
            Shown::Answers => {
                self.pause = Pause::default();
                self.probe = None;
            }
            Shown::Fails { retry_after } if is_news => self.pause.extend(retry_after, now),
            Shown::Chokes if is_news => {
                self.pause = Pause::default();
                self.pause.extend(None, now);
            }
            Shown::Fails { .. } | Shown::Chokes | Shown::Nothing => return,
        }
        self.settled = self.last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILS: Shown = Shown::Fails { retry_after: None };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    /// Asks at a second, and ends the question at once.
    #[track_caller]
    fn ask(turns: &mut Turns, second: u64, shown: Shown) {
        let question = turns.begin(at(second)).unwrap();
        turns.end(question, shown, at(second));
    }

    /// Whether questions, each of which shows one thing at the end of the last one's pause, are followed by pauses
    /// of so many seconds.
    #[track_caller]
    fn check(questions: &[(Shown, u64)]) {
        let (mut turns, mut second) = (Turns::default(), 100);
        for (shown, pause) in questions {
            ask(&mut turns, second, *shown);
            for within in second..second + pause {
                assert_eq!(turns.begin(at(within)), None, "{questions:?} at {within}");
            }
            second += pause;
        }
        assert!(turns.begin(at(second)).is_some(), "{questions:?}");
    }

    #[test]
    fn failures_pause_ever_longer_but_not_for_ever() {
        let pauses = [1, 2, 4, 8, 16, 32, 60, 60].map(|pause| (FAILS, pause));
        for count in 0..=pauses.len() {
            check(&pauses[..count]);
        }
    }

    #[test]
    fn an_answer_ends_the_pauses() {
        check(&[(Shown::Answers, 0), (Shown::Answers, 0)]);
        check(&[(FAILS, 1), (FAILS, 2), (Shown::Answers, 0), (FAILS, 1)]);
    }

    #[test]
    fn an_issuer_that_asks_for_patience_gets_it_within_bounds() {
        for (asked, pause) in [(0, 1), (1, 1), (2, 2), (60, 60), (61, 60), (86_400, 60)] {
            let retry_after = Some(Duration::from_secs(asked));
            check(&[(Shown::Fails { retry_after }, pause), (FAILS, 2)]);
        }
    }

    #[test]
    fn what_may_be_the_tokens_doing_pauses_shortly() {
        check(&[(Shown::Chokes, 1), (Shown::Chokes, 1), (Shown::Chokes, 1)]);
        check(&[(FAILS, 1), (FAILS, 2), (Shown::Chokes, 1), (FAILS, 2)]);
    }

    #[test]
    fn what_shows_nothing_changes_nothing() {
        check(&[(Shown::Nothing, 0), (Shown::Nothing, 0)]);
        check(&[(FAILS, 1), (Shown::Nothing, 0), (FAILS, 2)]);
    }

    #[test]
    fn one_question_at_a_time_follows_a_pause() {
        for (shown, next) in [
            (Shown::Answers, true),
            (Shown::Nothing, true),
            (Shown::Chokes, false),
            (FAILS, false),
        ] {
            let mut turns = Turns::default();
            ask(&mut turns, 0, FAILS);
            let probe = turns.begin(at(1)).unwrap();
            assert_eq!(turns.begin(at(1)), None);
            assert_eq!(turns.begin(at(1_000)), None);
            turns.end(probe, shown, at(1_000));
            assert_eq!(turns.begin(at(1_000)).is_some(), next, "{shown:?}");
        }
    }

    #[test]
    fn questions_at_once_fail_as_one() {
        let mut turns = Turns::default();
        let questions: Vec<_> = (0..9).map(|_| turns.begin(at(0)).unwrap()).collect();
        for question in questions {
            turns.end(question, FAILS, at(4));
        }
        assert_eq!(turns.begin(at(4)), None);
        let probe = turns.begin(at(5)).unwrap();
        turns.end(probe, FAILS, at(5));
        assert_eq!(turns.begin(at(6)), None);
        assert!(turns.begin(at(7)).is_some());
    }

    #[test]
    fn a_late_answer_ends_the_pause_and_a_late_failure_begins_none() {
        let mut turns = Turns::default();
        let [first, second, third] = [(); 3].map(|()| turns.begin(at(0)).unwrap());
        turns.end(first, FAILS, at(4));
        let probe = turns.begin(at(5)).unwrap();
        turns.end(second, Shown::Answers, at(6));
        assert!(turns.begin(at(6)).is_some());
        turns.end(third, FAILS, at(7));
        turns.end(probe, FAILS, at(7));
        assert!(turns.begin(at(7)).is_some() && turns.begin(at(7)).is_some());
    }

    #[test]
    fn a_probe_that_is_overtaken_lets_no_second_one_in() {
        let mut turns = Turns::default();
        let late = turns.begin(at(0)).unwrap();
        ask(&mut turns, 0, FAILS);
        let overtaken = turns.begin(at(1)).unwrap();
        turns.end(late, Shown::Answers, at(2));
        ask(&mut turns, 2, FAILS);
        let probe = turns.begin(at(3)).unwrap();
        turns.end(overtaken, FAILS, at(3));
        assert_eq!(turns.begin(at(3)), None);
        turns.end(probe, Shown::Answers, at(3));
        assert!(turns.begin(at(3)).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_pause() {
        let mut turns = Turns::default();
        ask(&mut turns, 100, FAILS);
        assert!(turns.begin(at(99)).is_some());
    }
}
