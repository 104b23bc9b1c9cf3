//! A build without texts or pictures reads their settings, and refuses to make anything of them.

#![cfg(not(any(feature = "image", feature = "text")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use steps::{image, text};

#[test]
fn a_model_that_needs_them_is_refused_by_name_of_what_is_missing() {
    let settings: text::Settings = serde_json::from_str(r#"{"max_length": 16}"#).unwrap();
    let error = text::Tokenizer::new(&settings, b"{}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("`text`"), "{error}");
    let settings = r#"{"size": {"height": 8, "width": 8}}"#;
    let settings: image::Settings = serde_json::from_str(settings).unwrap();
    let error = image::Pipeline::new(&settings).unwrap_err().to_string();
    assert!(error.contains("`image`"), "{error}");
}
