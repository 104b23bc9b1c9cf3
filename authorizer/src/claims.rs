//! What the claims of a token must say, one check after another. Where the claims come from, a verified
//! signature or an issuer's answer, is the caller's business.

use crate::caller::{Accepted, Grants};
use crate::json::{Members, View};
use crate::profile::Profile;
use crate::proof::Binding;
use crate::token::TokenError;
use crate::verify::Trust;

/// Payload `typ` of Keycloak's tokens that are not access tokens.
pub(crate) const OTHER_KINDS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];
/// Claims that only ID tokens and logout tokens have (OpenID Connect Core section 3.3.2.11,
/// Back-Channel Logout section 2.4). `nonce` is not one: older Keycloaks put it in access tokens.
const OTHER_CLAIMS: [&str; 3] = ["at_hash", "c_hash", "events"];
/// Payload `typ` of Keycloak's tokens that are bound to a key.
const DPOP_KIND: &str = "DPoP";
/// `token_use` of Cognito's access tokens; its ID tokens say `id`, and are the only ones with an audience.
const ACCESS_USE: &str = "access";
/// The end of the year 9999: later dates have no ISO 8601 form that IAM reads.
pub(crate) const LATEST_DATE: u64 = 253_402_300_799;
/// Longest `sub`, `azp`, `client_id` and `typ` (OpenID Connect Core section 2: 255 characters of ASCII).
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// The client, by each claim that names it.
type Clients<'a> = [Option<&'a str>; 2];

/// One check of the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// `iss` is the configured issuer, to the letter.
    Issuer,
    /// `aud` names a configured audience.
    Audience,
    /// `exp` is there, and not past.
    Expiry,
    /// `nbf` and `iat`, where they are there, do not lie in the future.
    Start,
    /// `iat` is no further back than the configured maximum age.
    Age,
    /// Not an ID, refresh, offline or logout token.
    Kind,
    /// `cnf`: bound in a way that is accepted, or to nothing. The proof is `proof`'s business.
    Binding,
    /// `azp` and `client_id` are on the list of clients.
    Client,
    /// `sub`, or a client in its place.
    Principal,
    /// Scopes, roles and permissions have their types.
    Grants,
}

/// The claims of one token, what its issuer's tokens must fulfil, and the time.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    pub(crate) members: &'a Members,
    pub(crate) trust: &'a Trust,
    /// Seconds since 1970.
    pub(crate) now: u64,
    /// Read once: several checks and the caller need them.
    clients: Result<Clients<'a>, TokenError>,
    grants: Result<Grants, TokenError>,
}

impl Check {
    /// Every check, in the order in which they are made: the first that fails names the reason.
    pub const ALL: [Self; 10] = [
        Self::Issuer,
        Self::Audience,
        Self::Expiry,
        Self::Start,
        Self::Age,
        Self::Kind,
        Self::Binding,
        Self::Client,
        Self::Principal,
        Self::Grants,
    ];

    /// Makes the check.
    pub fn run(self, claims: &Claims<'_>) -> Result<(), TokenError> {
        match self {
            Self::Issuer => claims.check_issuer(),
            Self::Audience => claims.check_audience(),
            Self::Expiry => claims.check_expiry(),
            Self::Start => claims.check_start(),
            Self::Age => claims.check_age(),
            Self::Kind => claims.check_kind(),
            Self::Binding => claims.check_binding(),
            Self::Client => claims.check_client(),
            Self::Principal => claims.principal().map(|_| ()),
            Self::Grants => claims.check_grants(),
        }
    }
}

impl<'a> Claims<'a> {
    /// Takes nothing for granted.
    pub fn new(members: &'a Members, trust: &'a Trust, now: u64) -> Self {
        Self {
            members,
            trust,
            now,
            clients: clients(members, trust.profile),
            grants: Grants::read(members, trust.profile),
        }
    }

    /// Who is calling, by claims that have passed every check.
    pub(crate) fn accepted(self) -> Result<Accepted, TokenError> {
        let client = self.client()?;
        Ok(Accepted {
            client: client.and_then(|client| self.members.place(client)),
            until: self.accepted_until()?,
            grants: self.grants?,
        })
    }

    fn check_issuer(&self) -> Result<(), TokenError> {
        match self.members.text("iss") {
            None => Err(TokenError::Claim("iss")),
            Some(issuer) if issuer == self.trust.issuer => Ok(()),
            Some(_) => Err(TokenError::Issuer),
        }
    }

    fn check_audience(&self) -> Result<(), TokenError> {
        let accepted = &self.trust.audiences;
        let ordinary_cognito = self.trust.profile == Profile::Cognito && accepted.is_empty();
        if ordinary_cognito && !self.members.contains("aud") {
            return Ok(());
        }
        let is_ours = |name: &str| accepted.iter().any(|audience| audience == name);
        let found = match self.members.get("aud") {
            Some(View::String(name)) => is_ours(name),
            Some(View::Array(names)) => {
                let mut found = false;
                for name in names.iter() {
                    found |= is_ours(name.as_str().ok_or(TokenError::Claim("aud"))?);
                }
                found
            }
            None | Some(View::Null | View::Bool(_) | View::Number(_) | View::Object(_)) => {
                return Err(TokenError::Claim("aud"));
            }
        };
        if found {
            Ok(())
        } else {
            Err(TokenError::Audience)
        }
    }

