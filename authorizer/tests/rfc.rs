//! The examples of the standards, with the keys that they publish: RFC 7515 appendix A, RFC 7520 sections 3
//! and 4, and RFC 8037 appendix A. The examples with algorithms that are not accepted are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use authorizer::algorithm::Algorithm;
use authorizer::keys::{KeyError, KeySet, Selection};
use authorizer::token::{BearerToken, TokenError, UnverifiedToken};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The example verifies, and does not with any one character of text or signature changed.
#[track_caller]
fn check(algorithm: Algorithm, key: &Value, signed: &str, signature: &str) {
    let document = json!({"keys": [key]}).to_string();
    let keys = KeySet::parse(document.as_bytes()).unwrap();
    let id = key.get("kid").and_then(Value::as_str);
    let Selection::Key(key) = keys.select(id, algorithm) else {
        panic!("the key of the example is not used: {:?}", keys.skipped)
    };
    let verifies = |signed: &str, signature: &str| {
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| key.verifies(algorithm, signed, &signature))
    };
    assert!(verifies(signed, signature));
    for at in 0..signed.len() {
        assert!(!verifies(&changed(signed, at), signature), "{at}");
    }
    for at in 0..signature.len() {
        assert!(!verifies(signed, &changed(signature, at)), "{at}");
    }
}

/// The key of the example is left out for this reason. A usable one is beside it, since a set without any is refused.
#[track_caller]
fn left_out(key: &Value, reason: KeyError) {
    let document = json!({"keys": [key, ed25519()]}).to_string();
    let keys = KeySet::parse(document.as_bytes()).unwrap();
    let reasons: Vec<_> = keys.skipped.iter().map(|key| key.reason).collect();
    assert_eq!(reasons, [reason]);
}

/// The example is refused before any key is looked for.
#[track_caller]
fn refused(token: &str, reason: TokenError) {
    let credential = format!("Bearer {token}");
    let token = BearerToken::from_header(&credential);
    let found = token.and_then(UnverifiedToken::parse).map(|_| ());
    assert_eq!(found, Err(reason));
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
fn rfc_7515_appendix_a_4_es512_is_refused_and_its_key_left_out() {
    let key = json!({
        "kty": "EC",
        "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    });
    let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    left_out(&key, KeyError::Kind);
    refused(
        &format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{signature}"),
        TokenError::Algorithm,
    );
}

#[test]
fn rfc_7515_appendix_a_5_unsecured_is_refused() {
    refused(
        &format!("eyJhbGciOiJub25lIn0.{CLAIMS}."),
        TokenError::Algorithm,
    );
}

/// The public key of RFC 8037 appendix A.2.
fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn rfc_8037_appendix_a_4_ed25519() {
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    check(Algorithm::EdDsa, &ed25519(), signed, signature);
}

/// The payload of RFC 7520 section 4: a sentence, not claims.
const SENTENCE: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// The RSA key of RFC 7520 sections 3.3 and 3.4.
const RSA_N: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
/// The symmetric key of RFC 7520 section 3.5.
const SECRET: &str = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";

fn rsa() -> Value {
    json!({"kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "n": RSA_N, "e": "AQAB"})
}

#[test]
fn rfc_7520_section_3_keys_for_other_algorithms_are_left_out() {
    let p521 = json!({
        "kty": "EC",
        "kid": "bilbo.baggins@hobbiton.example",
        "use": "sig",
        "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
    });
    left_out(&p521, KeyError::Kind);
    let signing = json!({"kty": "oct", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037", "use": "sig", "alg": "HS256", "k": SECRET});
    left_out(&signing, KeyError::Kind);
    let encrypting = json!({"kty": "oct", "kid": "1e571774-2e08-40da-8308-e8d68773842d", "use": "enc", "alg": "A256GCM", "k": "AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8"});
    left_out(&encrypting, KeyError::Purpose);
}

#[test]
fn rfc_7520_section_4_1_rs256() {
    let signed = format!(
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{SENTENCE}"
    );
    let signature = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
    check(Algorithm::Rs256, &rsa(), &signed, signature);
    refused(&format!("{signed}.{signature}"), TokenError::Json);
}

#[test]
fn rfc_7520_section_4_2_ps384() {
    let signed = format!(
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{SENTENCE}"
    );
    let signature = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
    check(Algorithm::Ps384, &rsa(), &signed, signature);
    refused(&format!("{signed}.{signature}"), TokenError::Json);
}

#[test]
fn rfc_7520_sections_4_3_and_4_4_es512_and_hs256_are_refused() {
    let header = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9";
    let signature = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";
    refused(
        &format!("{header}.{SENTENCE}.{signature}"),
        TokenError::Algorithm,
    );
    let header = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9";
    let signature = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";
    refused(
        &format!("{header}.{SENTENCE}.{signature}"),
        TokenError::Algorithm,
    );
}

#[test]
fn rfc_7520_sections_4_5_to_4_7_detached_content_and_unprotected_headers_are_refused() {
    refused(
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9..s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
        TokenError::Algorithm,
    );
    // The others have no compact form: these are their parts put together as if they had.
    let signature = "bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20";
    refused(
        &format!("eyJhbGciOiJIUzI1NiJ9.{SENTENCE}.{signature}"),
        TokenError::Algorithm,
    );
    let signature = "xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk";
    refused(&format!(".{SENTENCE}.{signature}"), TokenError::Json);
    let flattened = format!(r#"{{"payload":"{SENTENCE}","signature":"{signature}"}}"#);
    refused(&flattened, TokenError::SeveralCredentials);
}
