//! A person at a browser, as far as Keycloak's pages need one: follows redirects, keeps cookies and
//! fills in forms.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::http::{self, Reply};

/// More pages than signing in takes.
const MAX_PAGES: usize = 10;

/// A browser without a past.
#[derive(Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
    /// Where nobody answers: a redirect to there is the last page.
    until: Option<String>,
}

impl Browser {
    /// A browser that stops at an application's own address, and has that for its page.
    pub fn until(address: &str) -> Self {
        Self {
            cookies: BTreeMap::new(),
            until: Some(address.to_owned()),
        }
    }

    /// Opens a page, signs in where it asks for that, and agrees to everything; gives the last page.
    pub fn sign_in(&mut self, url: &str, user: &str, password: &str) -> Result<String> {
        let mut page = self.open("GET", url, &[])?;
        for _ in 0..MAX_PAGES {
            let Some(action) = between(&page, " action=\"", "\"") else {
                return Ok(page);
            };
            let action = action.replace("&amp;", "&");
            let consent = between(&page, "name=\"code\" value=\"", "\"").unwrap_or_default();
            let answers = if page.contains("name=\"password\"") {
                [("username", user), ("password", password)]
            } else {
                [("code", consent), ("accept", "Yes")]
            };
            page = self.open("POST", &absolute(url, &action)?, &answers)?;
        }
        anyhow::bail!("more than {MAX_PAGES} pages: {page}")
    }

    fn open(&mut self, method: &str, url: &str, form: &[(&str, &str)]) -> Result<String> {
        let mut reply = self.send(method, url, form)?;
        for _ in 0..MAX_PAGES {
            let Some(location) = reply.header("location") else {
                return Ok(reply.expect(200)?.body);
            };
            if self
                .until
                .as_ref()
                .is_some_and(|until| location.starts_with(until))
            {
                return Ok(location.to_owned());
            }
            reply = self.send("GET", &absolute(url, location)?, &[])?;
        }
        anyhow::bail!("`{url}` redirects for ever")
    }

    fn send(&mut self, method: &str, url: &str, form: &[(&str, &str)]) -> Result<Reply> {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = http::request(method, url)?.header("cookie", pairs.join("; "));
        let reply = http::send(if form.is_empty() {
            request
        } else {
            request.form(form)
        })?;
        ensure!(
            reply.status < 400,
            "`{url}`: {} {}",
            reply.status,
            reply.body
        );
        for cookie in reply.headers.get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("not a cookie")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(reply)
    }
}

fn absolute(base: &str, location: &str) -> Result<String> {
    Ok(reqwest::Url::parse(base)?.join(location)?.to_string())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
