//! Which versions are served, which of them where none is named, and what else they are called.
//!
//! The policy is Triton's, in words and meaning; the labels are TensorFlow Serving's.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// Which versions are served of those that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Every one.
    #[default]
    All,
    /// So many with the highest numbers.
    Latest(usize),
    /// These.
    Specific(Vec<u64>),
}

/// What is wrong with the versions that a `model.yaml` names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionsError {
    /// A version it names is not there.
    #[error("version {0} is not there")]
    Missing(u64),
    /// The default version is there, and the policy leaves it out.
    #[error("`default` is version {0}, which `versions` leaves out")]
    DefaultUnserved(u64),
    /// It serves no version.
    #[error("no version is served")]
    Nothing,
    /// A label is of a version that is not there.
    #[error("`version_labels`: `{label}` is version {version}, which is not there")]
    LabelMissing {
        /// The label.
        label: String,
        /// Its version.
        version: u64,
    },
    /// A label is of a version that the policy leaves out.
    #[error("`version_labels`: `{label}` is version {version}, which `versions` leaves out")]
    LabelUnserved {
        /// The label.
        label: String,
        /// Its version.
        version: u64,
    },
    /// A label would be taken for the number of a version.
    #[error("`version_labels`: `{0}` is a number, as those of versions are: use letters")]
    LabelNumber(String),
    /// A label does not fit into a path.
    #[error("`version_labels`: `{0}` is no label: use letters, digits, `.`, `_` and `-`")]
    Label(String),
}

impl VersionPolicy {
    /// The versions to serve of those that are there, lowest first.
    fn served(&self, there: &[u64]) -> Result<Vec<u64>, VersionsError> {
        let mut served = match self {
            Self::All | Self::Latest(_) => there.to_vec(),
            Self::Specific(listed) => listed.clone(),
        };
        if let Some(missing) = served.iter().find(|version| !there.contains(version)) {
            return Err(VersionsError::Missing(*missing));
        }
        served.sort_unstable();
        served.dedup();
        if let Self::Latest(most) = self {
            served.drain(..served.len().saturating_sub(*most));
        }
        Ok(served)
    }
}

/// The versions to serve of those that are there, and the default one.
pub(super) fn choose(
    policy: &VersionPolicy,
    default: Option<u64>,
    there: &[u64],
) -> Result<(Vec<u64>, u64), VersionsError> {
    let served = policy.served(there)?;
    let highest = served.last().copied().ok_or(VersionsError::Nothing)?;
    let default = default.unwrap_or(highest);
    match (served.contains(&default), there.contains(&default)) {
        (true, _) => Ok((served, default)),
        (false, true) => Err(VersionsError::DefaultUnserved(default)),
        (false, false) => Err(VersionsError::Missing(default)),
    }
}

/// An error if a label is none, or of a version that is not served.
pub(super) fn check_labels(
    labels: &BTreeMap<String, u64>,
    served: &[u64],
    there: &[u64],
) -> Result<(), VersionsError> {
    for (label, version) in labels {
        check_label(label)?;
        let (label, version) = (label.clone(), *version);
        if !there.contains(&version) {
            return Err(VersionsError::LabelMissing { label, version });
        }
        if !served.contains(&version) {
            return Err(VersionsError::LabelUnserved { label, version });
        }
    }
    Ok(())
}

/// Labels stand where numbers stand: one that is a number would name two versions.
fn check_label(label: &str) -> Result<(), VersionsError> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if label.is_empty() || !label.bytes().all(is_fit) {
        return Err(VersionsError::Label(label.to_owned()));
    }
    if label.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VersionsError::LabelNumber(label.to_owned()));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for VersionPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PolicyVisitor)
    }
}

struct PolicyVisitor;

