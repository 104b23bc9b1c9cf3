//! What is under a prefix: `ListObjectsV2`, page after page.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use reqwest::{Response, StatusCode};

use super::{Bucket, FetchError};

/// Most objects that are read: a thousand models of ten files.
pub(super) const MOST_OBJECTS: usize = 10_000;

/// Most pages: a store may answer with short ones, but not for ever.
const MOST_PAGES: usize = 1000;

/// Most bytes of all objects: what the largest ephemeral storage of a function has.
pub(super) const MOST_BYTES: u64 = 10_240 << 20;

/// Of a page of a thousand keys as long as keys can be, escaped.
const LONGEST_PAGE: usize = 8 << 20;

/// Of an error's document.
const LONGEST_ERROR: usize = 64 << 10;

/// Longest name of a file or folder on Linux.
const LONGEST_NAME: usize = 255;

/// What the list is called in errors.
const LIST: &str = "the list of objects";

/// An object that is a file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its key behind the prefix.
    pub(super) path: String,
    pub(super) etag: String,
    pub(super) bytes: u64,
}

/// One page of the list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    objects: Vec<Object>,
    next: Option<String>,
}

impl Bucket {
    /// The files of models, by their paths. Folders that begin with `.` or `_` hold none, and neither do files that
    /// lie in no folder.
    pub(super) async fn list(&self, clock: fn() -> SystemTime) -> Result<Vec<Object>, FetchError> {
        let (mut objects, mut listed, mut next) = (Vec::new(), 0, None);
        for pages in 1.. {
            let page = self.page(next.as_deref(), clock).await?;
            listed += page.objects.len();
            if listed > MOST_OBJECTS {
                return Err(FetchError::TooMany);
            }
            let found = page.objects.into_iter();
            let found = found.filter_map(|object| self.file(object).transpose());
            objects.extend(found.collect::<Result<Vec<_>, _>>()?);
            match page.next {
                Some(token) if next.as_ref() == Some(&token) || pages == MOST_PAGES => {
                    return Err(FetchError::Shape(LIST.to_owned()));
                }
                Some(token) => next = Some(token),
                None => break,
            }
        }
        let bytes = objects.iter().map(|object| object.bytes);
        if bytes.fold(0, u64::saturating_add) > MOST_BYTES {
            return Err(FetchError::TooLarge);
        }
        objects.sort_by(|one, other| one.path.cmp(&other.path));
        if objects.is_empty() {
            return Err(FetchError::Empty(self.name.clone(), self.prefix.clone()));
        }
        Ok(objects)
    }

    async fn page(
        &self,
        token: Option<&str>,
        clock: fn() -> SystemTime,
    ) -> Result<Page, FetchError> {
        let token = token.map(|token| format!("continuation-token={}&", escaped(token, false)));
        let query = format!(
            "{}list-type=2&prefix={}",
            token.unwrap_or_default(),
            escaped(&self.prefix, false)
        );
        let unanswered =
            |error: reqwest::Error| FetchError::Unanswered(LIST.to_owned(), error.without_url());
        let mut tries = super::parts::Tries::default();
        let response = loop {
            let request = self.get("", Some(&query), Vec::new(), clock())?;
            match request.send().await {
                Ok(response) if response.status() == StatusCode::OK => break response,
                Ok(response) => {
                    let error = self.refused(response, LIST, "s3:ListBucket").await;
                    tries.after(error).await?;
                }
                Err(error) => tries.after(unanswered(error)).await?,
            }
        };
        let body = body(response, LONGEST_PAGE).await.map_err(unanswered)?;
        let shape = || FetchError::Shape(LIST.to_owned());
        Page::read(&body.ok_or_else(shape)?).ok_or_else(shape)
    }

