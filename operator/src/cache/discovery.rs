//! Which optional kinds the cluster has. Asked at the start and again every few minutes, since an operator such as KEDA
//! may come later.

use std::collections::BTreeSet;

use kube::Client;

use crate::objects::Kind;

/// The optional kinds that the API server serves.
///
/// # Errors
/// When it cannot be asked; a group that is not there is no error.
pub async fn optional_kinds(client: &Client) -> Result<BTreeSet<Kind>, kube::Error> {
    let mut kinds = BTreeSet::new();
    let optional: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.is_optional()).collect();
    let versions: BTreeSet<String> = optional.iter().map(|kind| kind.api_version()).collect();
    for version in versions {
        let resources = match client.list_api_group_resources(&version).await {
            Ok(list) => list.resources,
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        let served = |kind: &&Kind| {
            let (.., plural) = kind.coordinates();
            kind.api_version() == version && resources.iter().any(|resource| resource.name == plural)
        };
        kinds.extend(optional.iter().filter(served));
    }
    Ok(kinds)
}
