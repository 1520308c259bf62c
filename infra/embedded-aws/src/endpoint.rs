//! The services behind one endpoint, and what watches over their calls.

use crate::access::Access;
use crate::calls::Log;
use crate::clock::Clock;
use crate::dynamodb::Tables;
use crate::faults::Faults;
use crate::reply::Reply;
use crate::secrets::Secrets;
use crate::service::Service;
use crate::sqs::Queues;

/// What the endpoint's connections share.
pub(crate) struct Endpoint {
    pub dynamodb: Tables,
    pub sqs: Queues,
    pub secrets: Secrets,
    pub access: Access,
    pub calls: Log,
    pub faults: Faults,
    pub clock: Clock,
}

impl Endpoint {
    pub async fn answer(&self, service: Service, operation: &str, body: &[u8]) -> Reply {
        match service {
            Service::DynamoDb => self.dynamodb.answer(operation, body).await,
            Service::Sqs => self.sqs.answer(operation, body).await,
            Service::SecretsManager => self.secrets.answer(operation, body),
        }
    }
}