    /// The object with its path behind the prefix, if it is a file of a model.
    fn file(&self, object: Object) -> Result<Option<Object>, FetchError> {
        let Some(path) = object.path.strip_prefix(&self.prefix) else {
            return Err(FetchError::Shape(LIST.to_owned()));
        };
        let model = path.split_once('/').map(|(model, _)| model);
        let is_of_model = model.is_some_and(|model| !model.starts_with(['.', '_']));
        // Consoles make objects that stand for folders.
        if !is_of_model || (path.ends_with('/') && object.bytes == 0) {
            return Ok(None);
        }
        if !path.split('/').all(is_name) {
            return Err(FetchError::Key(object.path));
        }
        let path = path.to_owned();
        Ok(Some(Object { path, ..object }))
    }

    /// What S3 says with a status that is no success.
    pub(super) async fn refused(
        &self,
        response: Response,
        what: &str,
        action: &'static str,
    ) -> FetchError {
        let status = response.status().as_u16();
        let region = response.headers().get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok());
        let region = region.map(str::to_owned);
        let document = body(response, LONGEST_ERROR).await.ok().flatten();
        let code = document.and_then(|document| error_code(&document));
        let code = code.unwrap_or_else(|| "no code".to_owned());
        match (status, region) {
            // Signed before the sandbox was frozen: the next time is signed anew.
            (_, _) if ["RequestTimeTooSkewed", "RequestTimeout"].contains(&code.as_str()) => {
                FetchError::Late(what.to_owned())
            }
            (301 | 307 | 400, Some(region)) => FetchError::Region(region),
            (401 | 403, _) => FetchError::Denied {
                what: what.to_owned(),
                action,
                code,
            },
            (404, _) if code == "NoSuchBucket" => FetchError::NoBucket(self.name.clone()),
            (_, _) => FetchError::Refused {
                what: what.to_owned(),
                status,
                code,
            },
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_fit = |character: char| !character.is_control() && character != '\\';
    !["", ".", ".."].contains(&name) && name.len() <= LONGEST_NAME && name.chars().all(is_fit)
}

/// The body, unless it is longer.
async fn body(mut response: Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > longest {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

/// All but unreserved characters escaped, as signatures have it; slashes too, where they do not part a path.
pub(super) fn escaped(text: &str, is_path: bool) -> String {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/')
    };
    let escape = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

impl Page {
    /// Reads the document; nothing where it is none, or lacks something.
    fn read(document: &[u8]) -> Option<Self> {
        let mut page = Self::default();
        let (mut object, mut is_truncated, mut is_list) = (Fields::default(), false, false);
        each_text(document, |path, text| {
            let ["ListBucketResult", rest @ ..] = path else {
                return Some(());
            };
            is_list = true;
            match rest {
                ["Contents", "Key"] => object.key = Some(text.to_owned()),
                ["Contents", "ETag"] => object.etag = Some(text.to_owned()),
                ["Contents", "Size"] => object.bytes = text.parse().ok(),
                ["Contents"] => page.objects.push(std::mem::take(&mut object).object()?),
                ["IsTruncated"] => is_truncated = text == "true",
                ["NextContinuationToken"] => page.next = Some(text.to_owned()),
                _ => {}
            }
            Some(())
        })?;
        let is_whole = is_truncated == page.next.is_some();
        (is_list && is_whole).then_some(page)
    }
}

/// The fields of one object, as far as they have come.
#[derive(Default)]
struct Fields {
    key: Option<String>,
    etag: Option<String>,
    bytes: Option<u64>,
}

impl Fields {
    fn object(self) -> Option<Object> {
        Some(Object {
            path: self.key?,
            etag: self.etag.filter(|etag| !etag.is_empty())?,
            bytes: self.bytes?,
        })
    }
}

fn error_code(document: &[u8]) -> Option<String> {
    let mut code = None;
    each_text(document, |path, text| {
        if let ["Error", "Code"] = path {
            code = Some(text.chars().take(100).collect());
        }
        Some(())
    })?;
    code
}

/// Deepest nesting of S3's documents, and a few.
const DEEPEST: usize = 8;

/// Hands over the text of each element at its end, with the names on the way to it. Nothing where that is no XML, or
/// the reader of it wants no more.
fn each_text(document: &[u8], mut read: impl FnMut(&[&str], &str) -> Option<()>) -> Option<()> {
    let document = std::str::from_utf8(document).ok()?;
    let mut reader = Reader::from_str(document);
    let (mut path, mut text): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(
                    std::str::from_utf8(start.local_name().as_ref())
                        .ok()?
                        .to_owned(),
                );
                text.clear();
                if path.len() > DEEPEST {
                    return None;
                }
            }
            Event::Empty(_) => {}
            Event::Text(part) => text.push_str(&part.decode().ok()?),
            Event::GeneralRef(name) => {
                let name = format!("&{};", name.decode().ok()?);
                text.push_str(&unescape(&name).ok()?);
            }
            Event::End(_) => {
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                read(&names, &text)?;
                path.pop();
                text.clear();
            }
            Event::Eof => return path.is_empty().then_some(()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::CData(_) | Event::DocType(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(contents: &str, rest: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>b</Name><Prefix>p/</Prefix><KeyCount>1</KeyCount>{contents}{rest}<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes></ListBucketResult>"
        )
    }

    const ONE: &str = "<Contents><Key>p/a &amp; b/1/model.onnx</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                       <ETag>&quot;abc-2&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>";

    #[track_caller]
    fn check(text: &str, objects: usize, next: Option<&str>) {
        let object = Object {
            path: "p/a & b/1/model.onnx".to_owned(),
            etag: "\"abc-2\"".to_owned(),
            bytes: 7,
        };
        let expected = Page {
            objects: vec![object; objects],
            next: next.map(str::to_owned),
        };
        assert_eq!(Page::read(text.as_bytes()), Some(expected), "{text}");
    }

    #[test]
    fn a_page_has_objects_and_says_whether_there_are_more() {
        let last = "<IsTruncated>false</IsTruncated>";
        check(&document("", last), 0, None);
        check(&document(ONE, last), 1, None);
        let more =
            "<IsTruncated>true</IsTruncated><NextContinuationToken>a+b/==</NextContinuationToken>";
        let two = format!("{ONE}{ONE}");
        check(&document(&two, more), 2, Some("a+b/=="));
    }

    #[test]
    fn what_is_no_page_is_none() {
        let last = "<IsTruncated>false</IsTruncated>";
        let odd = [
            String::new(),
            "{}".to_owned(),
            "<Error><Code>AccessDenied</Code></Error>".to_owned(),
            document(ONE, "<IsTruncated>true</IsTruncated>"),
            document(&ONE.replace("<Size>7</Size>", ""), last),
            document(&ONE.replace("<Size>7<", "<Size>-7<"), last),
            document(&ONE.replace("&quot;abc-2&quot;", ""), last),
            document(&ONE.replace("&amp;", "&unknown;"), last),
            document(ONE, last).replace("</ListBucketResult>", ""),
            document(&"<a>".repeat(9), &"</a>".repeat(9)),
        ];
        for text in odd {
            assert_eq!(Page::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_error_has_a_code() {
        let text =
            "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>m</Message></Error>";
        assert_eq!(error_code(text.as_bytes()).as_deref(), Some("NoSuchBucket"));
        assert_eq!(error_code(b"<Error></Error>"), None);
        assert_eq!(error_code(b"no XML <"), None);
    }

    #[test]
    fn a_key_is_a_path_that_stays_in_its_folder() {
        for name in ["model.onnx", "onnx::MatMul_1", "ä b+c", &"x".repeat(255)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a\\b", "a\u{0}b", "a\nb", &"x".repeat(256)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn everything_is_escaped_that_is_not_plain() {
        assert_eq!(escaped("a/b c+ä~", true), "a/b%20c%2B%C3%A4~");
        assert_eq!(escaped("a/b=", false), "a%2Fb%3D");
    }
}
