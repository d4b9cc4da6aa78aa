//! Changing a tenant that is there.

use super::Registry;
use super::manage::{check_name, json};
use crate::{Error, Tenant, TenantId};

/// Attempts to change a tenant that others change too.
const ATTEMPTS: u32 = 8;

impl Registry {
    /// Revokes a tenant, at once: none of its keys is let in any more.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`].
    pub async fn revoke(&self, tenant: &TenantId) -> Result<Tenant, Error> {
        let disable = |tenant: &mut Tenant| {
            tenant.disabled = true;
            Ok(())
        };
        self.change(tenant, disable).await
    }

    /// Changes a tenant, from its next request on; `change` may be called several times, each time with what is there.
    /// Id and class stay.
    ///
    /// # Errors
    /// What `change` fails of, [`Error::UnknownTenant`], [`Error::NameTaken`], [`Error::Invalid`] when it cannot be as
    /// asked for, and [`Error::Contended`] when others change it all the time.
    pub async fn change(
        &self,
        tenant: &TenantId,
        change: impl Fn(&mut Tenant) -> Result<(), Error>,
    ) -> Result<Tenant, Error> {
        for _ in 0..ATTEMPTS {
            let (_, before, _) = self.read(tenant.as_str()).await?;
            let before = before.ok_or_else(|| Error::UnknownTenant(tenant.to_string()))?;
            let found = self.tenant(&before)?;
            let mut after = found.clone();
            change(&mut after)?;
            (after.id, after.class) = (found.id, found.class);
            if after.name != found.name {
                after.name = check_name(&after.name)?.to_owned();
            }
            after.overrides.check()?;
            let mut call = self.keys.call(&self.scripts.replace);
            call.arg(tenant.as_str()).arg(&before).arg(json(&after)?).arg(&found.name).arg(&after.name);
            match self.line.script::<i8>(&call).await? {
                1 => return Ok(after.resolve(self.defaults())),
                -1 => return Err(Error::NameTaken(after.name)),
                _ => {}
            }
        }
        Err(Error::Contended(format!("the tenant {tenant}")))
    }
}
