//! The device authorization grant (RFC 8628): a URL and a code for the user, then polling until the
//! code is confirmed.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::endpoint::{Granted, Refused, Reply, printable};
use super::{Grant, Source, TokenError, refusal};

/// Between two polls if the issuer names no interval.
const DEFAULT_INTERVAL: u64 = 5;
/// Longer between two polls after each `slow_down`.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The longest interval: an issuer cannot make the command look dead.
const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// The longest wait for the user, whatever the issuer says.
const MAX_WAIT: u64 = 1800;

#[derive(Debug, Deserialize)]
struct DeviceCode {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// What to do after a poll.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Ask again after this long.
    Wait(Duration),
    /// The issuer will not grant it.
    GiveUp(Refused),
}

/// Asks for a code, shows it, and waits for the token.
pub(super) async fn token(source: &Source) -> Result<String, TokenError> {
    let verifier = verifier()?;
    let code = request(source, &verifier).await?;
    eprintln!("{}", instructions(&code));
    let deadline = Instant::now() + Duration::from_secs(code.expires_in.min(MAX_WAIT));
    let mut interval =
        Duration::from_secs(code.interval.unwrap_or(DEFAULT_INTERVAL).max(1)).min(MAX_INTERVAL);
    while Instant::now() + interval < deadline {
        sleep(interval).await;
        interval = match poll(source, &code.device_code, &verifier).await {
            Ok(Reply::Granted(granted)) => {
                return Reply::Granted(granted)
                    .token()
                    .map_err(|r| refusal(r, Grant::DeviceCode));
            }
            Ok(Reply::Refused(refused)) => match next(refused, interval) {
                Next::Wait(interval) => interval,
                Next::GiveUp(refused) => return Err(refusal(refused, Grant::DeviceCode)),
            },
            // An issuer that is hard to reach is asked less often.
            Err(TokenError::Unreachable { .. }) => (interval * 2).min(MAX_INTERVAL),
            Err(error) => return Err(error),
        };
    }
    Err(TokenError::NotConfirmed)
}

async fn request(source: &Source, verifier: &str) -> Result<DeviceCode, TokenError> {
    let url = source
        .discovery
        .device_authorization_endpoint
        .as_ref()
        .ok_or(TokenError::NoDeviceEndpoint)?;
    let mut endpoint = source.endpoint()?;
    endpoint.url = url.parse()?;
    let mut form = source.parameters.form();
    form.push(("code_challenge", challenge(verifier)));
    form.push(("code_challenge_method", "S256".to_owned()));
    match endpoint.post(&form).await? {
        Reply::Granted(code) => Ok(code),
        Reply::Refused(refused) => Err(refusal(refused, Grant::DeviceCode)),
    }
}

async fn poll(
    source: &Source,
    device_code: &str,
    verifier: &str,
) -> Result<Reply<Granted>, TokenError> {
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let form = [
        ("grant_type", grant_type),
        ("device_code", device_code),
        ("code_verifier", verifier),
    ];
    source
        .endpoint()?
        .post(&form.map(|(name, value)| (name, value.to_owned())))
        .await
}

/// Binds the token to who asked for the code (RFC 7636). Keycloak insists on it where a client's
/// settings do; who does not know it ignores it.
fn verifier() -> Result<String, TokenError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| TokenError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn instructions(code: &DeviceCode) -> String {
    let DeviceCode {
        verification_uri,
        verification_uri_complete,
        user_code,
        ..
    } = code;
    let (uri, user_code) = (printable(verification_uri), printable(user_code));
    match verification_uri_complete {
        Some(complete) => format!(
            "open {} and confirm the code {user_code}",
            printable(complete)
        ),
        None => format!("open {uri} and enter the code {user_code}"),
    }
}

fn next(refused: Refused, interval: Duration) -> Next {
    match refused.error.as_str() {
        "authorization_pending" => Next::Wait(interval),
        "slow_down" => Next::Wait((interval + SLOW_DOWN).min(MAX_INTERVAL)),
        _ => Next::GiveUp(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &str, interval: u64, expected: Option<u64>) {
        let refused = Refused {
            error: error.to_owned(),
            description: None,
        };
        let expected = match expected {
            Some(seconds) => Next::Wait(Duration::from_secs(seconds)),
            None => Next::GiveUp(refused.clone()),
        };
        assert_eq!(next(refused, Duration::from_secs(interval)), expected);
    }

    #[test]
    fn polling_goes_on_while_the_user_decides() {
        check("authorization_pending", 5, Some(5));
        check("slow_down", 5, Some(10));
        check("slow_down", 58, Some(60));
        check("access_denied", 5, None);
        check("expired_token", 5, None);
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn the_user_is_shown_the_shortest_way() {
        let code = |complete: Option<&str>| DeviceCode {
            device_code: "never shown".to_owned(),
            user_code: "WDJB-MJHT".to_owned(),
            verification_uri: "https://example.org/device".to_owned(),
            verification_uri_complete: complete.map(str::to_owned),
            expires_in: 600,
            interval: None,
        };
        assert_eq!(
            instructions(&code(None)),
            "open https://example.org/device and enter the code WDJB-MJHT"
        );
        let complete = instructions(&code(Some(
            "https://example.org/device?user_code=WDJB-MJHT",
        )));
        assert_eq!(
            complete,
            "open https://example.org/device?user_code=WDJB-MJHT and confirm the code WDJB-MJHT"
        );
    }
}
