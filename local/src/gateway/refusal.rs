//! The gateway's own replies: statuses and words are those of a REST API, changed as the template's
//! gateway responses say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::grant::Grant;
use super::reply::Reply;
use crate::template::ResponseSettings;

/// Why the gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No route has this method and path.
    NoRoute,
    /// No token, a token of the wrong form, or the authorizer's `Unauthorized`.
    Unauthorized,
    /// The policy denies the route.
    ExplicitlyDenied,
    /// The policy does not mention the route.
    ImplicitlyDenied,
    /// The authorizer failed, or its answer cannot be used.
    Authorizer,
    /// Request line and headers are too large together.
    HeadersTooLarge,
    /// The body is too large for the gateway.
    BodyTooLarge,
    /// The event is too large for a function.
    EventTooLarge,
    /// The function failed, or its answer cannot be used.
    Function,
    /// The function took too long.
    Timeout,
}

/// What the gateway says on its own, before the template's changes.
struct Words {
    response_type: &'static str,
    status: u16,
    error_type: &'static str,
    /// `None` is sent as null.
    message: Option<&'static str>,
}

impl Refusal {
    /// The reply, under the template's settings by response type; `grant` is what the authorizer has said
    /// of the caller, if it was asked.
    pub fn reply(
        self,
        responses: &BTreeMap<String, ResponseSettings>,
        request_id: &str,
        grant: Option<&Grant>,
    ) -> Reply {
        let words = self.words();
        let class = if words.status < 500 {
            "DEFAULT_4XX"
        } else {
            "DEFAULT_5XX"
        };
        let settings = responses
            .get(words.response_type)
            .or_else(|| responses.get(class))
            .cloned()
            .unwrap_or_default();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-amzn-requestid".to_owned(), request_id.to_owned()),
            ("x-amzn-errortype".to_owned(), words.error_type.to_owned()),
        ];
        let mut of_template = settings.headers;
        for (name, of) in settings.authorizer_headers {
            // What the authorizer did not say makes no header.
            let value = grant.and_then(|grant| grant.context.get(&of));
            of_template.extend(value.map(|value| (name, value.clone())));
        }
        // One of the template's replaces ours.
        headers.retain(|(name, _)| {
            let mut names = of_template.keys();
            !names.any(|other| other.eq_ignore_ascii_case(name))
        });
        headers.extend(of_template);
        let body = match settings.body {
            Some(template) => fill(&template, &words, request_id),
            None => self.default_body(&words).to_string(),
        };
        Reply {
            status: settings.status.unwrap_or(words.status),
            headers,
            body: body.into_bytes(),
        }
    }

    fn words(self) -> Words {
        let words = |response_type, status, error_type, message| Words {
            response_type,
            status,
            error_type,
            message,
        };
        match self {
            Self::NoRoute => words(
                "MISSING_AUTHENTICATION_TOKEN",
                403,
                "MissingAuthenticationTokenException",
                Some("Missing Authentication Token"),
            ),
            Self::Unauthorized => words(
                "UNAUTHORIZED",
                401,
                "UnauthorizedException",
                Some("Unauthorized"),
            ),
            Self::ExplicitlyDenied => words(
                "ACCESS_DENIED",
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource with an explicit deny"),
            ),
            Self::ImplicitlyDenied => words(
                "ACCESS_DENIED",
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource"),
            ),
            Self::Authorizer => words(
                "AUTHORIZER_CONFIGURATION_ERROR",
                500,
                "AuthorizerConfigurationException",
                None,
            ),
            Self::HeadersTooLarge => words(
                "DEFAULT_4XX",
                431,
                "RequestHeaderFieldsTooLargeException",
                Some("Request Header Fields Too Large"),
            ),
            Self::BodyTooLarge => words(
                "REQUEST_TOO_LARGE",
                413,
                "RequestTooLargeException",
                Some("HTTP content length exceeded 10485760 bytes."),
            ),
            Self::EventTooLarge => words(
                "REQUEST_TOO_LARGE",
                413,
                "BadRequestException",
                Some("Request Too Long"),
            ),
            Self::Function => words(
                "API_CONFIGURATION_ERROR",
                502,
                "InternalServerErrorException",
                Some("Internal server error"),
            ),
            Self::Timeout => words(
                "INTEGRATION_TIMEOUT",
                504,
                "InternalServerErrorException",
                Some("Endpoint request timed out"),
            ),
        }
    }

    /// A denial spells `Message` with a capital, as only a denial does.
    fn default_body(self, words: &Words) -> Value {
        if matches!(self, Self::ExplicitlyDenied | Self::ImplicitlyDenied) {
            json!({"Message": words.message})
        } else {
            json!({"message": words.message})
        }
    }
}

