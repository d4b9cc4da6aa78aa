//! Pages for people: `GET /`, and the documentation that this build was made with.

mod documentation;
mod front_page;

pub(crate) use documentation::documentation;
pub(crate) use front_page::{FrontPage, front};
