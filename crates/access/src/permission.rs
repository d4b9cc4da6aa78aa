//! What a caller asks to do, and what a tenant may do.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A kind of request: permissions and rates are counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Submit one job.
    Generate,
    /// Submit several jobs at once.
    Batch,
    /// Ask after jobs, fetch results.
    Query,
    /// Withdraw a job.
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

    /// The permission that it needs.
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

/// One thing that a tenant may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Permission {
    /// Submit single jobs.
    #[serde(rename = "generate_3d")]
    Generate3d,
    /// Submit batches.
    #[serde(rename = "batch_generate")]
    BatchGenerate,
    /// Ask after jobs and fetch results.
    #[serde(rename = "query_status")]
    QueryStatus,
    /// Withdraw jobs.
    #[serde(rename = "cancel")]
    Cancel,
    /// Manage tenants and their keys.
    #[serde(rename = "admin")]
    Admin,
}

/// A text that names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no permission; the permissions are generate_3d, batch_generate, query_status, cancel, admin")]
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

/// All that a tenant may do. By default everything but to manage tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Whether this is among them.
    pub fn allow(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Permission> {
        self.0.iter().copied()
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
    fn nobody_manages_tenants_by_default() {
        let allowed = |operation: &Operation| Permissions::default().allow(operation.needs());
        assert!(Operation::ALL.iter().all(|operation| allowed(operation) == (*operation != Operation::Admin)));
    }
}
