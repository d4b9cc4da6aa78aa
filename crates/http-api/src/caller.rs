//! The right to be in a handler.

use crate::{IncomingRequest, Problem};
use access::{Caller, Operation};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use std::marker::PhantomData;

/// What a handler does, as a type, so that nobody is in it without the permission.
pub trait RequiredOperation: 'static {
    /// The operation.
    const OPERATION: Operation;
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident = $operation:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl RequiredOperation for $name {
                const OPERATION: Operation = Operation::$operation;
            }
        )*
    };
}

purposes! {
    /// To ask after something.
    CanQuery = Query;
    /// To withdraw a job.
    CanCancel = Cancel;
    /// To manage tenants.
    CanAdmin = Admin;
}

/// A caller whose identity is proven and who may do what this handler does. A handler that takes one cannot be reached
/// without. It is for requests without a body; those that have one take [`IncomingRequest`].
pub struct Authenticated<P = CanQuery>(pub Caller, PhantomData<P>);

impl<P> Authenticated<P> {
    /// Whose jobs the caller submits and sees.
    pub fn owner(&self) -> &str {
        self.0.tenant.id.as_str()
    }

    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.0
    }
}

impl<P: RequiredOperation> FromRequest for Authenticated<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let incoming = IncomingRequest::from_request(request, payload);
        Box::pin(async move { Ok(Self(incoming.await?.without_body(P::OPERATION).await?, PhantomData)) })
    }
}
