//! Requests that prove whose they are.