/// Fills in the variables that a gateway response may use.
fn fill(template: &str, words: &Words, request_id: &str) -> String {
    let quoted = json!(words.message).to_string();
    // The longer name first: the other is a part of it.
    template
        .replace("$context.error.messageString", &quoted)
        .replace("$context.error.message", words.message.unwrap_or_default())
        .replace("$context.error.responseType", words.response_type)
        .replace("$context.requestId", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(header: &str, body: Option<&str>, status: Option<u16>) -> ResponseSettings {
        let headers = BTreeMap::from([("WWW-Authenticate".to_owned(), header.to_owned())]);
        ResponseSettings {
            status,
            headers,
            body: body.map(str::to_owned),
            ..ResponseSettings::default()
        }
    }

    #[track_caller]
    fn check(refusal: Refusal, status: u16, body: &str) {
        let reply = refusal.reply(&BTreeMap::new(), "id", None);
        assert_eq!(
            (
                reply.status,
                String::from_utf8(reply.body).unwrap().as_str()
            ),
            (status, body)
        );
    }

    #[track_caller]
    fn check_settings(refusal: Refusal, status: u16, header: Option<&str>, body: &str) {
        let responses = BTreeMap::from([
            ("UNAUTHORIZED".to_owned(), settings("Bearer", None, None)),
            (
                "DEFAULT_4XX".to_owned(),
                settings(
                    "other",
                    Some(r#"{"m":$context.error.messageString}"#),
                    Some(400),
                ),
            ),
        ]);
        let reply = refusal.reply(&responses, "id", None);
        let found = reply
            .headers
            .iter()
            .find(|(name, _)| name == "WWW-Authenticate")
            .map(|(_, v)| v.as_str());
        assert_eq!((reply.status, found), (status, header));
        assert_eq!(String::from_utf8(reply.body).unwrap(), body);
    }

    #[test]
    fn the_words_are_those_of_a_rest_api() {
        check(
            Refusal::NoRoute,
            403,
            r#"{"message":"Missing Authentication Token"}"#,
        );
        check(Refusal::Unauthorized, 401, r#"{"message":"Unauthorized"}"#);
        check(
            Refusal::ImplicitlyDenied,
            403,
            r#"{"Message":"User is not authorized to access this resource"}"#,
        );
        check(
            Refusal::ExplicitlyDenied,
            403,
            r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
        );
        check(Refusal::Authorizer, 500, r#"{"message":null}"#);
        check(
            Refusal::BodyTooLarge,
            413,
            r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#,
        );
        check(
            Refusal::EventTooLarge,
            413,
            r#"{"message":"Request Too Long"}"#,
        );
        check(
            Refusal::Function,
            502,
            r#"{"message":"Internal server error"}"#,
        );
        check(
            Refusal::Timeout,
            504,
            r#"{"message":"Endpoint request timed out"}"#,
        );
    }

    #[test]
    fn a_response_of_its_own_goes_before_the_default_of_its_class() {
        check_settings(
            Refusal::Unauthorized,
            401,
            Some("Bearer"),
            r#"{"message":"Unauthorized"}"#,
        );
        check_settings(
            Refusal::NoRoute,
            400,
            Some("other"),
            r#"{"m":"Missing Authentication Token"}"#,
        );
        check_settings(Refusal::Authorizer, 500, None, r#"{"message":null}"#);
    }

    #[test]
    fn a_header_of_the_template_replaces_the_gateways() {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "text/plain".to_owned())]);
        let settings = ResponseSettings {
            headers,
            ..ResponseSettings::default()
        };
        let responses = BTreeMap::from([("UNAUTHORIZED".to_owned(), settings)]);
        let reply = Refusal::Unauthorized.reply(&responses, "id", None);
        let is_type = |name: &&str| name.eq_ignore_ascii_case("content-type");
        let types: Vec<_> = reply
            .headers
            .iter()
            .filter(|(name, _)| is_type(&name.as_str()))
            .collect();
        assert_eq!(
            types,
            [&("Content-Type".to_owned(), "text/plain".to_owned())]
        );
    }

    #[test]
    fn a_header_may_be_what_the_authorizer_says() {
        let headers = BTreeMap::from([("WWW-Authenticate".to_owned(), "challenge".to_owned())]);
        let settings = ResponseSettings {
            authorizer_headers: headers,
            ..ResponseSettings::default()
        };
        let responses = BTreeMap::from([("ACCESS_DENIED".to_owned(), settings)]);
        let challenge = |context: Value| {
            let document = json!({"Version": "2012-10-17", "Statement": []});
            let answer =
                json!({"principalId": "p", "policyDocument": document, "context": context});
            let grant = Grant::read(&answer).unwrap();
            let reply = Refusal::ImplicitlyDenied.reply(&responses, "id", Some(&grant));
            let mut headers = reply.headers.into_iter();
            let found = headers.find(|(name, _)| name == "WWW-Authenticate");
            found.map(|(_, value)| value)
        };
        let said = json!({"challenge": "Bearer error=\"e\""});
        assert_eq!(challenge(said).as_deref(), Some("Bearer error=\"e\""));
        assert_eq!(challenge(json!({"other": "x"})), None);
    }
}