impl<'de> Visitor<'de> for PolicyVisitor {
    type Value = VersionPolicy;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("`all`, a list such as `[1, 2]`, or `latest: N`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<VersionPolicy, E> {
        match text {
            "all" => Ok(VersionPolicy::All),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VersionPolicy, A::Error> {
        let mut versions = Vec::new();
        while let Some(version) = list.next_element()? {
            versions.push(version);
        }
        Ok(VersionPolicy::Specific(versions))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VersionPolicy, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        if key != "latest" {
            return Err(de::Error::unknown_field(&key, &["latest"]));
        }
        let most = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(VersionPolicy::Latest(most)),
            Some(second) => Err(de::Error::unknown_field(&second, &["latest"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Description;

    /// Of the versions 1, 2 and 10.
    #[track_caller]
    fn check(text: &str, expected: Result<(&[u64], u64), &str>) {
        let description = Description::read(text).map_err(|error| error.to_string());
        let chosen = description.and_then(|description| {
            let chosen = description.choose(&[1, 10, 2]);
            chosen.map_err(|error| error.to_string())
        });
        let expected = expected.map(|(served, default)| (served.to_vec(), default));
        match (chosen, expected) {
            (Err(given), Err(expected)) => assert!(given.contains(expected), "{text}: {given}"),
            (chosen, expected) => assert_eq!(chosen, expected.map_err(str::to_owned), "{text}"),
        }
    }

    #[test]
    fn versions_are_served_as_listed() {
        check("", Ok((&[1, 2, 10], 10)));
        check("# nothing\nversions: [1, 2]", Ok((&[1, 2], 2)));
        check("versions: [2, 1, 2]\ndefault: 1", Ok((&[1, 2], 1)));
        check("default: 2", Ok((&[1, 2, 10], 2)));
        check("versions: [3]", Err("version 3 is not there"));
        check("versions: []", Err("no version is served"));
        check("default: 3", Err("version 3 is not there"));
        let left_out = "`default` is version 2, which `versions` leaves out";
        check("versions: [1]\ndefault: 2", Err(left_out));
    }

    #[test]
    fn the_latest_versions_have_the_highest_numbers() {
        check("versions: all", Ok((&[1, 2, 10], 10)));
        check("versions: {latest: 1}", Ok((&[10], 10)));
        check("versions: {latest: 2}\ndefault: 2", Ok((&[2, 10], 2)));
        check("versions:\n  latest: 7", Ok((&[1, 2, 10], 10)));
        check("versions: {latest: 0}", Err("no version is served"));
        let left_out = "`default` is version 1, which `versions` leaves out";
        check("versions: {latest: 2}\ndefault: 1", Err(left_out));
    }

    #[test]
    fn another_policy_is_refused() {
        let forms = "`all`, a list such as `[1, 2]`, or `latest: N`";
        check("versions: newest", Err(forms));
        check("versions: 2", Err(forms));
        check("versions: {}", Err(forms));
        check("versions: {newest: 2}", Err("latest"));
        check("versions: {latest: 2, all: {}}", Err("latest"));
        check("versions: {latest: -1}", Err(""));
        check("versions: [one]", Err(""));
    }

    #[test]
    fn a_label_is_a_word_for_a_version_that_is_served() {
        check(
            "version_labels: {stable: 2, canary: 10, v-1.0_x: 2}",
            Ok((&[1, 2, 10], 10)),
        );
        check(
            "version_labels: {stable: 3}",
            Err("`version_labels`: `stable` is version 3, which is not there"),
        );
        check(
            "versions: {latest: 1}\nversion_labels: {stable: 2}",
            Err("`version_labels`: `stable` is version 2, which `versions` leaves out"),
        );
        check("version_labels: {'2': 2}", Err("`2` is a number"));
        check("version_labels: {'02': 2}", Err("`02` is a number"));
        for label in ["''", "'a/b'", "'a:predict'", "'a b'", "ä"] {
            let text = format!("version_labels: {{{label}: 2}}");
            check(&text, Err("is no label: use letters"));
        }
    }
}
