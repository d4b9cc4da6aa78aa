//! Handler arguments that require an authenticated caller.

use crate::{IncomingRequest, Problem};
use access::{Caller, Operation};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use std::marker::PhantomData;

/// The operation of a handler, as a type: the handler runs only for callers with its permission.
pub trait RequiredOperation: 'static {
    /// The operation.
    const OPERATION: Operation;
}

macro_rules! operations {
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

operations! {
    /// Reading.
    CanQuery = Query;
    /// Cancelling jobs.
    CanCancel = Cancel;
    /// Managing tenants.
    CanAdmin = Admin;
}

/// An authenticated caller with the permission for the operation of the handler. For requests without a body; a handler of
/// requests with one takes [`IncomingRequest`].
pub struct Authenticated<P = CanQuery>(pub Caller, PhantomData<P>);

impl<P> Authenticated<P> {
    /// The id of the tenant whose jobs the caller submits and sees.
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