    fn check_expiry(&self) -> Result<(), TokenError> {
        if self.now < self.accepted_until()? {
            Ok(())
        } else {
            Err(TokenError::Expired)
        }
    }

    /// `exp` and the leeway, as far as there is a date for it.
    pub(crate) fn accepted_until(&self) -> Result<u64, TokenError> {
        let expires_at = self.date("exp")?.ok_or(TokenError::Claim("exp"))?;
        Ok(expires_at.saturating_add(self.leeway()).min(LATEST_DATE))
    }

    fn check_start(&self) -> Result<(), TokenError> {
        let starts = [self.start("nbf")?, self.start("iat")?];
        let latest = self.now.saturating_add(self.leeway());
        if starts.into_iter().flatten().any(|start| start > latest) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    fn check_age(&self) -> Result<(), TokenError> {
        let Some(max_age) = self.trust.max_age else {
            return Ok(());
        };
        let issued_at = self.date("iat")?.ok_or(TokenError::Claim("iat"))?;
        let accepted = max_age.as_secs().saturating_add(self.leeway());
        if self.now > issued_at.saturating_add(accepted) {
            return Err(TokenError::TooOld);
        }
        Ok(())
    }

    fn check_kind(&self) -> Result<(), TokenError> {
        let kind = self.text("typ")?;
        let other_kind = kind.is_some_and(|kind| OTHER_KINDS.contains(&kind));
        let token_use = self.members.get("token_use");
        let other_use = token_use.is_some_and(|name| name.as_str() != Some(ACCESS_USE));
        let other_claim = OTHER_CLAIMS.iter().any(|name| self.members.contains(name));
        let profile = self.trust.profile;
        if other_kind || other_use || other_claim || !profile.is_access_token(self.members) {
            return Err(TokenError::NotAccessToken);
        }
        Ok(())
    }

    fn check_binding(&self) -> Result<(), TokenError> {
        let binding = Binding::read(self.members)?;
        let bound_to_key = binding.is_some_and(|binding| binding.key.is_some());
        if !bound_to_key && self.text("typ")? == Some(DPOP_KIND) {
            return Err(TokenError::Bound);
        }
        match binding {
            Some(binding) if binding.is_accepted(self.trust.proofs) => Ok(()),
            Some(_) => Err(TokenError::Bound),
            None if self.trust.proofs.required => Err(TokenError::Unbound),
            None => Ok(()),
        }
    }

    fn check_client(&self) -> Result<(), TokenError> {
        let named = self.clients?;
        let Some(accepted) = &self.trust.clients else {
            return Ok(());
        };
        // Both claims, where a token has both: a list that one of them escapes is no list.
        let mut named = named.into_iter().flatten().peekable();
        let is_accepted = |client| accepted.iter().any(|name| name == client);
        if named.peek().is_some() && named.all(is_accepted) {
            return Ok(());
        }
        Err(TokenError::Client)
    }

    fn check_grants(&self) -> Result<(), TokenError> {
        match &self.grants {
            Ok(_) => Ok(()),
            Err(error) => Err(*error),
        }
    }

    fn client(&self) -> Result<Option<&'a str>, TokenError> {
        let [first, second] = self.clients?;
        Ok(first.or(second))
    }

    fn principal(&self) -> Result<&'a str, TokenError> {
        let principal = self.text("sub")?.or(self.client()?);
        principal.ok_or(TokenError::Claim("sub"))
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, TokenError> {
        text(self.members, name)
    }

    /// A NumericDate (RFC 7519 section 2) in whole seconds; fractions are cut off.
    fn date(&self, name: &'static str) -> Result<Option<u64>, TokenError> {
        Ok(self.seconds(name)?.map(whole))
    }

    /// The same for a time that must have come: a fraction counts as the second that it is part of.
    fn start(&self, name: &'static str) -> Result<Option<u64>, TokenError> {
        Ok(self.seconds(name)?.map(f64::ceil).map(whole))
    }

    #[expect(clippy::cast_precision_loss, reason = "the date has few digits")]
    fn seconds(&self, name: &'static str) -> Result<Option<f64>, TokenError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) if (0.0..=LATEST_DATE as f64).contains(&seconds) => Ok(Some(seconds)),
                _ => Err(TokenError::Claim(name)),
            },
        }
    }

    fn leeway(&self) -> u64 {
        self.trust.leeway.as_secs()
    }
}

fn clients(members: &Members, profile: Profile) -> Result<Clients<'_>, TokenError> {
    let mut clients = Clients::default();
    for (client, name) in clients.iter_mut().zip(profile.client_claims()) {
        *client = text(members, name)?;
    }
    Ok(clients)
}

fn text<'a>(members: &'a Members, name: &'static str) -> Result<Option<&'a str>, TokenError> {
    match members.get(name) {
        None => Ok(None),
        Some(View::String(value)) if is_name(value) => Ok(Some(value)),
        Some(_) => Err(TokenError::Claim(name)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// Names enter the context and the log: not empty, bounded, nothing invisible.
fn is_name(value: &str) -> bool {
    // Nearly every name is printable ASCII, which needs no look at characters; looked at to the end, for then
    // the processor takes many bytes at a time.
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
    let printable = value
        .bytes()
        .fold(true, |all, byte| all & is_printable(byte));
    (1..=MAX_NAME_BYTES).contains(&value.len())
        && (printable || !value.chars().any(char::is_control))
}
