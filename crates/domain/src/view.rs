//! The views of an object that a multi-view model is conditioned on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The side of the object that an image shows: the front, then a quarter turn clockwise each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// From the front.
    #[default]
    Front,
    /// From the left.
    Left,
    /// From behind.
    Back,
    /// From the right.
    Right,
}

impl View {
    /// All views, in the order of their slots.
    pub const ALL: [View; 4] = [View::Front, View::Left, View::Back, View::Right];

    /// Index of the view's row in a model's table of view embeddings.
    pub fn slot(self) -> i64 {
        self as i64
    }

    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            View::Front => "front",
            View::Left => "left",
            View::Back => "back",
            View::Right => "right",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a view: use front, left, back or right")]
pub struct UnknownView;

impl FromStr for View {
    type Err = UnknownView;

    fn from_str(text: &str) -> Result<Self, UnknownView> {
        Self::ALL.into_iter().find(|view| view.as_str() == text).ok_or(UnknownView)
    }
}
