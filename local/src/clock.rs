//! Time and chance: the only place that asks the machine for either.

use std::time::SystemTime;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the one reading of the clock; all else takes it as an argument"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// A random id in the form of a UUID, version 4.
pub fn random_id() -> Result<String, Unspecified> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes)?;
    let number =
        u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let mut rest = hex.as_str();
    let parts = [8, 4, 4, 4, 12].map(|length| {
        let (part, after) = rest.split_at(length);
        rest = after;
        part
    });
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_a_uuid_and_differ() {
        let id = random_id().unwrap();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.chars().nth(14), Some('4'), "{id}");
        assert!(
            id.chars()
                .nth(19)
                .is_some_and(|variant| "89ab".contains(variant)),
            "{id}"
        );
        assert_ne!(id, random_id().unwrap());
    }
}
