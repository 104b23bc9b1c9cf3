//! How far applying has come, for who must know after it stopped.

use super::KeycloakError;
use super::plan::Change;

/// What is made, and what is left.
#[derive(Debug)]
pub(super) struct Progress {
    /// In the order in which it was made.
    pub(super) made: Vec<Change>,
    /// As the last look at the server has shown, without what was made since.
    pub(super) left: Vec<Change>,
    /// What is being made; nothing while the server is read.
    at: Option<Change>,
}

impl Progress {
    /// Nothing is made yet.
    pub(super) fn new(left: Vec<Change>) -> Self {
        Self {
            made: Vec::new(),
            left,
            at: None,
        }
    }

    /// A change is asked for.
    pub(super) fn begin(&mut self, change: &Change) {
        self.at = Some(change.clone());
    }

    /// The change that was asked for is made, or must wait.
    pub(super) fn end(&mut self, made: bool) {
        let Some(change) = self.at.take().filter(|_| made) else {
            return;
        };
        self.left.retain(|other| *other != change);
        self.made.push(change);
    }

    /// The error that says all this. A change without an answer may have been made.
    pub(super) fn stopped(&self, source: KeycloakError) -> KeycloakError {
        KeycloakError::Stopped {
            made: self.made.iter().map(first_line).collect(),
            left: self.left.iter().map(first_line).collect(),
            at: self.at.as_ref().map(first_line),
            unknown: source.may_be_done(),
            source: Box::new(source),
        }
    }
}

/// Without the members that differ.
fn first_line(change: &Change) -> String {
    let text = change.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain;
    use crate::keycloak::resource::{Key, Link, Role};

    fn create(client: &str) -> Change {
        Change::Create {
            key: Key::Client(client.to_owned()),
            body: Default::default(),
        }
    }

    fn add() -> Change {
        Change::Add(Link::UserRole("u".to_owned(), Role::Realm("r".to_owned())))
    }

    fn refused(status: u16) -> KeycloakError {
        KeycloakError::Refused {
            call: "POST /r/clients".to_owned(),
            status,
            reason: "no".to_owned(),
            advice: "",
        }
    }

    #[track_caller]
    fn check(progress: &Progress, source: KeycloakError, expected: &str) {
        let text = chain(&progress.stopped(source));
        let (head, lists) = text.split_once('\n').unwrap();
        assert!(head.contains("it is safe to apply again"), "{head}");
        assert_eq!(lists, expected);
    }

    #[test]
    fn what_is_made_is_no_longer_left() {
        let mut progress = Progress::new(vec![create("a"), add(), create("b")]);
        progress.begin(&create("a"));
        check(
            &progress,
            refused(403),
            "done: nothing\nleft: 3 changes\ncreate client `a`\nadd role `r` of user `u`\ncreate client `b`\n\
             failed: create client `a`: Keycloak answers `POST /r/clients` with status 403: no",
        );
        progress.end(true);
        progress.begin(&add());
        progress.end(false);
        progress.begin(&create("b"));
        let list = "done: 1 change\ncreate client `a`\nleft: 2 changes\nadd role `r` of user `u`\ncreate client `b`\n";
        for (status, failed) in [
            (499, "failed"),
            (500, "failed, and perhaps done nevertheless"),
        ] {
            let cause = format!("Keycloak answers `POST /r/clients` with status {status}: no");
            let expected = format!("{list}{failed}: create client `b`: {cause}");
            check(&progress, refused(status), &expected);
        }
    }

    #[test]
    fn a_server_that_cannot_be_read_has_what_was_made() {
        let mut progress = Progress::new(vec![create("a")]);
        progress.begin(&create("a"));
        progress.end(true);
        check(
            &progress,
            refused(500),
            "done: 1 change\ncreate client `a`\nleft: nothing that is known of\n\
             failed: to read what the server has now: Keycloak answers `POST /r/clients` with status 500: no",
        );
    }
}
