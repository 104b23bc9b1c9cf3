//! The examples of the standards, with the keys that they publish: RFC 7515 appendices A.2 and A.3, and
//! RFC 8037 appendix A.4.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use authorizer::algorithm::Algorithm;
use authorizer::keys::{KeySet, Selection};
use serde_json::{Value, json};

/// The example verifies, and does not with any one character of text or signature changed.
#[track_caller]
fn check(algorithm: Algorithm, key: &Value, signed: &str, signature: &str) {
    let document = json!({"keys": [key]}).to_string();
    let keys = KeySet::parse(document.as_bytes()).unwrap();
    let Selection::Key(key) = keys.select(None, algorithm) else {
        panic!("the key of the example is not used: {:?}", keys.skipped)
    };
    assert!(key.verifies(algorithm, signed, signature));
    for at in 0..signed.len() {
        assert!(
            !key.verifies(algorithm, &changed(signed, at), signature),
            "{at}"
        );
    }
    for at in 0..signature.len() {
        assert!(
            !key.verifies(algorithm, signed, &changed(signature, at)),
            "{at}"
        );
    }
}

fn changed(text: &str, at: usize) -> String {
    let characters = text.chars().enumerate();
    characters
        .map(|(index, character)| match (index == at, character) {
            (false, character) => character,
            (true, 'Z') => 'a',
            (true, _) => 'Z',
        })
        .collect()
}

/// The claims of RFC 7515 appendix A: `{"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}`.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[test]
fn rfc_7515_appendix_a_2_rs256() {
    let key = json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    });
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let signed = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}");
    check(Algorithm::Rs256, &key, &signed, signature);
}

#[test]
fn rfc_7515_appendix_a_3_es256() {
    let key = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let signed = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}");
    check(Algorithm::Es256, &key, &signed, signature);
}

#[test]
fn rfc_8037_appendix_a_4_ed25519() {
    let key =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    check(Algorithm::EdDsa, &key, signed, signature);
}
