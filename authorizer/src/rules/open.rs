//! The routes that are open to a caller, until when, and the globs that say so.

use std::sync::Arc;

use crate::pattern::RoutePattern;

/// A pattern with its globs over `METHOD/path`, made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The routes.
    pub pattern: RoutePattern,
    /// Globs that match these routes, and more.
    pub allow: Vec<String>,
    /// Globs that match what `allow` matches beyond these routes.
    pub deny: Vec<String>,
}

/// Routes of one pattern, open for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRoute {
    /// Which.
    pub route: Arc<Route>,
    /// When they close, in seconds since 1970.
    pub until: u64,
    /// From when its `deny` counts, if not at once: a wider pattern that closes earlier has until then
    /// denied all that is not open, and some of what this one would deny is still open by it.
    pub denied_from: Option<u64>,
}

/// The routes that a caller may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRoutes {
    /// None of them is covered by another that lasts as long.
    pub routes: Vec<OpenRoute>,
    /// The numbers of the rules that hold, from 1.
    pub rules: Vec<usize>,
    /// Shadowed rules by number, with the routes that they open to everybody.
    pub(super) shadows: Vec<(usize, Vec<Arc<Route>>)>,
    /// What would be open if all rules were enforced. Empty where all are.
    pub(super) earned: Vec<OpenRoute>,
}

impl Route {
    pub(crate) fn new(pattern: RoutePattern) -> Self {
        let mut deny = Vec::new();
        for glob in pattern.deny_globs() {
            if !deny.contains(&glob) {
                deny.push(glob);
            }
        }
        Self {
            allow: pattern.allow_globs(),
            deny,
            pattern,
        }
    }
}

impl OpenRoute {
    fn outlasts(&self, other: &Self) -> bool {
        self.until >= other.until && self.covers(other)
    }

    fn covers(&self, other: &Self) -> bool {
        self.route.pattern.covers(&other.route.pattern)
    }
}

impl OpenRoutes {
    /// These routes alone, until this time.
    pub(crate) fn of(patterns: &[RoutePattern], until: u64) -> Self {
        let open = patterns.iter().map(|pattern| OpenRoute {
            route: Arc::new(Route::new(pattern.clone())),
            until,
            denied_from: None,
        });
        Self {
            routes: open.collect(),
            ..Self::default()
        }
    }

    /// True if this route (`METHOD/path`) is open.
    pub fn contain(&self, route: &str) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|open| open.route.pattern.matches(route))
    }

    /// The numbers of the shadowed rules without which this route would be closed, from 1.
    pub fn owed_to_shadows(&self, route: &str) -> Vec<usize> {
        let mut earned = self.earned.iter();
        if earned.any(|open| open.route.pattern.matches(route)) {
            return Vec::new();
        }
        let opens = |routes: &[Arc<Route>]| routes.iter().any(|open| open.pattern.matches(route));
        let shadows = self.shadows.iter();
        let opening = shadows.filter(|(_, routes)| opens(routes));
        opening.map(|(number, _)| *number).collect()
    }

    /// Drops what is covered for as long as it lasts, and sets the beginnings of what is denied.
    pub(super) fn merge(&mut self) {
        let mut kept: Vec<OpenRoute> = Vec::new();
        for open in std::mem::take(&mut self.routes) {
            if kept.iter().any(|wide| wide.outlasts(&open)) {
                continue;
            }
            kept.retain(|narrow| !open.outlasts(narrow));
            kept.push(open);
        }
        // A pattern that still covers another ends earlier.
        let last_wide = |narrow: &OpenRoute| {
            let wide = kept.iter().filter(|wide| wide.until < narrow.until);
            let wide = wide.filter(|wide| wide.covers(narrow));
            wide.map(|wide| wide.until).max()
        };
        let denied_from: Vec<_> = kept.iter().map(last_wide).collect();
        for (open, from) in kept.iter_mut().zip(denied_from) {
            open.denied_from = from;
        }
        self.routes = kept;
    }
}
