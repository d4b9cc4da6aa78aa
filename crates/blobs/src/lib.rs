//! Images in, meshes out: bytes that are named by their content.
//!
//! A blob's name is the SHA-256 of its bytes ([`BlobId`]), so the same bytes are stored once, writing them twice is
//! harmless, and a reader can tell whether it got what was written. A blob never changes; it is there as a whole or not
//! at all. In the store it lies at `ab/cd/abcd…` (two levels of directories from the id's first digits). Nothing else
//! from a client ever becomes part of a path: a [`BlobId`] that exists is 64 hex digits.
//!
//! The store is a local directory, or one shared by several machines; see [`BlobOptions`]. Behind it stands
//! `object_store`: a further kind of store is one more arm in `store.rs`.
//!
//! Blobs are not counted by reference. Each [`put`](Blobs::put) makes a blob new again, and
//! [`remove_older_than`](Blobs::remove_older_than) takes those away that nobody has put for longer than results are
//! kept.

mod blobs;
mod error;
mod options;
mod store;

pub use blobs::{Blobs, Removed};
pub use domain::BlobId;
pub use error::Error;
pub use options::BlobOptions;
