//! Conditions on claims: which one, and what it must be. A claim that is missing or of another type than the
//! condition speaks of fulfils none.

use std::cmp::Ordering;

use serde_json::Number;
use thiserror::Error;

use super::grant::Grant;
use super::number;
use crate::json::{Members, View};

/// A claim, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTest {
    place: Place,
    /// What it must be.
    pub test: Test,
}

/// Where a claim lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// At the top level. The name may have dots and slashes in it.
    Name(String),
    /// At a JSON Pointer: the first token, and the pointer below it.
    Pointer(String, String),
}

/// What a claim must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// This value. A list is none.
    Equals(Operand),
    /// One of these values.
    In(Vec<Operand>),
    /// A list with this member.
    Contains(Operand),
    /// A string that begins so.
    StartsWith(String),
    /// A number on this side of another.
    Compares(Comparison, Number),
    /// There, or not: `null` is not there.
    Exists(bool),
}

/// A value that a claim or a member of it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A string, in which `{parameter}` stands for the route's parameter.
    Text(Grant),
    /// A number, compared exactly.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
}

/// The side of a number on which a claim must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `at_least`.
    AtLeast,
    /// `at_most`.
    AtMost,
    /// `above`.
    Above,
    /// `below`.
    Below,
}

/// Why a name is none of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// A `~` that RFC 6901 gives no meaning.
    #[error("`{0}` is no JSON Pointer: `~` is written `~0`, and `/` inside a name `~1`")]
    Pointer(String),
}

impl ClaimTest {
    /// A name that begins with `/` is a JSON Pointer (RFC 6901); any other is the claim's own.
    pub fn new(name: &str, test: Test) -> Result<Self, ClaimError> {
        let Some(pointer) = name.strip_prefix('/') else {
            let place = Place::Name(name.to_owned());
            return Ok(Self { place, test });
        };
        let mut escapes = name.split('~').skip(1);
        if !escapes.all(|rest| rest.starts_with(['0', '1'])) {
            return Err(ClaimError::Pointer(name.to_owned()));
        }
        let (first, rest) = match pointer.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (pointer, String::new()),
        };
        let place = Place::Pointer(first.replace("~1", "/").replace("~0", "~"), rest);
        Ok(Self { place, test })
    }

    /// The claim's name, or the pointer to it.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Name(name) => name.clone(),
            Place::Pointer(first, rest) => {
                let first = first.replace('~', "~0").replace('/', "~1");
                format!("/{first}{rest}")
            }
        }
    }

    /// The claim, if it is there.
    pub(crate) fn claim<'a>(&self, claims: &'a Members) -> Option<View<'a>> {
        self.place.find(claims)
    }

    /// True if the claim is what is asked for, for this value of the route's parameter.
    pub(super) fn holds(&self, claims: &Members, parameter: Option<&str>) -> bool {
        let claim = self.place.find(claims);
        match &self.test {
            Test::Equals(operand) => claim.is_some_and(|claim| operand.is(&claim, parameter)),
            Test::In(operands) => claim.is_some_and(|claim| {
                let mut operands = operands.iter();
                operands.any(|operand| operand.is(&claim, parameter))
            }),
            Test::Contains(operand) => {
                let list = claim.and_then(|claim| claim.as_array());
                list.is_some_and(|list| list.iter().any(|member| operand.is(&member, parameter)))
            }
            Test::StartsWith(prefix) => claim
                .and_then(|claim| claim.as_str())
                .is_some_and(|text| text.starts_with(prefix)),
            Test::Compares(comparison, number) => claim
                .and_then(|claim| number::compare(claim.as_number()?, number))
                .is_some_and(|ordering| comparison.allows(ordering)),
            Test::Exists(expected) => claim.is_some() == *expected,
        }
    }

    /// The texts with a parameter that may stand in this condition.
    pub(super) fn grant(&self) -> Option<&Grant> {
        match &self.test {
            Test::Equals(Operand::Text(grant)) | Test::Contains(Operand::Text(grant)) => {
                Some(grant)
            }
            Test::Equals(Operand::Number(_) | Operand::Bool(_))
            | Test::Contains(Operand::Number(_) | Operand::Bool(_))
            | Test::In(_)
            | Test::StartsWith(_)
            | Test::Compares(..)
            | Test::Exists(_) => None,
        }
    }

    /// The values of the parameter that the claim names.
    pub(super) fn values<'a>(&self, claims: &'a Members) -> Vec<&'a str> {
        let claim = self.place.find(claims);
        let texts = match (&self.test, claim) {
            (Test::Equals(_), Some(View::String(text))) => vec![text],
            (Test::Contains(_), Some(View::Array(members))) => members
                .iter()
                .filter_map(|member| member.as_str())
                .collect(),
            (
                Test::Equals(_)
                | Test::In(_)
                | Test::Contains(_)
                | Test::StartsWith(_)
                | Test::Compares(..)
                | Test::Exists(_),
                _,
            ) => Vec::new(),
        };
        let grant = self.grant();
        let values = texts.into_iter().filter_map(|text| grant?.value(text));
        values.collect()
    }
}

