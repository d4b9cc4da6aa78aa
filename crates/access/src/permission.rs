//! Operations of callers and permissions of tenants.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A kind of request, with its own permission and rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Submit one job.
    Generate,
    /// Submit several jobs at once.
    Batch,
    /// Query jobs and download results.
    Query,
    /// Cancel a job.
    Cancel,
    /// Manage tenants and their keys.
    Admin,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 5] = [Self::Generate, Self::Batch, Self::Query, Self::Cancel, Self::Admin];

    /// The operation's name, in keys, metrics and audit records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Batch => "batch",
            Self::Query => "query",
            Self::Cancel => "cancel",
            Self::Admin => "admin",
        }
    }

    /// The required permission.
    pub fn needs(self) -> Permission {
        match self {
            Self::Generate => Permission::Generate3d,
            Self::Batch => Permission::BatchGenerate,
            Self::Query => Permission::QueryStatus,
            Self::Cancel => Permission::Cancel,
            Self::Admin => Permission::Admin,
        }
    }
}

/// A permission of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Permission {
    /// Submit single jobs.
    #[serde(rename = "generate_3d")]
    Generate3d,
    /// Submit batches.
    #[serde(rename = "batch_generate")]
    BatchGenerate,
    /// Query jobs and download results.
    #[serde(rename = "query_status")]
    QueryStatus,
    /// Cancel jobs.
    #[serde(rename = "cancel")]
    Cancel,
    /// Manage tenants and their keys.
    #[serde(rename = "admin")]
    Admin,
}

/// Error: the text is not the name of a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission; the permissions are generate_3d, batch_generate, query_status, cancel, admin")]
pub struct InvalidPermission;

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 5] = [Self::Generate3d, Self::BatchGenerate, Self::QueryStatus, Self::Cancel, Self::Admin];

    /// The permission's name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate3d => "generate_3d",
            Self::BatchGenerate => "batch_generate",
            Self::QueryStatus => "query_status",
            Self::Cancel => "cancel",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text).ok_or(InvalidPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The permissions of a tenant. By default all except [`Permission::Admin`]. Unknown names, of a newer version, are
/// ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Whether the permission is granted.
    pub fn allow(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// The granted permissions, in order.
    pub fn iter(&self) -> impl Iterator<Item = Permission> {
        self.0.iter().copied()
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Permission::ALL.into_iter().filter(|&permission| permission != Permission::Admin).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for permission in Permission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        for operation in Operation::ALL {
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.as_str());
        }
        assert!("Admin".parse::<Permission>().is_err());
    }

    #[test]
    fn permissions_of_a_newer_version_are_ignored() {
        let stored: Permissions = serde_json::from_str(r#"["cancel", "texture", "admin"]"#).unwrap();
        assert_eq!(stored.iter().collect::<Vec<_>>(), [Permission::Cancel, Permission::Admin]);
    }

    #[test]
    fn administration_is_not_permitted_by_default() {
        let allowed = |operation: &Operation| Permissions::default().allow(operation.needs());
        assert!(Operation::ALL.iter().all(|operation| allowed(operation) == (*operation != Operation::Admin)));
    }
}
