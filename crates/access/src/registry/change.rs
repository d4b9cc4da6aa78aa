//! Changes to existing tenants.

use super::Registry;
use super::manage::{check_name, json};
use crate::{Error, Tenant, TenantId};

/// Attempts while other processes change the same tenant.
const ATTEMPTS: u32 = 8;

impl Registry {
    /// Revokes a tenant with immediate effect: none of its keys is accepted.
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

    /// Changes a tenant, effective from its next request. `change` may be called several times, each time with the
    /// current value. Id and class cannot be changed.
    ///
    /// # Errors
    /// The error of `change`, [`Error::UnknownTenant`], [`Error::NameTaken`], [`Error::Invalid`] for invalid properties, and
    /// [`Error::Contended`] if other processes keep changing the tenant.
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
            match self.connections.script::<i8>(&call).await? {
                1 => return Ok(after.resolve(self.defaults())),
                -1 => return Err(Error::NameTaken(after.name)),
                _ => {}
            }
        }
        Err(Error::Contended(format!("the tenant {tenant}")))
    }
}
