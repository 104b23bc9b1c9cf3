//! `tollgate dev`: starts everything, says how to use it, and stops everything. What is wrong is
//! reported together, before anything is served.

mod announcement;
mod example;
mod settings;

use std::future::Future;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Environment;
use crate::cli::DevOptions;
use crate::functions::{AuthorizerBackend, Invocation, ModelBackend, print_log};
use crate::gateway::{self, Functions, Gateway};
use crate::issuer::{self, Issuer, KeyError};
use crate::template::{TEMPLATE, Template, TemplateError};
use crate::web::{SafeUrl, UrlError, WebError};
use announcement::Announcement;
use example::Example;
use settings::Settings;

/// How long calls in flight may take to finish when everything stops.
const GRACE: Duration = Duration::from_secs(3);

/// One thing that keeps it all from starting.
#[derive(Debug, Error)]
pub enum Problem {
    /// A port is taken.
    #[error(
        "port {port} is in use: stop what listens there, or choose another with `{option}` (0 for any)"
    )]
    PortInUse {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
    },
    /// A port cannot be opened for another reason.
    #[error("port {port} cannot be opened")]
    Port {
        /// The port.
        port: u16,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The template built in cannot be served.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// How long the gateway is to remember answers.
    #[error("the environment variable `AUTHORIZER_TTL` must be a number of seconds, is `{value}`")]
    AuthorizerTtl {
        /// What it says.
        value: String,
    },
    /// An option for a function that does not run here.
    #[error(
        "`{option}` does nothing for a function that runs elsewhere: leave it out, and set `{variable}` there"
    )]
    Unused {
        /// The option.
        option: &'static str,
        /// What the function itself goes by.
        variable: &'static str,
    },
    /// The embedded issuer has no key.
    #[error("the issuer cannot start")]
    Issuer(#[from] KeyError),
    /// The authorizer's configuration.
    #[error(transparent)]
    AuthorizerConfig(#[from] authorizer::ConfigError),
    /// The authorizer's start.
    #[error("the authorizer does not start")]
    Authorizer(#[from] authorizer::StartError),
    /// The model function's configuration.
    #[error(transparent)]
    ModelConfig(#[from] model_fn::ConfigError),
    /// The model function's start.
    #[error("the model function does not start")]
    Model(#[from] model_fn::StartError),
    /// A start panicked.
    #[error("a function panicked while it started")]
    Panicked(#[from] tokio::task::JoinError),
    /// A function's URL.
    #[error("a function's URL cannot be used")]
    Url(#[from] UrlError),
    /// No HTTP client for a function.
    #[error("no HTTP client can be made")]
    Client(#[from] WebError),
    /// Signals or standard output.
    #[error("the process cannot run")]
    Process(#[from] io::Error),
}

/// Runs until Ctrl-C or SIGTERM.
pub async fn run(options: &DevOptions, environment: Environment<'_>) -> Result<(), Vec<Problem>> {
    // Before anything listens: a signal must never find its default in place.
    let mut stopped = pin!(stop_signal().map_err(|error| vec![error.into()])?);
    let mut problems = Vec::new();
    let (stop, stopping) = watch::channel(false);
    let parts = tokio::select! {
        parts = start(options, environment, &stopping, &mut problems) => parts,
        // An issuer far away can keep the start waiting, but not the user.
        () = &mut stopped => return Ok(()),
    };
    let Some((announcement, servers)) = parts.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    announce(&announcement).map_err(|error| vec![error.into()])?;
    stopped.await;
    stop.send_replace(true);
    for server in servers {
        // What has not finished by then is cut off: the user wants it to end.
        let _ = timeout(GRACE, server).await;
    }
    Ok(())
}

type Server = JoinHandle<()>;

async fn start(
    options: &DevOptions,
    environment: Environment<'_>,
    stopping: &watch::Receiver<bool>,
    problems: &mut Vec<Problem>,
) -> Option<(Announcement, Vec<Server>)> {
    // Built in: without it there is nothing to look at.
    let mut template = keep(Template::read(TEMPLATE), problems)?;
    let listener = keep(listen(options.port, "--port").await, problems);
    let mut servers = Vec::new();
    let issuer = match &options.issuer {
        Some(url) => url.to_string(),
        None => match keep(start_issuer(options, stopping).await, problems) {
            Some((server, url)) => {
                servers.push(server);
                url
            }
            // Enough to find out what else is wrong.
            None => format!("http://{}:{}", Ipv4Addr::LOCALHOST, options.issuer_port),
        },
    };
    let settings = Settings {
        options,
        environment,
        template: &template,
        gateway: listener.as_ref().map(|(_, url)| url.clone()),
        issuer,
    };
    let functions = functions(&settings, problems).await;
    let ttl = keep(settings.authorizer_ttl(), problems);
    let (listener, url) = listener?;
    let functions = functions?;
    let announcement = settings.announcement(url, example(&settings, &functions.model).await);
    template.authorizer.ttl = ttl?;
    template.authorizer.kind = options.authorizer_type.unwrap_or(template.authorizer.kind);
    let gateway = Arc::new(Gateway::new(template, functions));
    servers.push(serve(listener, gateway::server::router(gateway), stopping));
    Some((announcement, servers))
}

/// Starts the embedded issuer; answers its URL.
async fn start_issuer(
    options: &DevOptions,
    stopping: &watch::Receiver<bool>,
) -> Result<(Server, String), Problem> {
    let (listener, url) = listen(options.issuer_port, "--issuer-port").await?;
    let issuer = Issuer::new(url.clone(), settings::audience(options))?;
    Ok((
        serve(listener, issuer::router(Arc::new(issuer)), stopping),
        url,
    ))
}

/// Notes what went wrong, so that the next thing can be tried as well.
fn keep<T, E: Into<Problem>>(result: Result<T, E>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|error| problems.push(error.into())).ok()
}

async fn listen(port: u16, option: &'static str) -> Result<(TcpListener, String), Problem> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            Problem::PortInUse { port, option }
        } else {
            Problem::Port { port, source }
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{address}")))
}

fn serve(listener: TcpListener, router: Router, stopping: &watch::Receiver<bool>) -> Server {
    let mut stopping = stopping.clone();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        let stop = async move {
            // The sender is gone only when the process ends: that is a stop, too.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, service)
            .with_graceful_shutdown(stop)
            .await
        {
            eprintln!("error: {error}");
        }
    })
}

/// Starts both at once; each tells its own problems.
async fn functions(settings: &Settings<'_>, problems: &mut Vec<Problem>) -> Option<Functions> {
    let (authorizer, model) = tokio::join!(start_authorizer(settings), start_model(settings));
    let (authorizer, model) = (keep(authorizer, problems), keep(model, problems));
    Some(Functions {
        authorizer: authorizer?,
        model: model?,
    })
}

async fn start_authorizer(settings: &Settings<'_>) -> Result<AuthorizerBackend, Problem> {
    if let Some(url) = settings.authorizer_url()? {
        let access = settings.options.access.as_deref();
        settings.check_unused("--access", access, "ACCESS_FILE")?;
        return Ok(AuthorizerBackend::Remote(Invocation::new(url)?));
    }
    let config = authorizer::Config::load(settings.authorizer_variables())?;
    let authorizer = authorizer::Authorizer::start(config).await?;
    print_log(&authorizer.log);
    Ok(AuthorizerBackend::InProcess(Arc::new(authorizer)))
}

async fn start_model(settings: &Settings<'_>) -> Result<ModelBackend, Problem> {
    if let Some(url) = settings.model_url()? {
        let models = settings.options.models.as_deref();
        settings.check_unused("--models", models, "MODEL_SOURCE")?;
        return Ok(ModelBackend::Remote(Invocation::new(url)?));
    }
    let config = model_fn::Config::load(settings.model_variables())?;
    // Loading is work for the processor: the issuer must go on answering meanwhile.
    let start = tokio::task::spawn_blocking(|| model_fn::ModelFunction::start(config));
    let function = start.await??;
    print_log(function.start_log());
    Ok(ModelBackend::InProcess(Arc::new(function)))
}

/// What to call first.
async fn example(settings: &Settings<'_>, model: &ModelBackend) -> Example {
    match model {
        ModelBackend::InProcess(function) => {
            let (function, folder) = (Arc::clone(function), settings.models());
            // Models are run to find out.
            let found = tokio::task::spawn_blocking(move || example::find(&function, &folder));
            found.await.unwrap_or(Example::Models)
        }
        ModelBackend::Remote(_) => settings.guess(),
    }
}

fn announce(announcement: &Announcement) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{announcement}")?;
    stdout.flush()
}

/// Ends at Ctrl-C or SIGTERM. The handlers are in place when this returns.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("error: {error}");
        }
    })
}

/// The URL of a function behind a Lambda Invoke API.
fn invocation_url(api: &SafeUrl, function: &str) -> Result<SafeUrl, UrlError> {
    api.join(&format!("2015-03-31/functions/{function}/invocations"))
}