impl Place {
    fn find<'a>(&self, claims: &'a Members) -> Option<View<'a>> {
        let found = match self {
            Self::Name(name) => claims.get(name),
            Self::Pointer(first, rest) => claims.get(first)?.pointer(rest),
        };
        found.filter(|value| !matches!(value, View::Null))
    }
}

impl Operand {
    fn is(&self, value: &View<'_>, parameter: Option<&str>) -> bool {
        match (self, value) {
            (Self::Text(wanted), View::String(text)) => wanted.is(text, parameter),
            (Self::Number(wanted), View::Number(number)) => {
                number::compare(number, wanted) == Some(Ordering::Equal)
            }
            (Self::Bool(wanted), View::Bool(value)) => wanted == value,
            (Self::Text(_) | Self::Number(_) | Self::Bool(_), _) => false,
        }
    }
}

impl Comparison {
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::AtLeast => ordering.is_ge(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::Below => ordering.is_lt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims() -> Members {
        let claims = json!({
            "org_id": "acme", "level": 3, "ratio": 0.5, "beta": true, "none": null, "text": "3",
            "groups": ["ml-users", 7, true, null], "https://acme.example/tier": "gold", "a.b": "dotted",
            "resource_access": {"ml-api": {"tier": 1}, "a/b": {"c~d": "x"}}, "list": [["acme"]],
            "big": 9_007_199_254_740_993_u64, "huge": 1e300, "models": ["wine", "..", "a/b"],
        });
        Members::from(claims.as_object().unwrap())
    }

    #[track_caller]
    fn check(name: &str, test: Test, expected: bool) {
        let condition = ClaimTest::new(name, test).unwrap();
        assert_eq!(condition.holds(&claims(), None), expected, "{condition:?}");
    }

    fn text(text: &str) -> Operand {
        Operand::Text(Grant::text(text).unwrap())
    }

    fn number(number: &Value) -> Operand {
        Operand::Number(number.as_number().unwrap().clone())
    }

    #[test]
    fn a_claim_equals_a_value_of_its_own_type() {
        check("org_id", Test::Equals(text("acme")), true);
        check("org_id", Test::Equals(text("acm")), false);
        check("org_id", Test::Equals(text("ACME")), false);
        check("level", Test::Equals(number(&json!(3))), true);
        check("level", Test::Equals(number(&json!(3.0))), true);
        check("level", Test::Equals(text("3")), false);
        check("text", Test::Equals(number(&json!(3))), false);
        check("beta", Test::Equals(Operand::Bool(true)), true);
        check("beta", Test::Equals(Operand::Bool(false)), false);
        check("beta", Test::Equals(text("true")), false);
        check("groups", Test::Equals(text("ml-users")), false);
        check("missing", Test::Equals(Operand::Bool(false)), false);
        check("none", Test::Equals(Operand::Bool(false)), false);
    }

    #[test]
    fn membership_is_of_a_scalar_in_the_rule_or_of_a_value_in_the_claim() {
        check("org_id", Test::In(vec![text("x"), text("acme")]), true);
        check("org_id", Test::In(vec![text("x")]), false);
        check("groups", Test::In(vec![text("ml-users")]), false);
        check("groups", Test::Contains(text("ml-users")), true);
        check("groups", Test::Contains(number(&json!(7))), true);
        check("groups", Test::Contains(Operand::Bool(true)), true);
        check("groups", Test::Contains(text("ml")), false);
        check("groups", Test::Contains(text("7")), false);
        check("list", Test::Contains(text("acme")), false);
        check("org_id", Test::Contains(text("acme")), false);
        check("missing", Test::Contains(text("acme")), false);
    }

    #[test]
    fn prefixes_are_of_strings() {
        check("org_id", Test::StartsWith("ac".to_owned()), true);
        check("org_id", Test::StartsWith("acme!".to_owned()), false);
        check("level", Test::StartsWith("3".to_owned()), false);
        check("groups", Test::StartsWith("ml".to_owned()), false);
    }

    #[test]
    fn numbers_are_compared_with_numbers_alone() {
        let compares = |name, comparison, with: Value, expected| {
            let number = with.as_number().unwrap().clone();
            check(name, Test::Compares(comparison, number), expected);
        };
        compares("level", Comparison::AtLeast, json!(3), true);
        compares("level", Comparison::AtLeast, json!(4), false);
        compares("level", Comparison::AtMost, json!(3), true);
        compares("level", Comparison::AtMost, json!(2), false);
        compares("level", Comparison::Above, json!(2.5), true);
        compares("level", Comparison::Above, json!(3), false);
        compares("level", Comparison::Below, json!(10), true);
        compares("level", Comparison::Below, json!(3), false);
        compares("ratio", Comparison::Below, json!(1), true);
        compares("text", Comparison::AtLeast, json!(3), false);
        compares("groups", Comparison::AtLeast, json!(0), false);
        compares("missing", Comparison::Below, json!(9), false);
        let next = json!(9_007_199_254_740_992_u64);
        compares("big", Comparison::Above, next, true);
        compares("huge", Comparison::Above, json!(0), false);
    }

    #[test]
    fn a_claim_is_there_unless_it_is_null() {
        for (name, there) in [("org_id", true), ("missing", false), ("none", false)] {
            check(name, Test::Exists(true), there);
            check(name, Test::Exists(false), !there);
        }
    }

    #[test]
    fn a_name_is_a_claim_or_a_pointer() {
        let is = |name: &str, value: &str, expected| {
            check(name, Test::Equals(text(value)), expected);
        };
        is("a.b", "dotted", true);
        is("https://acme.example/tier", "gold", true);
        is("/org_id", "acme", true);
        is("/resource_access/a~1b/c~0d", "x", true);
        is("/resource_access/a/b/c~0d", "x", false);
        is("/groups/0", "ml-users", true);
        is("/groups/00", "ml-users", false);
        is("/org_id/", "acme", false);
        let tier = "/resource_access/ml-api/tier";
        check(tier, Test::Equals(number(&json!(1))), true);
        check("resource_access/ml-api/tier", Test::Exists(true), false);
        for odd in ["/a~", "/a~2", "/~a/b"] {
            assert!(ClaimTest::new(odd, Test::Exists(true)).is_err(), "{odd}");
        }
        assert!(ClaimTest::new("a~", Test::Exists(true)).is_ok());
    }

    #[test]
    fn only_plain_values_stand_for_a_parameter() {
        let test = ClaimTest::new("models", Test::Contains(text("{m}"))).unwrap();
        assert_eq!(test.values(&claims()), ["wine"]);
        assert!(test.holds(&claims(), Some("wine")));
        assert!(!test.holds(&claims(), Some("a/b")));
        assert!(!test.holds(&claims(), None));
        let test = ClaimTest::new("org_id", Test::Equals(text("ac{m}"))).unwrap();
        assert_eq!(test.values(&claims()), ["me"]);
        let test = ClaimTest::new("models", Test::Equals(text("{m}"))).unwrap();
        assert!(test.values(&claims()).is_empty());
    }
}
