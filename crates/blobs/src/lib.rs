//! The blob store: images in, meshes out, as files that are named by their content.
//!
//! The name of a blob is the SHA-256 of its bytes ([`BlobId`]), so equal bytes are stored once, writing them twice is
//! harmless, and a reader can verify what it got. A blob never changes; it exists completely or not at all. In the store
//! it lies at `ab/cd/abcd…` (two levels of directories from the first digits of the id). A [`BlobId`] is always 64 hex
//! digits, and nothing else from a client becomes part of a path.
//!
//! The store is a local directory, or one that several machines share; see [`BlobOptions`]. It is accessed through
//! `object_store`: another kind of store is one more arm in `store.rs`, if its `rename` keeps the modification time
//! (see `collect.rs`).
//!
//! Blobs are not counted by reference. Each [`put`](Blobs::put) resets the age of a blob, and
//! [`collect_garbage`](Blobs::collect_garbage) deletes old blobs that the caller knows no reference to.

mod blobs;
mod collect;
mod error;
mod options;
mod reader;
mod store;

pub use blobs::Blobs;
pub use collect::Collected;
pub use domain::BlobId;
pub use error::Error;
pub use options::BlobOptions;
pub use reader::BlobReader;
