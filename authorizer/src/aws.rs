//! What is asked of AWS, and what its answers mean. Who asks, and the signature, is `aws-requests`'s.

pub(crate) mod dynamodb;
pub(crate) mod s3;

use aws_requests::{Account, Reach, RequestError};
use thiserror::Error;

use crate::exchange::ExchangeError;
use crate::http::{CONNECT_TIMEOUT, EXCHANGE_TIMEOUT};

/// Why AWS has not answered.
#[derive(Debug, Error)]
pub(crate) enum AwsError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("AWS has not answered")]
    Exchange(#[from] ExchangeError),
    #[error("AWS answers with status {0} and `{1}`")]
    Refused(u16, String),
    #[error("AWS does not answer in the documented shape")]
    Shape,
    #[error("AWS has answered about some of the keys only")]
    Partial,
}

/// As whom AWS is asked: an emulator alone may stand in its place, for whoever can set another address reads what
/// is sent.
pub(crate) fn account(
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> Option<Account> {
    let reach = Reach {
        endpoints: &["AWS_ENDPOINT_URL"],
        anywhere: false,
        connect_timeout: CONNECT_TIMEOUT,
        timeout: EXCHANGE_TIMEOUT,
    };
    Account::load(lookup, reach, problems)
}
